// Who watches a stream: players that asked for its playlist lately. Thread-safe; times are passed in.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace millrace::packaging {

struct StreamViewers {
  std::string stream_id;
  std::uint32_t viewers = 0;
  std::uint64_t sent_bytes = 0;  // handed to connections since packaging started
  std::uint64_t began = 0;  // viewers that came since packaging started; who was away too long comes anew
  std::int64_t segment_latency_us = 0;  // of the newest segment; 0: none yet
};

class ViewerCounter {
 public:
  // limit: viewers tracked over all streams; further ones are not counted until others have left.
  explicit ViewerCounter(std::size_t limit) : limit_(limit) {}

  // A playlist was asked for. A viewer is an address with its user agent: players behind one address with the
  // same program count as one, a player that changes its address as two for a while.
  void seen(std::string_view stream_id, std::string_view address, std::string_view user_agent,
            std::int64_t now_us, std::int64_t expires_us);
  void sent(std::string_view stream_id, std::uint64_t bytes);
  // A segment was listed, so long after its last frame had arrived at ingest.
  void segment(std::string_view stream_id, std::int64_t latency_us);

  // Forgets who has not come back in time, then tells every stream that has viewers, or had some (or was sent
  // bytes, or got a segment) at the last call.
  std::vector<StreamViewers> collect(std::int64_t now_us);
  void forget(std::string_view stream_id);
  std::size_t viewers() const;

 private:
  struct Stream {
    std::unordered_map<std::size_t, std::int64_t> expiry_us;  // by hash of address and user agent
    std::uint64_t sent_bytes = 0;
    std::uint64_t began = 0;
    std::int64_t segment_latency_us = 0;
    bool changed = false;
  };
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  using Streams = std::unordered_map<std::string, Stream, Hash, std::equal_to<>>;

  Stream& stream(std::string_view stream_id);

  const std::size_t limit_;
  mutable std::mutex mutex_;
  Streams streams_;
  std::size_t viewers_ = 0;
};

}  // namespace millrace::packaging
