// Who watches a stream: players that asked for its playlist lately. Thread-safe; times are passed in.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/siphash.hpp"

namespace millrace::packaging {

struct StreamViewers {
  std::string stream_id;
  std::uint32_t viewers = 0;
  std::uint64_t sent_bytes = 0;  // handed to connections since packaging started
  std::uint64_t began =
      0;  // viewers that came since packaging started; one that was away too long counts again
  std::int64_t segment_latency_us = 0;  // of the newest segment; 0: none yet
};

// What is tracked: beyond it viewers are not counted until others have left. Nobody can take it all: neither
// one stream's audience, nor one address (IPv6: /64) by as many names as it likes.
struct ViewerLimits {
  std::size_t viewers = 200'000;  // of all streams
  std::size_t of_stream = 100'000;
  std::size_t of_address = 3'000;          // of all streams
  std::size_t of_address_and_stream = 64;  // user agents; further ones are one viewer together
};

class ViewerCounter {
 public:
  static constexpr std::int64_t kKeepUs = 600'000'000;

  explicit ViewerCounter(const ViewerLimits& limits = {}) : limits_(limits), key_(random_hash_key()) {}

  // A playlist was asked for. A viewer is an address with its user agent: players behind one address with the
  // same program count as one, a player that changes its address as two for a while.
  void seen(std::string_view stream_id, std::string_view address, std::string_view user_agent,
            std::int64_t now_us, std::int64_t expires_us);
  void sent(std::string_view stream_id, std::uint64_t bytes);
  // A segment was listed, so long after its last frame had arrived at ingest.
  void segment(std::string_view stream_id, std::int64_t latency_us);

  // Forgets viewers that have not come back in time, then reports every stream that has viewers, or had some
  // (or was sent bytes, or got a segment) at the last call. A stream that is not known any more (its
  // past is watched) is forgotten, with its counters, kKeepUs after the last report.
  using IsKnown = std::function<bool(const std::string& stream_id)>;
  std::vector<StreamViewers> collect(
      std::int64_t now_us, const IsKnown& is_known = [](const std::string&) { return true; });
  void forget(std::string_view stream_id);
  std::size_t viewers() const;
  std::size_t streams() const;

 private:
  using Key = std::uint64_t;  // of an address, or of one with its user agent
  struct Viewer {
    Key address = 0;
    std::int64_t expiry_us = 0;
  };
  struct Stream {
    std::unordered_map<Key, Viewer> viewers;
    std::unordered_map<Key, std::size_t> of_address;
    std::uint64_t sent_bytes = 0;
    std::uint64_t began = 0;
    std::int64_t segment_latency_us = 0;
    bool changed = false;
    std::int64_t active_us = 0;  // was reported
  };
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  using Streams = std::unordered_map<std::string, Stream, Hash, std::equal_to<>>;

  Key viewer_key(Key address, std::string_view user_agent) const;
  Stream& stream(std::string_view stream_id);
  bool has_room(const Stream& watched, Key address) const;
  void left(Stream& watched, Key address);

  const ViewerLimits limits_;
  const HashKey key_;
  mutable std::mutex mutex_;  // guards what follows
  Streams streams_;
  std::size_t viewers_ = 0;
  std::unordered_map<Key, std::size_t> of_address_;
};

}  // namespace millrace::packaging
