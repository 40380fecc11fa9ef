// Who a request comes from when proxies stand in front: the address that the last trusted proxy saw. What a
// client writes into the field itself stands to the left of that, and is never believed.
//
//   X-Forwarded-For: 203.0.113.77, 198.51.100.4, 10.0.0.8     from 10.0.0.1
//                    made up        client        trusted          trusted
//
// Only one field is read, the one that the proxies set: the other one they may pass on from the client
// as it is. RFC 7239 (Forwarded). Pure, immutable; any thread.
//
// A Server that has them (ServerConfig::proxies) gives each request its client's address: nobody behind it
// looks at the fields again.
#pragma once

#include <string>
#include <string_view>

#include "http/message.hpp"
#include "net/ip_network.hpp"

namespace millrace {
class ConfigTable;
}

namespace millrace::http {

enum class ForwardingField : std::uint8_t { kXForwardedFor, kForwarded };

class TrustedProxies {
 public:
  static constexpr std::size_t kMaxHops = 32;  // examined, from the right

  TrustedProxies() = default;  // nobody is trusted
  TrustedProxies(net::IpNetworks networks, ForwardingField field)
      : networks_(std::move(networks)), field_(field) {}

  // peer: of the TCP connection. An entry that is no address ends the search: the client is then the proxy
  // that wrote it.
  std::string client_of(std::string_view peer, const Fields& headers) const;
  // Whether the peer of a TCP connection is one of them.
  bool contains(std::string_view peer) const;

 private:
  net::IpNetworks networks_;
  ForwardingField field_ = ForwardingField::kXForwardedFor;
};

// TRUSTED_PROXIES and TRUSTED_PROXY_HEADER, the same for every service with a public HTTP port.
struct TrustedProxiesConfig {
  net::IpNetworks networks;
  std::string header;

  void add_rows(ConfigTable& table);
  TrustedProxies proxies() const;
};

}  // namespace millrace::http
