// Monotonic times of other processes as times of this one's clock, as they may run on another host, whose
// clock began at another time. Pure; owner: Observatory, under its lock.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <utility>

namespace millrace::metrics {

// The clocks differ by no more than a message's age on arrival: by the least of the last 15 to 30 seconds,
// which is the time that the fastest one was on its way. On one host this adds well under a millisecond.
class InstanceClocks {
 public:
  // Of instances beyond it times are those of the arrival.
  static constexpr std::size_t kMaxInstances = 512;
  static constexpr std::int64_t kWindowUs = 15'000'000;

  // A message that the instance measured at measured_us, by its own clock, and that arrives at now_us. Never
  // later than now_us.
  std::int64_t local_us(const std::string& service, const std::string& instance, std::int64_t measured_us,
                        std::int64_t now_us);
  // The instance is a new process, perhaps on another host, or on one that was started again; 0: it is gone.
  void booted(const std::string& service, const std::string& instance, std::uint64_t boot_id);

 private:
  static constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::max();
  struct Ages {
    std::int64_t begun_us = 0;
    std::int64_t least = kNone;     // since begun_us
    std::int64_t previous = kNone;  // of the window before
  };
  using Name = std::pair<std::string, std::string>;  // service and instance
  std::map<Name, Ages> ages_;
  std::map<Name, std::uint64_t> boots_;
};

}  // namespace millrace::metrics
