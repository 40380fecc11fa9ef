// The configuration of auth: one row each in docs/configuration.md.
#pragma once

#include <cstdint>
#include <string>

#include "base/config.hpp"
#include "bus/endpoints.hpp"

namespace millrace::auth {

struct AuthConfig {
  Secret server_secret;
  Secret token_secret;
  std::string database_url;
  std::uint16_t ops_port = 0;
  std::string ops_address;
  bus::EndpointsConfig bus;

  void add_rows(ConfigTable& table);
  // DATABASE_URL, or the file below home when it is unset.
  std::string database(const std::string& home) const;
};

}  // namespace millrace::auth
