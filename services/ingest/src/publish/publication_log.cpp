#include "publish/publication_log.hpp"

#include <algorithm>
#include <chrono>

namespace millrace::ingest {

namespace {

// A playlist holds three target durations and as long again has just left it; the list of an ended stream is
// closed when the time to come back is over, and must still have its segments then, for as long as it takes
// to play them.
std::int64_t pinned_limit_us(const IngestConfig& config) {
  constexpr std::int64_t kPlaylistTargets = media::kRetainedTargets;
  constexpr std::int64_t kClosingUs = 60'000'000;
  const std::int64_t keep_us = std::chrono::microseconds(config.log_keep).count();
  const std::int64_t grace_us = std::chrono::microseconds(config.reconnect_grace).count();
  return std::max({2 * keep_us, grace_us + kClosingUs, kPlaylistTargets * config.segment_ms * 1000});
}

}  // namespace

media::RetentionPolicy retention(const IngestConfig& config) {
  media::RetentionPolicy policy;
  policy.keep_us = std::chrono::microseconds(config.log_keep).count();
  policy.pinned_limit_us = pinned_limit_us(config);
  policy.guaranteed_bytes = config.log_stream_bytes;
  policy.max_bytes = std::max(config.log_stream_bytes, config.log_bytes / 2);
  return policy;
}

Result<std::unique_ptr<Publication>> open_publication(media::ArenaWriter& arena, const IngestConfig& config,
                                                      const LiveStream& stream) {
  media::LogDescription description;
  description.stream_id = stream.stream_id;
  description.publication_id = stream.publication_id;
  // Auth's number; where its database was lost while the log stayed, the arena gives a higher one: whoever
  // reads the log goes by the epoch in it, and the stream's older logs must stay older.
  description.epoch = stream.epoch;
  description.started_wall = stream.started_wall;
  description.segment_target_ms = config.segment_ms;
  description.is_private = stream.is_private;
  description.retention = retention(config);
  auto log = arena.create_log(description);
  if (!log) return tl::unexpected<Error>(log.error());
  const media::TimelineConfig timeline{(*log)->continuation(),
                                       media::longest_target_s(description.retention.pinned_limit_us),
                                       config.part_ms * 1000};
  return std::make_unique<Publication>(std::move(*log), timeline, stream.counters);
}

}  // namespace millrace::ingest
