// Everything the service knows, behind one lock: the bus thread puts events in, scrapes and queries take
// reports out.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aggregation.hpp"
#include "base/wall_time.hpp"
#include "bus/v1/bus.pb.h"
#include "instance_clocks.hpp"
#include "module_state.hpp"
#include "runtime/health.hpp"

namespace millrace::metrics {

class Observatory {
 public:
  // now_us: the monotonic clock.
  Observatory(std::shared_ptr<runtime::Health> health, std::function<std::int64_t()> now_us);

  // From subscriptions; each names the instance that it comes from.
  void snapshot(const bus::v1::Snapshot& snapshot);
  void event(const bus::v1::Event& event);
  void lost(const std::string& service, const std::string& instance);
  // Watched, and not known yet.
  void expect(std::string_view service);

  Report report() const;
  // Once a second: judges the streams' health and makes the events that report their numbers.
  std::vector<bus::v1::Event> tick(WallTime wall);
  // As of the last tick; never null.
  std::shared_ptr<const ModuleState> state() const;
  std::optional<v1::HealthHistory> health_history(const std::string& stream_id) const;
  // By name: is an instance of it on the bus?
  std::map<std::string, bool> services() const;

 private:
  void replace_streams(const bus::v1::Snapshot& snapshot);
  void replace_recordings(const bus::v1::Snapshot& snapshot);
  void apply(const std::string& instance, const bus::v1::Event& event);
  // The event's statistics, measured at a time of our clock.
  template <class Statistics>
  Statistics by_our_clock(std::string_view service, const std::string& instance, Statistics statistics);
  void report_health(const std::string& service);
  std::map<std::string, bool> services_locked() const;

  std::shared_ptr<runtime::Health> health_;
  std::function<std::int64_t()> now_us_;
  mutable std::mutex mutex_;
  mutable Aggregation aggregation_;
  std::set<std::string> expected_;  // services
  std::map<std::pair<std::string, std::string>, bool>
      instances_;  // service and instance that was heard: is it there?
  InstanceClocks clocks_;
  HostMeter host_;  // the ticking thread's
  const std::int64_t began_us_;
  std::shared_ptr<const ModuleState> state_ = std::make_shared<ModuleState>();
};

}  // namespace millrace::metrics
