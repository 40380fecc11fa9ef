#include "net/ip_network.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace millrace::net {

namespace {

constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr unsigned kMappedBits = 96;
constexpr unsigned kCustomerBits = 64;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t";
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string terminated(text);
  if (terminated.find('\0') != std::string::npos) return std::nullopt;
  std::array<std::uint8_t, 4> short_form{};
  if (::inet_pton(AF_INET, terminated.c_str(), short_form.data()) == 1) return v4(short_form);
  std::array<std::uint8_t, 16> long_form{};
  if (::inet_pton(AF_INET6, terminated.c_str(), long_form.data()) == 1) return v6(long_form);
  return std::nullopt;
}

IpAddress IpAddress::v4(std::span<const std::uint8_t, 4> bytes) {
  IpAddress address;
  std::copy(kMapped.begin(), kMapped.end(), address.bytes_.begin());
  std::copy(bytes.begin(), bytes.end(), address.bytes_.begin() + kMapped.size());
  return address;
}

IpAddress IpAddress::v6(std::span<const std::uint8_t, 16> bytes) {
  IpAddress address;
  std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
  return address;
}

bool IpAddress::is_v4() const {
  return std::equal(kMapped.begin(), kMapped.end(), bytes_.begin());
}

IpAddress IpAddress::masked(unsigned bits) const {
  IpAddress result;
  for (unsigned i = 0; i < bytes_.size(); ++i) {
    const unsigned kept = std::min(bits - std::min(bits, i * 8), 8U);
    result.bytes_.at(i) = static_cast<std::uint8_t>(bytes_.at(i) & (0xFF00U >> kept));
  }
  return result;
}

IpAddress IpAddress::customer() const {
  return is_v4() ? *this : masked(kCustomerBits);
}

std::string customer_of(std::string_view address) {
  const std::optional<IpAddress> parsed = IpAddress::parse(address);
  return parsed ? parsed->customer().text() : std::string(address);
}

std::string IpAddress::text() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (is_v4()) {
    (void)::inet_ntop(AF_INET, bytes_.data() + kMapped.size(), text.data(), text.size());
  } else {
    (void)::inet_ntop(AF_INET6, bytes_.data(), text.data(), text.size());
  }
  return text.data();
}

std::optional<IpNetwork> IpNetwork::parse(std::string_view text) {
  IpNetwork network;
  if (text == "*") {
    network.everything_ = true;
    return network;
  }
  const std::size_t slash = text.find('/');
  const std::string_view address_text = text.substr(0, slash);
  const std::optional<IpAddress> address = IpAddress::parse(address_text);
  if (!address) return std::nullopt;
  // A prefix counts from where the address that was written begins.
  const bool short_form = address_text.find(':') == std::string_view::npos;
  const unsigned before = short_form ? kMappedBits : 0;
  unsigned bits = 128 - before;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (error != std::errc{} || end != digits.data() + digits.size() || bits > 128 - before)
      return std::nullopt;
  }
  network.bits_ = before + bits;
  network.first_ = address->masked(network.bits_);
  return network;
}

bool IpNetwork::contains(const IpAddress& address) const {
  if (everything_) return true;
  if (address.is_v4() != (first_.is_v4() && bits_ >= kMappedBits)) return false;
  return address.masked(bits_) == first_;
}

Result<IpNetworks> IpNetworks::parse(std::string_view text) {
  IpNetworks list;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view entry = trimmed(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
    if (entry.empty()) continue;
    const std::optional<IpNetwork> network = IpNetwork::parse(entry);
    if (!network)
      return fail("net.network", "'" + std::string(entry) + "' is no IP address, network (10.0.0.0/8) or *");
    if (list.networks_.size() == kMaxEntries)
      return fail("net.network", "more than " + std::to_string(kMaxEntries) + " entries");
    list.networks_.push_back(*network);
  }
  return list;
}

bool IpNetworks::contains(const IpAddress& address) const {
  return std::any_of(networks_.begin(), networks_.end(),
                     [&](const IpNetwork& network) { return network.contains(address); });
}

}  // namespace millrace::net
