// What is known of the live streams at one moment: plain data, and its form on the bus.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/publication_ids.hpp"
#include "base/wall_time.hpp"
#include "metrics/v1/metrics.pb.h"

namespace millrace::metrics {

struct StreamReport {
  std::string stream_id;
  PublicationId publication_id{};
  std::string app;
  std::string encoder;  // what the publisher says it is
  bool is_private = false;
  std::string video_codec;
  std::string audio_codec;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  double bytes_per_second = 0;  // on the wire
  double frames_per_second = 0;
  double nominal_frames_per_second = 0;  // by the publisher's time stamps; 0: not known yet
  double pace = 0;                       // media time a wall time, over the last seconds
  double key_interval_seconds = 0;
  double interleaving_seconds = 0;     // positive: sound is sent ahead of the picture
  double segment_latency_seconds = 0;  // 0: no segment yet
  std::uint32_t rtmp_viewers = 0;
  std::uint32_t hls_viewers = 0;
  std::uint32_t peak_viewers = 0;   // of this publication
  std::uint64_t total_viewers = 0;  // who watched this publication
  std::uint64_t received_bytes = 0;
  std::uint64_t video_frames = 0;
  std::uint64_t audio_frames = 0;
  std::uint64_t key_frames = 0;
  std::uint64_t dropped_frames = 0;
  std::uint64_t timestamp_jumps = 0;
  std::uint64_t rtmp_sent_bytes = 0;
  std::uint64_t hls_sent_bytes = 0;
  std::uint64_t skipped_frames = 0;
  std::uint64_t log_bytes = 0;
  double health_score = 100;
  std::uint32_t health_reasons = 0;  // HealthReason bits
  WallTime started_wall{};
  WallTime updated_wall{};
  double duration_seconds = 0;

  std::uint32_t viewers() const { return rtmp_viewers + hls_viewers; }
};

struct Report {
  std::vector<StreamReport> streams;  // by id
  std::uint64_t rtmp_viewers = 0;
  std::uint64_t hls_viewers = 0;
  std::uint64_t peak_viewers = 0;  // of all streams together, since this service started
  double bytes_per_second = 0;
  // Since this service started, and of what was live then since it began.
  std::uint64_t received_bytes = 0;
  std::uint64_t sent_bytes = 0;
  std::uint64_t dropped_frames = 0;
  std::uint64_t timestamp_jumps = 0;
  std::uint64_t total_viewers = 0;
  std::uint64_t publications = 0;
  std::size_t recordings = 0;
  std::size_t failing_recordings = 0;
  std::uint64_t finished_recordings = 0;  // since this service started
  std::uint64_t finished_recording_bytes = 0;
};

// Networks between encoder and server should have room for this many times the bit rate.
inline constexpr double kBandwidthFactor = 1.2;

v1::StreamMetrics stream_metrics(const StreamReport& row, bool live);

}  // namespace millrace::metrics
