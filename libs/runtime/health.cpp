#include "runtime/health.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace millrace::runtime {

std::string_view to_string(HealthState state) {
  switch (state) {
    case HealthState::kReady:
      return "ready";
    case HealthState::kDegraded:
      return "degraded";
    case HealthState::kStarting:
      return "starting";
    case HealthState::kStopping:
      return "stopping";
  }
  return "starting";
}

std::string HealthReport::json() const {
  nlohmann::json list = nlohmann::json::array();
  for (const ComponentHealth& component : components) {
    list.push_back({{"component", component.component},
                    {"state", to_string(component.state)},
                    {"reason", component.reason}});
  }
  const nlohmann::json whole = {{"state", to_string(state)}, {"components", std::move(list)}};
  // Reasons may quote what a peer or the system said: bytes that are no UTF-8 must not throw.
  return whole.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void Health::set(std::string_view component, HealthState state, std::string_view reason) {
  const std::lock_guard lock(mutex_);
  entries_.insert_or_assign(std::string(component), Entry{state, std::string(reason)});
}

void Health::remove(std::string_view component) {
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(component);
  if (entry != entries_.end()) entries_.erase(entry);
}

HealthState Health::overall() const {
  return report().state;
}

HealthReport Health::report() const {
  const std::lock_guard lock(mutex_);
  HealthReport report;
  if (entries_.empty()) return report;
  report.state = HealthState::kReady;
  report.components.reserve(entries_.size());
  for (const auto& [component, entry] : entries_) {
    report.state = std::max(report.state, entry.state);
    report.components.push_back({component, entry.state, entry.reason});
  }
  return report;
}

}  // namespace millrace::runtime
