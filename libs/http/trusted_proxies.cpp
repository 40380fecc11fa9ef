#include "http/trusted_proxies.hpp"

#include <algorithm>
#include <optional>

#include "base/config.hpp"

namespace millrace::http {
namespace {

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return lower(x) == lower(y);
  });
}

// "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80".
std::optional<net::IpAddress> address_of(std::string_view node) {
  if (node.starts_with('[')) {
    const std::size_t end = node.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    return net::IpAddress::parse(node.substr(1, end - 1));
  }
  const std::size_t colon = node.find(':');
  if (colon != std::string_view::npos && colon == node.rfind(':')) node = node.substr(0, colon);
  return net::IpAddress::parse(node);
}

// for=… of one element of Forwarded, without its quotes; empty when there is none.
std::string_view node_of(std::string_view element) {
  while (!element.empty()) {
    const std::size_t end = std::min(element.find(';'), element.size());
    const std::string_view pair = trimmed(element.substr(0, end));
    element.remove_prefix(std::min(end + 1, element.size()));
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || !equal_ignoring_case(trimmed(pair.substr(0, equals)), "for"))
      continue;
    std::string_view node = trimmed(pair.substr(equals + 1));
    if (node.size() >= 2 && node.starts_with('"') && node.ends_with('"'))
      node = node.substr(1, node.size() - 2);
    return node;
  }
  return {};
}

}  // namespace

bool TrustedProxies::contains(std::string_view peer) const {
  if (networks_.empty()) return false;
  const std::optional<net::IpAddress> address = net::IpAddress::parse(peer);
  return address && networks_.contains(*address);
}

std::string TrustedProxies::client_of(std::string_view peer, const Fields& headers) const {
  std::optional<net::IpAddress> client = networks_.empty() ? std::nullopt : net::IpAddress::parse(peer);
  if (!client || !networks_.contains(*client)) return std::string(peer);
  const bool forwarded = field_ == ForwardingField::kForwarded;
  const std::string_view name = forwarded ? "Forwarded" : "X-Forwarded-For";
  std::size_t hops = 0;
  // Several fields of the name are one list (RFC 9110 section 5.3): the last one was added last.
  for (std::size_t i = headers.size(); i-- > 0;) {
    const auto [field, value] = headers.at(i);
    if (!equal_ignoring_case(field, name)) continue;
    std::string_view rest = value;
    while (true) {
      const std::size_t comma = rest.rfind(',');
      const std::string_view entry = trimmed(comma == std::string_view::npos ? rest : rest.substr(comma + 1));
      const std::optional<net::IpAddress> hop = address_of(forwarded ? node_of(entry) : entry);
      if (!hop || ++hops > kMaxHops) return client->text();
      client = hop;
      if (!networks_.contains(*client)) return client->text();
      if (comma == std::string_view::npos) break;
      rest = rest.substr(0, comma);
    }
  }
  return client->text();
}

void TrustedProxiesConfig::add_rows(ConfigTable& table) {
  table.parsed<net::IpNetworks>(
      "TRUSTED_PROXIES", networks, "networks", "",
      "proxies and load balancers in front of the API and of HLS delivery "
      "(addresses or CIDR, separated by commas) that are trusted to name their client",
      [](const std::string& text) { return net::IpNetworks::parse(text); });
  table.choice("TRUSTED_PROXY_HEADER", header, "x-forwarded-for", {"x-forwarded-for", "forwarded"},
               "the field that they set; the other one is ignored");
}

TrustedProxies TrustedProxiesConfig::proxies() const {
  return {networks, header == "forwarded" ? ForwardingField::kForwarded : ForwardingField::kXForwardedFor};
}

}  // namespace millrace::http
