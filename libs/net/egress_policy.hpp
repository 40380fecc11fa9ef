// Where this machine may be made to connect to by somebody outside: URLs in the answers of hooks, forward
// targets, whatever a user sets. Against server-side request forgery (OWASP SSRF): such a URL must not reach
// our own loopback, the cloud's metadata service or a private network, however it is written. Two checks
// belong together:
//
//   auto target = policy.check_url(url);       // when it is set, and again before use
//   policy.check_address(resolved, length);    // each address its name resolved to, right before connect()
//
// The second is what stops a name that resolves elsewhere the next time (DNS rebinding): connect to the
// address that was checked, never to the name. URLs of the operator's own configuration do not go through
// here. Sans-IO, immutable after creation; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

struct sockaddr;

namespace millrace::net {

// The parts of a URL (RFC 3986) that a connection needs. host is lower case, without brackets and trailing
// dot.
struct EgressTarget {
  std::string scheme;
  std::string host;
  std::uint16_t port = 0;   // 0: the scheme's default, which the caller knows
  bool is_address = false;  // host is a literal address: already checked, nothing to resolve
};

class EgressPolicy {
 public:
  static constexpr std::size_t kMaxUrlLength = 2048;

  struct Config {
    std::vector<std::string> schemes;  // lower case, such as {"rtmp", "rtmps"}
    // Addresses and networks (CIDR) that are allowed though they are not public, separated by commas:
    // "10.1.0.0/16,fd00::7"; "*" allows every address. The operator's to set.
    std::string allowed;
  };
  // Errors: net.egress_range, with the entry that is none.
  static Result<EgressPolicy> create(const Config& config);

  // Errors: net.egress_url (not a plain URL: other characters, user information, too long, a strange form of
  // an address), net.egress_scheme, net.egress_address (not a public one), net.egress_name ("localhost" and
  // its like). Messages never quote the URL: it may hold a key.
  Result<EgressTarget> check_url(std::string_view url) const;

  // Errors: net.egress_address for an address that is not public and not allowed, and for other families than
  // IPv4 and IPv6. length: bytes of the address, as connect() takes it.
  Result<void> check_address(const sockaddr* address, std::size_t length) const;
  // The same for text as inet_pton takes it.
  Result<void> check_address(std::string_view literal) const;

 private:
  using Address = std::array<std::uint8_t, 16>;  // IPv4 as ::ffff:a.b.c.d
  struct Range {
    Address first;
    unsigned bits;
  };

  static Result<Range> parse_range(std::string_view text);
  Result<void> check(const Address& address) const;
  Result<EgressTarget> check_host(EgressTarget target, bool bracketed) const;

  std::vector<std::string> schemes_;
  std::vector<Range> allowed_;
  bool everything_ = false;
};

}  // namespace millrace::net
