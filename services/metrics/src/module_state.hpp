// What the module says of itself as a whole: judged once a second, read by every transport. Plain data and a
// pure judgement.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "host_usage.hpp"
#include "report.hpp"

namespace millrace::metrics {

enum class ModuleHealth : std::uint8_t { kHealthy, kDegraded, kUnhealthy };
std::string_view to_string(ModuleHealth health);

struct ModuleState {
  Report report;
  HostUsage host;
  std::map<std::string, bool> services;  // heard on the bus?
  std::int64_t uptime_us = 0;            // of this service
  ModuleHealth health = ModuleHealth::kHealthy;
  std::vector<std::string> errors;  // why it is not healthy
  // False right after the start, while nobody could have been heard yet.
  bool ready = false;
};

// Unhealthy: ingest, without which there is no stream, is not heard. Degraded: another service is not, a
// recording fails, or the machine is near its end.
void judge_module(ModuleState& state);
// "2h45m30s", "45m0s", "7s".
std::string uptime_text(std::int64_t uptime_us);

}  // namespace millrace::metrics
