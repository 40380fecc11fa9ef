// Where a service's operator port listens, and who may read the metrics there. One rule for every service:
// beyond loopback /metrics needs a token, and health and readiness say their status and no more.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace millrace {
class ConfigTable;
}

namespace millrace::http {

struct OpsConfig {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;
  Secret token{};
  std::string port_variable = "OPS_PORT";

  // The rows of the address (address_variable), METRICS_TOKEN, and the port (variable, with what it is in
  // words).
  void add_rows(ConfigTable& table, const std::string& address_variable, const std::string& variable,
                const std::string& default_port, const std::string& help);
  // "config.metrics_token": there is no token and the address is not loopback's, or it is no good one.
  Result<void> check() const;
};

}  // namespace millrace::http
