// What the services' events say about each live stream and in total. Events and times go in, a report comes
// out: no clock, no thread, no bus, no Prometheus.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "metrics/v1/metrics.pb.h"
#include "rate_window.hpp"
#include "stream/v1/stream.pb.h"

namespace millrace::metrics {

// Rates are over this much of the past; a stream whose statistics stop shows zero after as long.
inline constexpr std::int64_t kRateWindowUs = 5'000'000;
// Viewers of a stream that packaging no longer mentions.
inline constexpr std::int64_t kViewersExpireUs = 5'000'000;
// Streams beyond are not measured.
inline constexpr std::size_t kMaxStreams = 10'000;

struct StreamReport {
  std::string stream_id;
  std::string video_codec;
  std::string audio_codec;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  double bytes_per_second = 0;  // on the wire
  double frames_per_second = 0;
  double key_interval_seconds = 0;
  std::uint32_t rtmp_viewers = 0;
  std::uint32_t hls_viewers = 0;
  std::uint32_t peak_viewers = 0;  // of this publication
  std::uint64_t received_bytes = 0;
  std::uint64_t video_frames = 0;
  std::uint64_t audio_frames = 0;
  std::uint64_t key_frames = 0;
  std::uint64_t timestamp_jumps = 0;
  std::uint64_t rtmp_sent_bytes = 0;
  std::uint64_t hls_sent_bytes = 0;
  std::uint64_t skipped_frames = 0;
  std::uint64_t log_bytes = 0;
  std::int64_t started_wall_us = 0;
  std::int64_t updated_wall_us = 0;

  std::uint32_t viewers() const { return rtmp_viewers + hls_viewers; }
};

struct Report {
  std::vector<StreamReport> streams;  // by id
  std::uint64_t rtmp_viewers = 0;
  std::uint64_t hls_viewers = 0;
  std::uint64_t peak_viewers = 0;  // of all streams together, since this service started
  double bytes_per_second = 0;
  std::size_t recordings = 0;
  std::size_t failing_recordings = 0;
  std::uint64_t finished_recordings = 0;  // since this service started
  std::uint64_t finished_recording_bytes = 0;
};

class Aggregation {
 public:
  void stream_published(const stream::v1::StreamPublished& published);
  void stream_ended(const stream::v1::StreamEnded& ended);
  // Every stream that is live, and no other.
  void replace_streams(const std::vector<stream::v1::StreamPublished>& live);
  void stream_statistics(const stream::v1::StreamStatistics& statistics, std::int64_t wall_us);
  void viewer_statistics(const stream::v1::ViewerStatistics& statistics);

  void recording_started(const std::string& file_name) { recordings_.insert(file_name); }
  void recording_finished(const std::string& file_name, std::uint64_t size_bytes);
  void recording_failed(const std::string& stream_id) { failing_.insert(stream_id); }
  void recording_works(const std::string& stream_id) { failing_.erase(stream_id); }
  void clear_recordings();

  Report report(std::int64_t now_us);
  // For the bus: all live streams, or the one that is named.
  static v1::MetricsReply reply(const Report& report, const std::string& stream_id);

 private:
  struct Stream {
    std::uint64_t publication_id = 0;
    StreamReport report;
    RateWindow bytes{kRateWindowUs};
    RateWindow frames{kRateWindowUs};
  };
  struct Viewers {
    std::uint32_t viewers = 0;
    std::uint64_t sent_bytes = 0;
    std::int64_t measured_us = 0;
  };

  void add_viewers(StreamReport& report, std::int64_t now_us) const;

  std::map<std::string, Stream> streams_;
  std::map<std::string, Viewers> viewers_;
  std::set<std::string> recordings_;
  std::set<std::string> failing_;
  std::uint64_t finished_recordings_ = 0;
  std::uint64_t finished_recording_bytes_ = 0;
  std::uint64_t peak_viewers_ = 0;
};

}  // namespace millrace::metrics
