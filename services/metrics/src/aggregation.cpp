#include "aggregation.hpp"

#include <algorithm>

#include "base/ids.hpp"

namespace millrace::metrics {
namespace {

void describe(const stream::v1::StreamPublished& published, StreamReport& report) {
  report.stream_id = published.stream_id();
  report.started_wall_us = published.started_wall_us();
  report.video_codec.clear();
  report.audio_codec.clear();
  for (const stream::v1::Track& track : published.tracks()) {
    const bool video = track.width() > 0;
    std::string& codec = video ? report.video_codec : report.audio_codec;
    if (!codec.empty()) continue;  // the first of its kind stands for the stream
    codec = track.codec();
    if (!video) continue;
    report.width = track.width();
    report.height = track.height();
  }
}

}  // namespace

void Aggregation::stream_published(const stream::v1::StreamPublished& published) {
  if (!is_valid_id(published.stream_id())) return;
  if (!streams_.contains(published.stream_id()) && streams_.size() >= kMaxStreams) return;
  Stream& stream = streams_[published.stream_id()];
  // Published again with the same id (new tracks) it goes on, with another it begins anew.
  if (stream.publication_id != published.publication_id()) stream = Stream{};
  stream.publication_id = published.publication_id();
  describe(published, stream.report);
}

void Aggregation::stream_ended(const stream::v1::StreamEnded& ended) {
  const auto stream = streams_.find(ended.stream_id());
  // A late end of an older publication does not end its successor.
  if (stream == streams_.end() || stream->second.publication_id != ended.publication_id()) return;
  streams_.erase(stream);
}

void Aggregation::replace_streams(const std::vector<stream::v1::StreamPublished>& live) {
  std::set<std::string> ids;
  for (const stream::v1::StreamPublished& published : live) {
    ids.insert(published.stream_id());
    stream_published(published);
  }
  std::erase_if(streams_, [&](const auto& entry) { return !ids.contains(entry.first); });
}

void Aggregation::stream_statistics(const stream::v1::StreamStatistics& statistics, std::int64_t wall_us) {
  const auto found = streams_.find(statistics.stream_id());
  if (found == streams_.end() || found->second.publication_id != statistics.publication_id()) return;
  Stream& stream = found->second;
  stream.bytes.add(statistics.measured_monotonic_us(), statistics.received_bytes());
  stream.frames.add(statistics.measured_monotonic_us(), statistics.video_frames());
  StreamReport& report = stream.report;
  report.key_interval_seconds = static_cast<double>(statistics.last_key_interval_us()) / 1e6;
  report.rtmp_viewers = statistics.players();
  report.received_bytes = statistics.received_bytes();
  report.video_frames = statistics.video_frames();
  report.audio_frames = statistics.audio_frames();
  report.key_frames = statistics.key_frames();
  report.timestamp_jumps = statistics.timestamp_jumps();
  report.rtmp_sent_bytes = statistics.sent_bytes();
  report.skipped_frames = statistics.player_frames_skipped();
  report.log_bytes = statistics.log_bytes();
  report.updated_wall_us = wall_us;
  add_viewers(report, statistics.measured_monotonic_us());
}

void Aggregation::viewer_statistics(const stream::v1::ViewerStatistics& statistics) {
  if (!is_valid_id(statistics.stream_id())) return;
  if (!viewers_.contains(statistics.stream_id()) && viewers_.size() >= kMaxStreams) return;
  viewers_[statistics.stream_id()] = {statistics.viewers(), statistics.sent_bytes(),
                                      statistics.measured_monotonic_us()};
  const auto stream = streams_.find(statistics.stream_id());
  if (stream != streams_.end()) add_viewers(stream->second.report, statistics.measured_monotonic_us());
}

void Aggregation::add_viewers(StreamReport& report, std::int64_t now_us) const {
  const auto viewers = viewers_.find(report.stream_id);
  const bool known = viewers != viewers_.end();
  const bool fresh = known && now_us - viewers->second.measured_us < kViewersExpireUs;
  report.hls_viewers = fresh ? viewers->second.viewers : 0;
  // What was sent stays sent; packaging mentions a stream only while somebody watches.
  if (known) report.hls_sent_bytes = viewers->second.sent_bytes;
  report.peak_viewers = std::max(report.peak_viewers, report.viewers());
}

void Aggregation::recording_finished(const std::string& file_name, std::uint64_t size_bytes) {
  recordings_.erase(file_name);
  ++finished_recordings_;
  finished_recording_bytes_ += size_bytes;
}

void Aggregation::clear_recordings() {
  recordings_.clear();
  failing_.clear();
}

Report Aggregation::report(std::int64_t now_us) {
  // The sent bytes of a stream that is live are kept for its counter, all others' go.
  std::erase_if(viewers_, [&](const auto& entry) {
    return now_us - entry.second.measured_us >= kViewersExpireUs && !streams_.contains(entry.first);
  });
  Report report;
  report.streams.reserve(streams_.size());
  for (auto& [id, stream] : streams_) {
    add_viewers(stream.report, now_us);
    StreamReport& row = report.streams.emplace_back(stream.report);
    row.bytes_per_second = stream.bytes.rate(now_us);
    row.frames_per_second = stream.frames.rate(now_us);
    report.rtmp_viewers += row.rtmp_viewers;
    report.hls_viewers += row.hls_viewers;
    report.bytes_per_second += row.bytes_per_second;
  }
  peak_viewers_ = std::max(peak_viewers_, report.rtmp_viewers + report.hls_viewers);
  report.peak_viewers = peak_viewers_;
  report.recordings = recordings_.size();
  report.failing_recordings = failing_.size();
  report.finished_recordings = finished_recordings_;
  report.finished_recording_bytes = finished_recording_bytes_;
  return report;
}

v1::MetricsReply Aggregation::reply(const Report& report, const std::string& stream_id) {
  v1::MetricsReply reply;
  for (const StreamReport& row : report.streams) {
    if (!stream_id.empty() && row.stream_id != stream_id) continue;
    v1::StreamMetrics& stream = *reply.add_streams();
    stream.set_stream_id(row.stream_id);
    stream.set_live(true);
    stream.set_bitrate_kbps(row.bytes_per_second * 8 / 1000);
    stream.set_fps(row.frames_per_second);
    stream.set_width(row.width);
    stream.set_height(row.height);
    stream.set_key_interval_seconds(row.key_interval_seconds);
    stream.set_viewers(row.viewers());
    stream.set_peak_viewers(row.peak_viewers);
    stream.set_timestamp_jumps(row.timestamp_jumps);
    stream.set_updated_wall_us(row.updated_wall_us);
  }
  return reply;
}

}  // namespace millrace::metrics
