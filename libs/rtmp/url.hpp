// RTMP URLs of servers that we connect to:
//
//   rtmp[s]://[user:password@]host[:port]/application[/instance]/name[?query]
//
// The name is the last part of the path, the query belongs to it; both go to the server as they are written.
// A publisher's name is its key and so a secret, like the password: label() is what logs and metrics show.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace millrace::rtmp {

struct Url {
  static constexpr std::size_t kMaxBytes = 2048;
  static constexpr std::uint16_t kPort = 1935;
  static constexpr std::uint16_t kTlsPort = 443;

  bool tls = false;
  std::string host;  // a name, or an address without brackets
  bool ipv6 = false;
  std::uint16_t port = kPort;
  std::string user;      // percent-decoded, empty without user information
  std::string password;  // a secret
  std::string app;       // with instance, without slashes around it
  std::string name;      // with query; a secret

  // rtmp://host/app: connect's tcUrl. The port only where it is not the scheme's own.
  std::string tc_url() const;
  // host[:port]/app
  std::string label() const;
};

// "rtmp.url"; the message says what is wrong and holds nothing of the URL.
Result<Url> parse_url(std::string_view text);

}  // namespace millrace::rtmp
