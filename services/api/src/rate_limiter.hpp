// How many requests somebody may make: a token bucket for each key, as the generic cell rate algorithm keeps
// it (one time per key). At most kMaxKeys are remembered; the least recently seen is forgotten first, which
// gives it a full bucket.
//
// Sans-IO; one owner; times are monotonic microseconds, passed in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bounded_map.hpp"

namespace millrace::api {

class RateLimiter {
 public:
  static constexpr std::size_t kMaxKeys = 16'384;
  static constexpr unsigned kBurstSeconds = 2;  // what may come at once, as seconds of the rate

  // 0: no limit.
  explicit RateLimiter(unsigned per_second, std::size_t max_keys = kMaxKeys);

  struct Refusal {
    unsigned limit;              // requests that may come at once
    std::int64_t after_us;       // then the next one may come
    std::int64_t full_again_us;  // then all of them may
  };
  // nullopt: admitted, and counted. A refused request does not count.
  std::optional<Refusal> take(std::string_view key, std::int64_t now_us);

  std::size_t keys() const { return full_us_.size(); }

 private:
  std::int64_t& touch(std::string_view key, std::int64_t now_us);

  unsigned limit_;
  std::int64_t interval_us_;  // 0: no limit
  // When a bucket is full again: the theoretical arrival time.
  BoundedMap<std::string, std::int64_t> full_us_;
};

}  // namespace millrace::api
