// The api's own copy of the live streams' numbers: metrics.v1.MetricsUpdated events go in once a second on
// the bus thread, handlers and the live feed take snapshots out. Thread-safe; no clock, no bus: times are
// CLOCK_MONOTONIC microseconds, passed in.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "metrics/v1/metrics.pb.h"
#include "playback/revocations.hpp"

namespace millrace::api {

class MetricsFeed {
 public:
  // A stream that was not updated for so long is not live any more; nobody learnt of its end.
  static constexpr std::int64_t kStaleUs = 5'000'000;
  static constexpr std::size_t kMostStreams = 10'000;  // further ones are not kept

  using Numbers = std::shared_ptr<const metrics::v1::StreamMetrics>;
  // What one event brought; ended streams have live = false. On the bus thread: must not block.
  using Listener = std::function<void(const std::vector<Numbers>&)>;

  // Before the first update; not thread-safe.
  void listen(Listener listener) { listener_ = std::move(listener); }

  void update(const metrics::v1::MetricsUpdated& event, std::int64_t now_us);

  // Null when the stream is not live, as far as is known.
  Numbers find(std::string_view stream_id, std::int64_t now_us) const;
  // Of all live streams, in no order.
  std::vector<Numbers> live(std::int64_t now_us) const;
  // Whether any event came within kStaleUs. False is no proof of silence: metrics says nothing while nothing
  // is live. A caller that needs to know the difference asks metrics itself.
  bool is_fresh(std::int64_t now_us) const;

 private:
  struct Known {
    Numbers numbers;
    std::int64_t until_us = 0;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  Listener listener_;
  mutable std::mutex mutex_;  // guards what follows
  std::unordered_map<std::string, Known, Hash, std::equal_to<>> known_;
  std::int64_t swept_us_ = 0;
  std::int64_t fresh_until_us_ = 0;
};

// Whether everybody may see numbers that metrics reported: what auth broadcasts may be newer than they are.
// Before auth was heard in whole nobody is everybody.
bool is_public(std::string_view stream_id, bool measured_private, const playback::Revocations& watching);

}  // namespace millrace::api
