#include "bus/address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "bus/errors.hpp"

namespace millrace::bus {
namespace {

constexpr std::string_view kIpc = "ipc://";
constexpr std::string_view kTcp = "tcp://";
// Two more ports follow it.
constexpr unsigned kMaxPort = 65533;

std::optional<std::uint16_t> parse_port(std::string_view text) {
  unsigned port = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc() || rest != end || port == 0 || port > kMaxPort) return std::nullopt;
  return static_cast<std::uint16_t>(port);
}

bool is_v6(const std::string& host) {
  in6_addr ignored{};
  return ::inet_pton(AF_INET6, host.c_str(), &ignored) == 1;
}

bool is_v4(const std::string& host) {
  in_addr ignored{};
  return ::inet_pton(AF_INET, host.c_str(), &ignored) == 1;
}

bool is_host(std::string_view host) {
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_' || c == '*';
  });
}

std::optional<Address> parse_tcp(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::optional<std::uint16_t> port = parse_port(text.substr(colon + 1));
  std::string host(text.substr(0, colon));
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  if (!port || (brackets ? !is_v6(host) : !is_host(host))) return std::nullopt;
  return Address{Address::Kind::kTcp, std::move(host), *port};
}

}  // namespace

std::string to_string(const PeerName& name) {
  return name.instance.empty() || name.instance == kDefaultInstance ? name.service
                                                                    : name.service + "." + name.instance;
}

bool is_instance_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxInstanceName && name.front() != '-' &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

std::optional<Address> parse_address(std::string_view text) {
  if (text.starts_with(kTcp)) return parse_tcp(text.substr(kTcp.size()));
  if (!text.starts_with(kIpc)) return std::nullopt;
  text.remove_prefix(kIpc.size());
  if (text.empty()) return Address{};
  if (text.front() != '/' ||
      endpoints_of({Address::Kind::kIpc, std::string(text)}).commands.size() > kIpc.size() + kMaxSocketPath)
    return std::nullopt;
  return Address{Address::Kind::kIpc, std::string(text)};
}

std::string to_string(const Address& address) {
  if (address.kind != Address::Kind::kTcp) return std::string(kIpc) + address.host;
  const std::string host = is_v6(address.host) ? "[" + address.host + "]" : address.host;
  return std::string(kTcp) + host + ":" + std::to_string(address.port);
}

Endpoints endpoints_of(const Address& address) {
  if (address.kind == Address::Kind::kTcp) {
    const auto at = [&](int offset) {
      return to_string(
          Address{address.kind, address.host, static_cast<std::uint16_t>(address.port + offset)});
    };
    return {at(0), at(1), at(2)};
  }
  const std::string base = to_string(address);
  return {base + ".events", base + ".commands", base + ".pointers"};
}

Result<Address> ipc_address(const std::string& directory, const PeerName& name) {
  const std::string base = directory + "/" + to_string(name);
  const std::string longest = base + ".commands";
  if (longest.size() > kMaxSocketPath) {
    return fail(bus::errors::kAddress,
                "BUS_DIR is too long: \"" + longest + "\" has " + std::to_string(longest.size()) +
                    " bytes, a socket path may have " + std::to_string(kMaxSocketPath));
  }
  return Address{Address::Kind::kIpc, base};
}

bool is_loopback(const Address& address) {
  if (address.kind != Address::Kind::kTcp) return true;
  if (is_v4(address.host)) return address.host.starts_with("127.");
  return address.host == "::1" || address.host == "localhost" || address.host.ends_with(".localhost");
}

bool is_number(std::string_view host) {
  const std::string text(host);
  return is_v4(text) || is_v6(text);
}

}  // namespace millrace::bus
