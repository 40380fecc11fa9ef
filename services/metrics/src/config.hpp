// metrics' configuration: one row a field.
#pragma once

#include <cstdint>
#include <string>

#include "base/config.hpp"
#include "bus/endpoints.hpp"

namespace millrace::metrics {

struct MetricsConfig {
  std::string listen_address;
  std::uint16_t port = 0;
  bus::EndpointsConfig bus;

  void add_rows(ConfigTable& table);
};

}  // namespace millrace::metrics
