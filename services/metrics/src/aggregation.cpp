#include "aggregation.hpp"

#include <algorithm>
#include <utility>

#include "base/ids.hpp"
#include "bus/log_role.hpp"

namespace millrace::metrics {
namespace {

void describe(const stream::v1::StreamPublished& published, StreamReport& report) {
  report.stream_id = published.stream_id();
  report.publication_id = PublicationId{published.publication_id()};
  report.started_wall = WallTime::from_us(published.started_wall_us());
  report.app = published.app();
  report.encoder = published.encoder();
  report.is_private = published.is_private();
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

// How far a counter came; one that fell began again.
std::uint64_t growth(std::uint64_t before, std::uint64_t now) {
  return now >= before ? now - before : now;
}

}  // namespace

void Aggregation::stream_published(const std::string& instance,
                                   const stream::v1::StreamPublished& published) {
  if (!bus::is_source(published) || !is_valid_id(published.stream_id())) return;
  const auto known = streams_.find(published.stream_id());
  if (known == streams_.end() && streams_.size() >= kMaxStreams) return;
  // What another instance published later stands, however late this comes.
  if (known != streams_.end() && known->second.instance != instance &&
      known->second.epoch > Epoch{published.epoch()}) {
    return;
  }
  Stream& stream = known == streams_.end() ? streams_[published.stream_id()] : known->second;
  // Published again with the same id (new tracks) it goes on, with another it begins again.
  if (stream.report.publication_id != PublicationId{published.publication_id()}) {
    if (known != streams_.end()) end(stream);
    stream = Stream{};
    ++totals_.publications;
  }
  stream.instance = instance;
  stream.epoch = Epoch{published.epoch()};
  describe(published, stream.report);
}

void Aggregation::stream_ended(const stream::v1::StreamEnded& ended) {
  if (!bus::is_source(ended)) return;
  const auto stream = streams_.find(ended.stream_id());
  // A late end of an older publication does not end its successor.
  if (stream == streams_.end() ||
      stream->second.report.publication_id != PublicationId{ended.publication_id()})
    return;
  end(stream->second);
  streams_.erase(stream);
}

void Aggregation::visibility_changed(const std::string& stream_id, bool is_private) {
  const auto found = streams_.find(stream_id);
  if (is_private && found != streams_.end()) found->second.report.is_private = true;
}

bool Aggregation::is_private(const Stream& stream) const {
  return stream.report.is_private ||
         watching_.standing(stream.report.stream_id) != playback::Standing::kPublic;
}

void Aggregation::end(const Stream& stream) {
  if (ended_.size() >= kMaxStreams) return;
  ended_.push_back(stream.report);
  ended_.back().is_private = is_private(stream);
}

void Aggregation::replace_streams(const std::string& instance,
                                  const std::vector<stream::v1::StreamPublished>& live) {
  std::set<std::string> ids;
  for (const stream::v1::StreamPublished& published : live) {
    if (!bus::is_source(published)) continue;
    ids.insert(published.stream_id());
    stream_published(instance, published);
  }
  std::erase_if(streams_, [&](const auto& entry) {
    if (entry.second.instance != instance || ids.contains(entry.first)) return false;
    end(entry.second);
    return true;
  });
}

void Aggregation::add_totals(const StreamReport& before, const stream::v1::StreamStatistics& now) {
  totals_.received_bytes += growth(before.received_bytes, now.received_bytes());
  totals_.sent_bytes += growth(before.rtmp_sent_bytes, now.sent_bytes());
  totals_.dropped_frames += growth(before.dropped_frames, now.frame_gaps());
  totals_.timestamp_jumps += growth(before.timestamp_jumps, now.timestamp_jumps());
}

void Aggregation::stream_statistics(const stream::v1::StreamStatistics& statistics, WallTime wall) {
  const auto found = streams_.find(statistics.stream_id());
  if (found == streams_.end() ||
      found->second.report.publication_id != PublicationId{statistics.publication_id()})
    return;
  Stream& stream = found->second;
  const std::int64_t measured_us = statistics.measured_monotonic_us();
  stream.bytes.add(measured_us, statistics.received_bytes());
  stream.frames.add(measured_us, statistics.video_frames());
  stream.media_time.add(measured_us, statistics.media_time_us());
  StreamReport& report = stream.report;
  add_totals(report, statistics);
  // While no key frame comes the interval is already as long as that.
  report.key_interval_seconds =
      static_cast<double>(std::max(statistics.last_key_interval_us(), statistics.since_key_us())) / 1e6;
  report.nominal_frames_per_second =
      statistics.frame_duration_us() > 0 ? 1e6 / static_cast<double>(statistics.frame_duration_us()) : 0;
  report.interleaving_seconds = static_cast<double>(statistics.interleaving_us()) / 1e6;
  report.rtmp_viewers = statistics.players();
  totals_.total_viewers += growth(stream.rtmp_began, statistics.players_began());
  stream.rtmp_began = statistics.players_began();
  report.received_bytes = statistics.received_bytes();
  report.video_frames = statistics.video_frames();
  report.audio_frames = statistics.audio_frames();
  report.key_frames = statistics.key_frames();
  report.dropped_frames = statistics.frame_gaps();
  report.timestamp_jumps = statistics.timestamp_jumps();
  report.rtmp_sent_bytes = statistics.sent_bytes();
  report.skipped_frames = statistics.player_frames_skipped();
  report.log_bytes = statistics.log_bytes();
  report.updated_wall = wall;
  report.duration_seconds = std::max(0.0, static_cast<double>(wall - report.started_wall) / 1e6);
  add_viewers(stream, measured_us);
  stream.health.measure({.measured_us = measured_us,
                         .received_bytes = statistics.received_bytes(),
                         .video_frames = statistics.video_frames(),
                         .audio_frames = statistics.audio_frames(),
                         .dropped_frames = statistics.frame_gaps(),
                         .timestamp_jumps = statistics.timestamp_jumps(),
                         .media_time_us = static_cast<std::int64_t>(statistics.media_time_us()),
                         .video_time_us = static_cast<std::int64_t>(statistics.video_time_us()),
                         .longest_frame_us = static_cast<std::int64_t>(statistics.longest_frame_us()),
                         .longest_pause_us = static_cast<std::int64_t>(statistics.longest_pause_us()),
                         .key_interval_seconds = report.key_interval_seconds,
                         .interleaving_seconds = report.interleaving_seconds,
                         .refused_tracks = statistics.refused_tracks()});
}

void Aggregation::viewer_statistics(const std::string& instance,
                                    const stream::v1::ViewerStatistics& statistics) {
  if (!is_valid_id(statistics.stream_id())) return;
  if (!viewers_.contains(statistics.stream_id()) && viewers_.size() >= kMaxStreams) return;
  auto& instances = viewers_[statistics.stream_id()];
  if (!instances.contains(instance) && instances.size() >= kMaxInstances) return;
  Viewers& viewers = instances[instance];
  const std::uint64_t sent = growth(viewers.sent_bytes, statistics.sent_bytes());
  const std::uint64_t began = growth(viewers.began, statistics.began());
  viewers = {statistics.viewers(), statistics.sent_bytes(), statistics.began(),
             statistics.measured_monotonic_us()};
  totals_.sent_bytes += sent;
  totals_.total_viewers += began;
  const auto found = streams_.find(statistics.stream_id());
  if (found == streams_.end()) return;
  Stream& stream = found->second;
  stream.hls_began += began;
  stream.report.hls_sent_bytes += sent;
  stream.report.segment_latency_seconds = static_cast<double>(statistics.segment_latency_us()) / 1e6;
  add_viewers(stream, statistics.measured_monotonic_us());
}

void Aggregation::add_viewers(Stream& stream, std::int64_t now_us) const {
  StreamReport& report = stream.report;
  report.hls_viewers = 0;
  const auto instances = viewers_.find(report.stream_id);
  if (instances != viewers_.end()) {
    for (const auto& [instance, viewers] : instances->second) {
      if (now_us - viewers.measured_us < kViewersExpireUs) report.hls_viewers += viewers.viewers;
    }
  }
  report.peak_viewers = std::max(report.peak_viewers, report.viewers());
  // Viewers that were there when the publication began watch it too.
  report.total_viewers = std::max<std::uint64_t>(
      {report.total_viewers, stream.rtmp_began + stream.hls_began, report.peak_viewers});
}

void Aggregation::recording_finished(const std::string& instance, const std::string& file_name,
                                     std::uint64_t size_bytes) {
  recordings_.erase({instance, file_name});
  ++finished_recordings_;
  finished_recording_bytes_ += size_bytes;
}

void Aggregation::clear_recordings(const std::string& instance) {
  std::erase_if(recordings_, [&](const auto& entry) { return entry.first == instance; });
  std::erase_if(failing_, [&](const auto& entry) { return entry.first == instance; });
}

StreamReport Aggregation::row(const Stream& stream, std::int64_t now_us) const {
  StreamReport row = stream.report;
  row.is_private = is_private(stream);
  row.bytes_per_second = stream.bytes.rate(now_us);
  row.frames_per_second = stream.frames.rate(now_us);
  row.pace = stream.media_time.rate(now_us) / 1e6;
  row.health_score = stream.health.score();
  row.health_reasons = stream.health.reasons();
  return row;
}

Report Aggregation::report(std::int64_t now_us) {
  // The counters of a stream that is live are kept to go on from, all others' go after a while.
  for (auto entry = viewers_.begin(); entry != viewers_.end();) {
    if (!streams_.contains(entry->first)) {
      std::erase_if(entry->second, [&](const auto& viewers) {
        return now_us - viewers.second.measured_us >= kViewersForgottenUs;
      });
    }
    entry = entry->second.empty() ? viewers_.erase(entry) : std::next(entry);
  }
  Report report = totals_;
  report.streams.reserve(streams_.size());
  for (auto& [id, stream] : streams_) {
    add_viewers(stream, now_us);
    const StreamReport& added = report.streams.emplace_back(row(stream, now_us));
    report.rtmp_viewers += added.rtmp_viewers;
    report.hls_viewers += added.hls_viewers;
    report.bytes_per_second += added.bytes_per_second;
  }
  peak_viewers_ = std::max(peak_viewers_, report.rtmp_viewers + report.hls_viewers);
  report.peak_viewers = peak_viewers_;
  report.recordings = recordings_.size();
  report.failing_recordings = failing_.size();
  report.finished_recordings = finished_recordings_;
  report.finished_recording_bytes = finished_recording_bytes_;
  return report;
}

void Aggregation::judge(std::int64_t now_us, WallTime wall) {
  for (auto& [id, stream] : streams_)
    stream.health.judge(now_us, {stream.report.width > 0, !stream.report.audio_codec.empty()}, wall);
}

std::vector<StreamReport> Aggregation::take_ended() {
  return std::exchange(ended_, {});
}

std::optional<v1::HealthHistory> Aggregation::health_history(const std::string& stream_id,
                                                             std::int64_t now_us) {
  const auto found = streams_.find(stream_id);
  if (found == streams_.end()) return std::nullopt;
  v1::HealthHistory history;
  *history.mutable_now() = stream_metrics(row(found->second, now_us), true);
  history.set_interval_seconds(StreamHealth::kIntervalSeconds);
  history.set_level(std::string(health_level(found->second.health.score())));
  for (const HealthPoint& from : found->second.health.history()) {
    v1::HealthPoint& point = *history.add_points();
    point.set_wall_us(from.wall.us());
    point.set_score(from.score);
    for (const std::string_view reason : health_reasons(from.reasons)) point.add_reasons(std::string(reason));
  }
  return history;
}

v1::MetricsReply Aggregation::reply(const Report& report, const std::string& stream_id) {
  v1::MetricsReply reply;
  for (const StreamReport& row : report.streams) {
    if (stream_id.empty() || row.stream_id == stream_id) *reply.add_streams() = stream_metrics(row, true);
  }
  return reply;
}

}  // namespace millrace::metrics
