#include "flv_feed.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "flv_tag_parts.hpp"

namespace millrace::packaging {
namespace {

using Progress = http::LiveStream::Progress;
using Look = media::LogFollower::Look;

constexpr std::int64_t kLookEveryUs = 50'000;         // for a log, while waiting
constexpr std::int64_t kPermissionEveryUs = 250'000;  // whether a viewer may stay
constexpr std::int64_t kTellEveryUs = 1'000'000;
constexpr std::int64_t kCheckEveryUs = 250'000;  // whether a viewer keeps up
constexpr std::int64_t kViewerLastsUs = 5'000'000;
// Between the last tag of a publication and the first of the next: about a frame.
constexpr std::uint32_t kJoinMs = 40;
// A next publication whose times are that little ahead is left as it is.
constexpr std::uint32_t kMaxGapMs = 5'000;

Progress failure() {
  return errno == EAGAIN || errno == EWOULDBLOCK ? Progress::kBlocked : Progress::kFailed;
}

// Viewers can't say what they take, and few know Enhanced RTMP's multitrack headers: the first picture and
// the first sound, with data.
bool is_shown(std::uint8_t track) {
  return track <= media::kDataTrack;
}

bool is_taken(const media::LogEntry& entry) {
  return is_shown(entry.record.track);
}

// It begins with a picture, unless there never was one.
Bytes file_header(const std::vector<media::LogReader::Configuration>& configurations,
                  const media::SampleRecord& first) {
  const auto has = [&](media::TrackKind kind) {
    return std::any_of(configurations.begin(), configurations.end(), [kind](const auto& configuration) {
      return configuration.description.kind == kind && is_shown(configuration.description.track);
    });
  };
  const bool video = has(media::TrackKind::kVideo) && first.track == media::kVideoTrack;
  return flv_file_header(video, has(media::TrackKind::kAudio));
}

}  // namespace

FlvFeed::FlvFeed(const FlvDependencies& dependencies, FlvViewer viewer, std::int64_t now_us)
    : dependencies_(dependencies), viewer_(std::move(viewer)), waiting_since_us_(now_us) {
  dependencies_.metrics.flv_viewer_came();
}

FlvFeed::~FlvFeed() {
  if (untold_bytes_ > 0) dependencies_.viewers.sent(viewer_.stream_id, untold_bytes_);
  dependencies_.metrics.flv_viewer_left();
}

Progress FlvFeed::pump(http::LiveOutput& output, std::int64_t now_us) {
  const bool between_tags = !follower_.place().in_message() && head_sent_ == 0;
  if (draining_ && between_tags) return Progress::kEnded;
  if (between_tags && !may_stay(now_us)) return Progress::kEnded;
  if (!reader_) return wait(now_us);
  report_viewer(now_us);
  if (!follower_.begun() && !start(now_us)) {
    const media::LogEnd end = reader_->info().end;
    if (end != media::LogEnd::kLive) leave_log(now_us);
    return Progress::kIdle;
  }
  return play(output, now_us);
}

// --- logs ---

Progress FlvFeed::wait(std::int64_t now_us) {
  if (now_us >= next_look_us_) {
    next_look_us_ = now_us + kLookEveryUs;
    if (open_log()) return Progress::kMore;
    if (!may_stay(now_us) || is_over()) return Progress::kEnded;
  }
  return now_us - waiting_since_us_ > dependencies_.wait_us ? Progress::kEnded : Progress::kIdle;
}

bool FlvFeed::is_over() const {
  const std::shared_ptr<const StreamLogs> logs = dependencies_.logs(viewer_.stream_id);
  return logs && was_closed(*logs);
}

// The newest log, if it is live and another one than before.
bool FlvFeed::open_log() {
  const std::shared_ptr<const StreamLogs> logs = dependencies_.logs(viewer_.stream_id);
  if (!logs || logs->logs.empty()) return false;
  const auto& [arena, newest] = logs->logs.back();
  if (newest.publication_id == publication_id_) return false;
  auto reader = arena->open_log(newest.slot, newest.publication_id, newest.committed);
  is_private_ = newest.is_private || (reader && reader->info().is_private);
  next_permission_us_ = 0;  // it may be another one that is needed
  if (!reader || !viewer_.may_watch(is_private_) || reader->info().end != media::LogEnd::kLive) return false;
  publication_id_ = newest.publication_id;
  reader_.emplace(std::move(*reader));
  return true;
}

void FlvFeed::leave_log(std::int64_t now_us) {
  reader_.reset();
  follower_.restart();
  waiting_since_us_ = now_us;
  next_look_us_ = 0;
}

// --- where it begins ---

bool FlvFeed::start(std::int64_t now_us) {
  const auto first = follower_.begin(*reader_, now_us);
  if (!first) return false;
  reader_->seek(follower_.place().next);
  join_timelines(first->wire_timestamp_ms);
  const auto configurations = follower_.place().configurations.begin(*reader_, *first);
  if (!std::exchange(head_begun_, true)) head_ = file_header(configurations, *first);
  for (const auto& configuration : configurations) queue(configuration, sent_timestamp(*first));
  return true;
}

void FlvFeed::join_timelines(std::uint32_t log_timestamp_ms) {
  if (!any_sent_) return;
  const std::uint32_t ahead = log_timestamp_ms + offset_ms_ - last_ms_;
  if (ahead == 0 || ahead > kMaxGapMs) offset_ms_ = last_ms_ + kJoinMs - log_timestamp_ms;
}

bool FlvFeed::queue_configurations(const media::SampleRecord& next) {
  for (const auto& configuration : follower_.place().configurations.before(*reader_, next))
    queue(configuration, sent_timestamp(next));
  return !head_.empty();
}

void FlvFeed::queue(const media::LogReader::Configuration& configuration, std::uint32_t timestamp_ms) {
  if (!is_shown(configuration.description.track)) return;
  const media::LogMessage message = media::log_message(configuration.message);
  if (message.body.empty()) return;
  // It describes the whole stream: ffmpeg takes onMetaData of any other time for a track of text.
  append_flv_tag(message, message.type == media::LogMessage::kData ? 0 : timestamp_ms, head_);
}

// --- sending ---

Progress FlvFeed::play(http::LiveOutput& output, std::int64_t now_us) {
  // Only during the call: every feed of a thread uses the same.
  static thread_local media::LogWindow window;
  const bool in_tag = follower_.place().in_message();
  if (head_.empty() && !keep_up(now_us)) return Progress::kFailed;
  if (!in_tag && !head_.empty()) return send_head(output);
  reader_->seek(follower_.place().next);
  const Look look = follower_.look(*reader_, UINT64_MAX, FlvTagParts::kMaxTags, window, is_taken);
  if (look == Look::kNothing) return Progress::kIdle;
  if (look != Look::kRecords && in_tag) return Progress::kTorn;
  if (look == Look::kLost) return skip(now_us) ? Progress::kMore : Progress::kFailed;
  if (look == Look::kEnded) {
    leave_log(now_us);
    return Progress::kMore;
  }
  std::span<const media::LogEntry> entries = window.from(follower_.place().next);
  if (behind_) entries = entries.first(1);
  if (!in_tag && queue_configurations(entries.front().record)) return send_head(output);
  return send_tags(output, entries);
}

Progress FlvFeed::send_head(http::LiveOutput& output) {
  const iovec part{head_.data() + head_sent_, head_.size() - head_sent_};
  const ssize_t sent = output.send({&part, 1});
  if (sent < 0) return errno == EINTR ? Progress::kMore : failure();
  head_sent_ += static_cast<std::size_t>(sent);
  untold_bytes_ += static_cast<std::uint64_t>(sent);
  if (head_sent_ < head_.size()) return Progress::kBlocked;
  Bytes().swap(head_);
  head_sent_ = 0;
  return Progress::kMore;
}

Progress FlvFeed::send_tags(http::LiveOutput& output, std::span<const media::LogEntry> entries) {
  static thread_local FlvTagParts parts;
  parts.clear();
  const auto add = [&](const media::LogEntry& entry, std::size_t already_sent) {
    parts.add(media::log_message(entry.message), sent_timestamp(entry.record), already_sent);
    return true;
  };
  const std::size_t end = follower_.place().gather(entries, is_taken, add);
  const ssize_t sent = output.send(parts.finish());
  if (sent < 0) return errno == EINTR ? Progress::kMore : failure();
  if (!media::intact(*reader_, entries)) return Progress::kTorn;
  account(entries.first(end), static_cast<std::size_t>(sent));
  reader_->seek(follower_.place().next);
  return static_cast<std::size_t>(sent) == parts.bytes() ? Progress::kMore : Progress::kBlocked;
}

void FlvFeed::account(std::span<const media::LogEntry> run, std::size_t bytes) {
  untold_bytes_ += bytes;
  const auto tag_size = [&](std::size_t i) {
    return is_taken(run[i]) ? FlvTagParts::tag_size(media::log_message(run[i].message)) : 0;
  };
  for (const media::LogEntry& entry : run.first(follower_.place().account(run, bytes, tag_size))) {
    if (!is_taken(entry)) continue;
    const std::uint32_t timestamp = sent_timestamp(entry.record);
    if (!any_sent_ || static_cast<std::int32_t>(timestamp - last_ms_) > 0) last_ms_ = timestamp;
    any_sent_ = true;
  }
}

// --- slow viewers ---

// In the middle of a tag nothing is decided but that the next one waits: a socket that is full nearly always
// ends there.
bool FlvFeed::keep_up(std::int64_t now_us) {
  const bool in_tag = follower_.place().in_message();
  if (now_us < next_check_us_ && (in_tag || !behind_)) return true;
  next_check_us_ = now_us + kCheckEveryUs;
  const media::LogFollower::Lag lag = follower_.lag(*reader_, reader_->info().committed, now_us);
  // What is lost is seen when it is looked at.
  behind_ = lag == media::LogFollower::Lag::kSlow || lag == media::LogFollower::Lag::kHopeless;
  if (in_tag || !behind_) return true;
  behind_ = false;
  if (lag == media::LogFollower::Lag::kSlow) return skip(now_us);
  dependencies_.metrics.flv_viewer_too_slow();
  return false;
}

bool FlvFeed::skip(std::int64_t now_us) {
  if (follower_.skip(*reader_, now_us)) return true;
  dependencies_.metrics.flv_viewer_too_slow();
  return false;
}

bool FlvFeed::may_stay(std::int64_t now_us) {
  if (now_us >= next_permission_us_) {
    next_permission_us_ = now_us + kPermissionEveryUs;
    permitted_ = viewer_.may_watch(is_private_);
  }
  return permitted_;
}

void FlvFeed::report_viewer(std::int64_t now_us) {
  if (now_us < next_telling_us_) return;
  next_telling_us_ = now_us + kTellEveryUs;
  dependencies_.viewers.seen(viewer_.stream_id, viewer_.address, viewer_.user_agent, now_us, kViewerLastsUs);
  if (untold_bytes_ > 0) dependencies_.viewers.sent(viewer_.stream_id, std::exchange(untold_bytes_, 0));
}

}  // namespace millrace::packaging
