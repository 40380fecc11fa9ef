#include "net/egress_policy.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

namespace millrace::net {

namespace {

using Bytes16 = std::array<std::uint8_t, 16>;

constexpr unsigned kMappedBits = 96;  // ::ffff:0:0/96

bool is_alpha(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

// Mapped and plain IPv4 become the same bytes: one rule for both.
std::optional<Bytes16> parse_address(std::string_view text) {
  const std::string terminated(text);
  Bytes16 bytes{};
  if (inet_pton(AF_INET6, terminated.c_str(), bytes.data()) == 1) return bytes;
  in_addr four{};
  if (inet_pton(AF_INET, terminated.c_str(), &four) != 1) return std::nullopt;
  bytes[10] = bytes[11] = 0xff;
  std::memcpy(bytes.data() + 12, &four, sizeof four);
  return bytes;
}

bool begins_with(const Bytes16& address, const Bytes16& prefix, unsigned bits) {
  const unsigned whole = bits / 8;
  if (!std::equal(prefix.begin(), prefix.begin() + whole, address.begin())) return false;
  const unsigned rest = bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff << (8 - rest));
  return (address[whole] & mask) == (prefix[whole] & mask);
}

struct Special {
  const char* prefix;
  unsigned bits;
};

// The IANA registries of special-purpose addresses (RFC 6890 and its successors), and multicast: nothing in
// them is a public host. IPv4 as it is mapped.
constexpr Special kSpecial[] = {
    {"0.0.0.0", 8},       {"10.0.0.0", 8},      {"100.64.0.0", 10},   {"127.0.0.0", 8},
    {"169.254.0.0", 16},  {"172.16.0.0", 12},   {"192.0.0.0", 24},    {"192.0.2.0", 24},
    {"192.31.196.0", 24}, {"192.52.193.0", 24}, {"192.88.99.0", 24},  {"192.168.0.0", 16},
    {"192.175.48.0", 24}, {"198.18.0.0", 15},   {"198.51.100.0", 24}, {"203.0.113.0", 24},
    {"224.0.0.0", 3},
};
// Of the global unicast range 2000::/3; everything outside of it is special too. Teredo and 6to4 carry an
// IPv4 address that would get around the table above.
constexpr Special kSpecialOfGlobal[] = {{"2001::", 23}, {"2001:db8::", 32}, {"2002::", 16}, {"3fff::", 20}};

bool is_public(const Bytes16& address) {
  static const Bytes16 mapped = *parse_address("0.0.0.0");
  if (begins_with(address, mapped, kMappedBits)) {
    return std::none_of(std::begin(kSpecial), std::end(kSpecial), [&](const Special& special) {
      return begins_with(address, *parse_address(special.prefix), kMappedBits + special.bits);
    });
  }
  if ((address[0] & 0xe0) != 0x20) return false;
  return std::none_of(std::begin(kSpecialOfGlobal), std::end(kSpecialOfGlobal), [&](const Special& special) {
    return begins_with(address, *parse_address(special.prefix), special.bits);
  });
}

// Where the authority ends. Nobody agrees what a backslash, a blank or a byte above 127 means in a URL:
// refused.
bool has_plain_characters(std::string_view url) {
  return std::all_of(url.begin(), url.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '\\'; });
}

bool is_name(std::string_view host) {
  if (host.empty() || host.size() > 253 || host.front() == '.' || host.find("..") != std::string_view::npos)
    return false;
  return std::all_of(host.begin(), host.end(),
                     [](char c) { return is_alpha(c) || is_digit(c) || c == '-' || c == '_' || c == '.'; });
}

// 127.1, 2130706433, 0x7f000001, 0177.0.0.1: what inet_aton() and browsers take as an IPv4 address is
// recognised by the last label (URL Standard, "ends in a number").
bool ends_in_number(std::string_view host) {
  const std::string_view last = host.substr(host.rfind('.') + 1);  // npos + 1: the whole
  if (last.empty()) return false;
  if (std::all_of(last.begin(), last.end(), is_digit)) return true;
  return last.size() >= 2 && last[0] == '0' && last[1] == 'x';
}

bool is_local_name(std::string_view host) {
  for (const std::string_view local : {"localhost", "localdomain", "local", "internal", "home.arpa"}) {
    if (host == local) return true;
    if (host.size() > local.size() && host.substr(host.size() - local.size()) == local &&
        host[host.size() - local.size() - 1] == '.') {
      return true;
    }
  }
  return false;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

}  // namespace

Result<EgressPolicy::Range> EgressPolicy::parse_range(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view literal = text.substr(0, slash);
  const std::optional<Address> address = parse_address(literal);
  const bool four = literal.find(':') == std::string_view::npos;
  unsigned bits = four ? 32 : 128;
  bool good = address.has_value();
  if (good && slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const unsigned longest = bits;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    good = error == std::errc() && end == digits.data() + digits.size() && bits <= longest;
  }
  if (!good) return fail("net.egress_range", "not an address or network: " + std::string(text));
  return Range{*address, four ? kMappedBits + bits : bits};
}

Result<EgressPolicy> EgressPolicy::create(const Config& config) {
  EgressPolicy policy;
  policy.schemes_ = config.schemes;
  std::string_view rest = config.allowed;
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    std::string_view entry = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    while (!entry.empty() && entry.front() == ' ') entry.remove_prefix(1);
    while (!entry.empty() && entry.back() == ' ') entry.remove_suffix(1);
    if (entry.empty()) continue;
    if (entry == "*") {
      policy.everything_ = true;
      continue;
    }
    Result<Range> range = parse_range(entry);
    if (!range) return tl::unexpected<Error>(range.error());
    policy.allowed_.push_back(*range);
  }
  return policy;
}

