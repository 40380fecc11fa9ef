// IP addresses, networks in CIDR notation, and lists of them as they stand in configuration.
//
// An IPv6 address that maps an IPv4 one (::ffff:192.0.2.1, RFC 4291 2.5.5.2) is that IPv4 address, wherever
// it comes from: a listener on [::] and one on 0.0.0.0 give the same peer the same rights.
//
// Plain values; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace millrace::net {

class IpAddress {
 public:
  IpAddress() = default;  // ::
  // As inet_pton takes it: no zone, no port, no brackets, no leading zeros in IPv4.
  static std::optional<IpAddress> parse(std::string_view text);
  static IpAddress v4(std::span<const std::uint8_t, 4> bytes);
  static IpAddress v6(std::span<const std::uint8_t, 16> bytes);

  bool is_v4() const;
  // In network order; an IPv4 address in the mapped form.
  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  // The first bits of the IPv6 form stay, the others become zero.
  IpAddress masked(unsigned bits) const;
  // What limits and counts of clients take an address for: an IPv4 address is itself, an IPv6 address its
  // /64, as that is what one customer is given, and its owner has all of its addresses.
  IpAddress customer() const;
  std::string text() const;

  bool operator==(const IpAddress&) const = default;
  bool operator<(const IpAddress& other) const { return bytes_ < other.bytes_; }

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

// The customer of an address that is written, as text; what is no address stays as it is.
std::string customer_of(std::string_view address);

class IpNetwork {
 public:
  // "192.0.2.1", "10.0.0.0/8", "2001:db8::/32", "*" for every address. Bits behind the prefix don't matter.
  static std::optional<IpNetwork> parse(std::string_view text);
  // An IPv6 network holds no IPv4 address, and the other way round.
  bool contains(const IpAddress& address) const;

 private:
  IpAddress first_;
  unsigned bits_ = 0;  // of the IPv6 form
  bool everything_ = false;
};

class IpNetworks {
 public:
  static constexpr std::size_t kMaxEntries = 4096;

  // Entries split by commas; blanks around them and empty ones don't matter. "net.network" names the entry
  // that is none.
  static Result<IpNetworks> parse(std::string_view text);
  bool contains(const IpAddress& address) const;
  bool empty() const { return networks_.empty(); }

 private:
  std::vector<IpNetwork> networks_;
};

}  // namespace millrace::net
