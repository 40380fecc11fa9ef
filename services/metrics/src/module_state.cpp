#include "module_state.hpp"

#include <algorithm>
#include <cmath>

namespace millrace::metrics {
namespace {

constexpr double kCpuLimit = 0.95;
constexpr double kMemoryLimit = 0.95;
constexpr std::int64_t kPatienceUs = 5'000'000;
constexpr std::string_view kEssential = "ingest";

std::string percent(double share) {
  return std::to_string(std::lround(share * 100)) + "%";
}

}  // namespace

std::string_view to_string(ModuleHealth health) {
  if (health == ModuleHealth::kHealthy) return "healthy";
  return health == ModuleHealth::kDegraded ? "degraded" : "unhealthy";
}

void judge_module(ModuleState& state) {
  state.health = ModuleHealth::kHealthy;
  state.errors.clear();
  const auto worsen = [&state](ModuleHealth health, std::string error) {
    state.health = std::max(state.health, health);
    state.errors.push_back(std::move(error));
  };
  for (const auto& [service, up] : state.services) {
    if (up) continue;
    worsen(service == kEssential ? ModuleHealth::kUnhealthy : ModuleHealth::kDegraded,
           service + " does not answer");
  }
  if (state.report.failing_recordings > 0)
    worsen(ModuleHealth::kDegraded, std::to_string(state.report.failing_recordings) + " recordings fail");
  if (state.host.lasting_cpu >= kCpuLimit)
    worsen(ModuleHealth::kDegraded, "CPU usage at " + percent(state.host.lasting_cpu));
  if (state.host.memory() >= kMemoryLimit)
    worsen(ModuleHealth::kDegraded, "Memory usage at " + percent(state.host.memory()));
  const auto essential = state.services.find(std::string(kEssential));
  state.ready = state.uptime_us >= kPatienceUs || (essential != state.services.end() && essential->second);
}

std::string uptime_text(std::int64_t uptime_us) {
  const std::int64_t seconds = uptime_us / 1'000'000;
  std::string text;
  if (seconds >= 3600) text += std::to_string(seconds / 3600) + "h";
  if (seconds >= 60) text += std::to_string(seconds / 60 % 60) + "m";
  return text + std::to_string(seconds % 60) + "s";
}

}  // namespace millrace::metrics
