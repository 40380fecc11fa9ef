// Everything the service knows, behind one lock: the bus thread puts events in, scrapes and queries take
// reports out.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aggregation.hpp"
#include "bus/v1/bus.pb.h"
#include "module_state.hpp"
#include "runtime/health.hpp"

namespace millrace::metrics {

class Observatory {
 public:
  // now_us: the monotonic clock.
  Observatory(std::shared_ptr<runtime::Health> health, std::function<std::int64_t()> now_us);

  // From a subscription to `service`.
  void snapshot(std::string_view service, const bus::v1::Snapshot& snapshot);
  void event(const bus::v1::Event& event);
  void lost(std::string_view service);
  // Watched, and not known yet.
  void expect(std::string_view service);

  Report report() const;
  // Once a second: judges the streams' health and makes the events that report their numbers.
  std::vector<bus::v1::Event> tick(std::int64_t wall_us);
  // As of the last tick; never null.
  std::shared_ptr<const ModuleState> state() const;
  std::optional<v1::HealthHistory> health_history(const std::string& stream_id) const;
  // By name: is it on the bus?
  std::map<std::string, bool> services() const;

 private:
  void replace_streams(const bus::v1::Snapshot& snapshot);
  void replace_recordings(const bus::v1::Snapshot& snapshot);
  void apply(const bus::v1::Event& event);
  void set_service(std::string_view service, bool up);

  std::shared_ptr<runtime::Health> health_;
  std::function<std::int64_t()> now_us_;
  mutable std::mutex mutex_;
  mutable Aggregation aggregation_;
  std::map<std::string, bool> services_;
  HostMeter host_;  // the ticking thread's
  const std::int64_t began_us_;
  std::shared_ptr<const ModuleState> state_ = std::make_shared<ModuleState>();
};

}  // namespace millrace::metrics
