// What the services' events say about each live stream and in total. Events and times go in, a report comes
// out: no clock, no thread, no bus, no Prometheus.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/wall_time.hpp"
#include "metrics/v1/metrics.pb.h"
#include "playback/revocations.hpp"
#include "rate_window.hpp"
#include "report.hpp"
#include "stream/v1/stream.pb.h"
#include "stream_health.hpp"

namespace millrace::metrics {

// Rates are over this much of the past; a stream whose statistics stop shows zero after as long.
inline constexpr std::int64_t kRateWindowUs = 5'000'000;
// Viewers of a stream that packaging no longer mentions.
inline constexpr std::int64_t kViewersExpireUs = 5'000'000;
// How long packaging's counters of a stream that is not live are remembered, to go on from when it comes
// back.
inline constexpr std::int64_t kViewersForgottenUs = 600'000'000;
// Streams beyond are not measured.
inline constexpr std::size_t kMaxStreams = 10'000;
// Instances of packaging beyond are not measured.
inline constexpr std::size_t kMaxInstances = 256;

class Aggregation {
 public:
  // instance: which one of ingest, packaging or recording says so.
  void stream_published(const std::string& instance, const stream::v1::StreamPublished& published);
  void stream_ended(const stream::v1::StreamEnded& ended);
  // Every stream that is live at this instance, and no other.
  void replace_streams(const std::string& instance, const std::vector<stream::v1::StreamPublished>& live);
  // What auth publishes of who may watch. Until it is known in whole, every stream counts as private; what is
  // private or barred is, now or when it turns up, for its owner only, whatever its publication says.
  playback::Revocations& watching() { return watching_; }
  // Private stays private until the next publication, public counts from that on.
  void visibility_changed(const std::string& stream_id, bool is_private);
  void stream_statistics(const stream::v1::StreamStatistics& statistics, WallTime wall);
  void viewer_statistics(const std::string& instance, const stream::v1::ViewerStatistics& statistics);

  void recording_started(const std::string& instance, const std::string& file_name) {
    recordings_.emplace(instance, file_name);
  }
  void recording_finished(const std::string& instance, const std::string& file_name,
                          std::uint64_t size_bytes);
  void recording_failed(const std::string& instance, const std::string& stream_id) {
    failing_.emplace(instance, stream_id);
  }
  void recording_works(const std::string& instance, const std::string& stream_id) {
    failing_.erase({instance, stream_id});
  }
  // Those of this instance.
  void clear_recordings(const std::string& instance);

  Report report(std::int64_t now_us);
  // Once a second: judges every stream's health.
  void judge(std::int64_t now_us, WallTime wall);
  // Who ended since the last call; at most kMaxStreams.
  std::vector<StreamReport> take_ended();
  // Nothing when the stream is not live.
  std::optional<v1::HealthHistory> health_history(const std::string& stream_id, std::int64_t now_us);
  // For the bus: all live streams, or the one that is named.
  static v1::MetricsReply reply(const Report& report, const std::string& stream_id);

 private:
  struct Stream {
    StreamReport report;
    std::string instance;  // of ingest, that it is published at
    Epoch epoch{};
    std::uint64_t rtmp_began = 0;
    std::uint64_t hls_began = 0;
    RateWindow bytes{kRateWindowUs};
    RateWindow frames{kRateWindowUs};
    RateWindow media_time{kRateWindowUs};
    StreamHealth health;
  };
  struct Viewers {
    std::uint32_t viewers = 0;
    std::uint64_t sent_bytes = 0;  // these two as packaging counts them
    std::uint64_t began = 0;
    std::int64_t measured_us = 0;
  };

  void add_viewers(Stream& stream, std::int64_t now_us) const;
  void add_totals(const StreamReport& before, const stream::v1::StreamStatistics& now);
  StreamReport row(const Stream& stream, std::int64_t now_us) const;
  void end(const Stream& stream);
  bool is_private(const Stream& stream) const;

  std::map<std::string, Stream> streams_;
  std::map<std::string, std::map<std::string, Viewers>> viewers_;  // by stream and instance
  playback::Revocations watching_;                            // of streams only, tokens are not judged here
  std::set<std::pair<std::string, std::string>> recordings_;  // instance and file name
  std::set<std::pair<std::string, std::string>> failing_;     // instance and stream
  std::uint64_t finished_recordings_ = 0;
  std::uint64_t finished_recording_bytes_ = 0;
  std::uint64_t peak_viewers_ = 0;
  Report totals_;  // only its sums since the start are used
  std::vector<StreamReport> ended_;
};

}  // namespace millrace::metrics
