// metrics' configuration: one row a field.
#pragma once

#include <cstdint>
#include <string>

#include "base/config.hpp"
#include "bus/endpoints.hpp"
#include "http/ops_config.hpp"

namespace millrace::metrics {

struct MetricsConfig {
  http::OpsConfig ops;
  std::string grpc_address;
  std::uint16_t grpc_port = 0;
  bool grpc_reflection = false;
  std::uint16_t rtmp_port = 0;
  std::string rtmp_base_url;
  bus::EndpointsConfig bus;

  void add_rows(ConfigTable& table);
};

}  // namespace millrace::metrics
