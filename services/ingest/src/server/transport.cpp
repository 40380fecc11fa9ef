#include "server/transport.hpp"

#include <cerrno>
#include <cstring>

namespace millrace::ingest {

std::string Transport::failure(int error) const {
  if (tls_ && error == EPROTO) return "TLS: " + tls_->error();
  return std::strerror(error);
}

}  // namespace millrace::ingest
