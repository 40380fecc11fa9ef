#include "http/ops_config.hpp"

#include <algorithm>
#include <optional>

#include "base/config.hpp"
#include "net/ip_network.hpp"

namespace millrace::http {
namespace {

constexpr std::size_t kMinToken = 16;
constexpr std::size_t kMaxToken = 1024;
constexpr ErrorCode kCode = "config.metrics_token";

bool is_loopback(const std::string& address) {
  static const net::IpNetworks loopback = net::IpNetworks::parse("127.0.0.0/8,::1").value();
  const std::optional<net::IpAddress> parsed = net::IpAddress::parse(address);
  return address == "localhost" || (parsed && loopback.contains(*parsed));
}

}  // namespace

void OpsConfig::add_rows(ConfigTable& table, const std::string& address_variable, const std::string& variable,
                         const std::string& default_port, const std::string& help) {
  port_variable = variable;
  table.text(address_variable, address, "127.0.0.1",
             "IP address of health, readiness and metrics; beyond loopback METRICS_TOKEN is needed");
  table.integer(variable, port, default_port, {0, 65535}, help);
  table.secret(
      "METRICS_TOKEN", token,
      "token (16 to 1024 characters) that /metrics asks for, as `Authorization: Bearer`; unset: everybody on "
      "this machine may read it, nobody else");
}

Result<void> OpsConfig::check() const {
  const std::string& text = token.reveal();
  if (text.empty()) {
    if (is_loopback(address)) return {};
    return fail(kCode, "metrics are not shown on " + address + " (" + port_variable +
                           ") without a token: set METRICS_TOKEN_FILE, or listen on 127.0.0.1");
  }
  const bool visible = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7F'; });
  if (visible && text.size() >= kMinToken && text.size() <= kMaxToken) return {};
  return fail(kCode, "METRICS_TOKEN: must be 16 to 1024 visible characters in one line");
}

}  // namespace millrace::http
