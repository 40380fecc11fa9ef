#include "net/unique_fd.hpp"

#include <unistd.h>

namespace millrace::net {

void UniqueFd::reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

}  // namespace millrace::net
