// What a service knows about its own state: one entry per component, and the worst of them. Thread-safe; no
// actor.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::runtime {

// In the order of badness. Degraded: it works, but something it needs does not (it says what); it still
// counts as ready, so that one lost service does not take the others out of the load balancer.
enum class HealthState : std::uint8_t { kReady, kDegraded, kStarting, kStopping };

// "ready", "degraded", "starting", "stopping".
std::string_view to_string(HealthState state);

struct ComponentHealth {
  std::string component;
  HealthState state = HealthState::kStarting;
  std::string reason;  // for people; empty when ready. Never a secret.
};

struct HealthReport {
  HealthState state = HealthState::kStarting;
  std::vector<ComponentHealth> components;  // by name

  // What /readyz answers: 200 when true, else 503.
  bool ready() const { return state == HealthState::kReady || state == HealthState::kDegraded; }
  // {"state":"degraded","components":[{"component":"auth","state":"degraded","reason":"silent"}]}
  std::string json() const;
};

class Health {
 public:
  void set(std::string_view component, HealthState state, std::string_view reason = {});
  void remove(std::string_view component);
  // kStarting while there is no component yet.
  HealthState overall() const;
  HealthReport report() const;

 private:
  struct Entry {
    HealthState state;
    std::string reason;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace millrace::runtime