Result<void> EgressPolicy::check(const Address& address) const {
  if (everything_ || is_public(address)) return {};
  for (const Range& range : allowed_) {
    if (begins_with(address, range.first, range.bits)) return {};
  }
  return fail("net.egress_address", "the address is not a public one");
}

Result<void> EgressPolicy::check_address(const sockaddr* address, std::size_t length) const {
  Address bytes{};
  if (length >= sizeof(sockaddr_in6) && address->sa_family == AF_INET6) {
    sockaddr_in6 six{};
    std::memcpy(&six, address, sizeof six);
    std::memcpy(bytes.data(), &six.sin6_addr, bytes.size());
    return check(bytes);
  }
  if (length < sizeof(sockaddr_in) || address->sa_family != AF_INET) {
    return fail("net.egress_address", "neither IPv4 nor IPv6");
  }
  sockaddr_in four{};
  std::memcpy(&four, address, sizeof four);
  bytes[10] = bytes[11] = 0xff;
  std::memcpy(bytes.data() + 12, &four.sin_addr, sizeof four.sin_addr);
  return check(bytes);
}

Result<void> EgressPolicy::check_address(std::string_view literal) const {
  const std::optional<Address> address = parse_address(literal);
  if (!address) return fail("net.egress_address", "not an address");
  return check(*address);
}

Result<EgressTarget> EgressPolicy::check_host(EgressTarget target, bool bracketed) const {
  if (bracketed || ends_in_number(target.host)) {
    target.is_address = true;
    const std::optional<Address> address = parse_address(target.host);
    const bool six = target.host.find(':') != std::string::npos;
    if (!address || six != bracketed) return fail("net.egress_url", "an address in an unusual form");
    if (const Result<void> allowed = check(*address); !allowed) return tl::unexpected<Error>(allowed.error());
    return target;
  }
  if (!is_name(target.host)) return fail("net.egress_url", "not a host name");
  if (!everything_ && allowed_.empty() && is_local_name(target.host)) {
    return fail("net.egress_name", "the name is of this machine or a local network");
  }
  return target;
}

Result<EgressTarget> EgressPolicy::check_url(std::string_view url) const {
  if (url.size() > kMaxUrlLength || !has_plain_characters(url))
    return fail("net.egress_url", "not a plain URL");
  const std::size_t colon = url.find("://");
  if (colon == std::string_view::npos || colon == 0) return fail("net.egress_url", "not a URL with a host");
  EgressTarget target;
  target.scheme = lower(url.substr(0, colon));
  if (std::find(schemes_.begin(), schemes_.end(), target.scheme) == schemes_.end()) {
    return fail("net.egress_scheme", "not a scheme that is taken here");
  }
  std::string_view authority = url.substr(colon + 3);
  authority = authority.substr(0, authority.find_first_of("/?#"));
  if (authority.find('@') != std::string_view::npos)
    return fail("net.egress_url", "user information is not taken");
  const bool bracketed = !authority.empty() && authority.front() == '[';
  std::string_view port;
  if (bracketed) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return fail("net.egress_url", "a bracket without its end");
    target.host = lower(authority.substr(1, end - 1));
    port = authority.substr(end + 1);
  } else {
    const std::size_t end = std::min(authority.find(':'), authority.size());
    target.host = lower(authority.substr(0, end));
    port = authority.substr(end);
    if (!target.host.empty() && target.host.back() == '.') target.host.pop_back();
  }
  if (!port.empty()) {
    const std::optional<std::uint16_t> number =
        port.front() == ':' ? parse_port(port.substr(1)) : std::nullopt;
    if (!number) return fail("net.egress_url", "not a port");
    target.port = *number;
  }
  return check_host(std::move(target), bracketed);
}

}  // namespace millrace::net
