#include "instance_clocks.hpp"

#include <algorithm>

namespace millrace::metrics {

std::int64_t InstanceClocks::local_us(const std::string& service, const std::string& instance,
                                      std::int64_t measured_us, std::int64_t now_us) {
  const Name name{service, instance};
  auto known = ages_.find(name);
  if (known == ages_.end()) {
    if (ages_.size() >= kMaxInstances) return now_us;
    known = ages_.emplace(name, Ages{.begun_us = now_us}).first;
  }
  Ages& ages = known->second;
  const std::int64_t age = now_us - measured_us;
  if (now_us - ages.begun_us >= kWindowUs) ages = {.begun_us = now_us, .previous = ages.least};
  ages.least = std::min(ages.least, age);
  return measured_us + std::min(ages.least, ages.previous);
}

void InstanceClocks::booted(const std::string& service, const std::string& instance, std::uint64_t boot_id) {
  const Name name{service, instance};
  const auto known = boots_.find(name);
  if (known != boots_.end() && known->second == boot_id) return;
  ages_.erase(name);
  if (boot_id == 0) {
    boots_.erase(name);
  } else if (known != boots_.end() || boots_.size() < kMaxInstances) {
    boots_[name] = boot_id;
  }
}

}  // namespace millrace::metrics
