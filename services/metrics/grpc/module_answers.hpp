// The module's state in MarchProxy's messages. Pure. Private streams are counted but not named: anybody who
// reaches this port has shown no right to see them.
#pragma once

#include <string>

#include "marchproxy/module.pb.h"
#include "module_state.hpp"

namespace millrace::metrics {

marchproxy::StatusResponse status_response(const ModuleState& state);
// rtmp_base_url: where publishers connect to, "rtmp://host:1935".
marchproxy::RoutesResponse routes_response(const ModuleState& state, const std::string& rtmp_base_url);
marchproxy::MetricsResponse metrics_response(const ModuleState& state);
marchproxy::HealthCheckResponse health_response(const ModuleState& state, std::int64_t taken_us);

}  // namespace millrace::metrics
