// Whatever the bytes are: an answer, and what is allowed resolves to no address that the policy itself
// refuses, however the system's own lenient parser reads the host.
#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstdlib>
#include <string>

#include "net/egress_policy.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  static const net::EgressPolicy policy =
      net::EgressPolicy::create({.schemes = {"http", "rtmp"}, .allowed = ""}).value();
  const std::string text(reinterpret_cast<const char*>(data), size);
  (void)net::EgressPolicy::create({.schemes = {}, .allowed = text});
  const auto target = policy.check_url(text);
  if (!target) return 0;
  sockaddr_in four{};
  four.sin_family = AF_INET;
  if (inet_aton(target->host.c_str(), &four.sin_addr) == 0) return 0;
  if (!policy.check_address(reinterpret_cast<const sockaddr*>(&four), sizeof four)) std::abort();
  return 0;
}
