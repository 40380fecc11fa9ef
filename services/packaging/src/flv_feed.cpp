#include "flv_feed.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

namespace millrace::packaging {
namespace {

using Progress = http::LiveStream::Progress;

constexpr std::int64_t kLookEveryUs = 50'000;         // for a log, while waiting
constexpr std::int64_t kPermissionEveryUs = 250'000;  // whether a viewer may stay
constexpr std::int64_t kTellEveryUs = 1'000'000;
constexpr std::int64_t kCheckEveryUs = 250'000;  // whether a viewer keeps up
constexpr std::int64_t kViewerLastsUs = 5'000'000;
constexpr std::uint32_t kNoConfiguration = UINT32_MAX;
constexpr std::uint8_t kFlvAudio = 8;  // TagType
constexpr std::uint8_t kFlvScript = 18;
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

// Enhanced RTMP's metadata frame or speaker map (docs/media-log.md).
bool is_annotation(const media::TrackConfiguration& description) {
  return description.kind == media::TrackKind::kData && description.codec == media::Codec::kNone;
}

}  // namespace

FlvFeed::FlvFeed(const FlvOutside& outside, FlvViewer viewer, std::int64_t now_us)
    : outside_(outside),
      viewer_(std::move(viewer)),
      waiting_since_us_(now_us),
      skipped_us_(now_us - kSkipAgainUs) {
  outside_.metrics.flv_viewer_came();
}

FlvFeed::~FlvFeed() {
  if (untold_bytes_ > 0) outside_.viewers.sent(viewer_.stream_id, untold_bytes_);
  outside_.metrics.flv_viewer_left();
}

void FlvFeed::receive(ByteView bytes, std::int64_t /*now_us*/) {
  received_ += bytes.size();
}

Progress FlvFeed::pump(http::LiveOutput& output, std::int64_t now_us) {
  if (received_ > kMaxReceived) return Progress::kFailed;
  const bool between_tags = tag_sent_ == 0 && head_sent_ == 0;
  if (draining_ && between_tags) return Progress::kEnded;
  if (between_tags && !may_stay(now_us)) return Progress::kEnded;
  if (!reader_) return wait(now_us);
  tell_viewer(now_us);
  if (!started_ && !start(now_us)) {
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
    if (!may_stay(now_us)) return Progress::kEnded;
  }
  return now_us - waiting_since_us_ > outside_.wait_us ? Progress::kEnded : Progress::kIdle;
}

// The newest log, if it is live and another one than before.
bool FlvFeed::open_log() {
  const std::shared_ptr<const StreamLogs> logs = outside_.logs(viewer_.stream_id);
  if (!logs || logs->logs.empty()) return false;
  const auto& [arena, newest] = logs->logs.back();
  if (newest.publication_id == publication_id_) return false;
  auto reader = arena->open_log(newest.slot, newest.publication_id, newest.committed);
  is_private_ = newest.is_private || (reader && reader->info().is_private);
  next_permission_us_ = 0;  // it may be another one that is needed
  if (!reader || (is_private_ && !viewer_.may_watch) || reader->info().end != media::LogEnd::kLive)
    return false;
  publication_id_ = newest.publication_id;
  reader_.emplace(std::move(*reader));
  started_ = false;
  configurations_.clear();
  configurations_seen_ = 0;
  return true;
}

void FlvFeed::leave_log(std::int64_t now_us) {
  reader_.reset();
  started_ = false;
  waiting_since_us_ = now_us;
  next_look_us_ = 0;
}

// --- where it begins ---

bool FlvFeed::start(std::int64_t now_us) {
  const std::optional<std::uint64_t> key = reader_->newest_key();
  const auto sample = key ? reader_->at(*key) : std::nullopt;
  if (!sample) return false;
  const media::SampleRecord& record = sample->record;
  started_ = true;
  next_ = *key;
  reader_->seek(next_);
  catch_up_until_us_ = now_us + kCatchUpUs;
  join_timelines(record.wire_timestamp_ms);
  // Of picture and sound what is in force, also where one is silent; beside onMetaData an annotation of each
  // kind.
  std::vector<std::uint32_t> newest(media::kMaxTracks, kNoConfiguration);
  std::array<std::uint32_t, 2> annotations{kNoConfiguration, kNoConfiguration};
  bool video = false;
  bool audio = false;
  configurations_seen_ = reader_->configuration_count();
  for (std::uint32_t i = 0; i < configurations_seen_; ++i) {
    const auto configuration = reader_->configuration(i);
    if (!configuration || !is_shown(configuration->description.track)) continue;
    if (is_annotation(configuration->description)) {
      annotations.at(flv_message(configuration->message).type == kFlvAudio ? 1 : 0) = i;
      continue;
    }
    newest[configuration->description.track] = i;
    video = video || configuration->description.kind == media::TrackKind::kVideo;
    audio = audio || configuration->description.kind == media::TrackKind::kAudio;
  }
  for (const std::uint8_t track : {media::kVideoTrack, media::kAudioTrack})
    newest[track] = media::configuration_in_force(record, track).value_or(newest[track]);
  // It begins with a picture, unless there never was one.
  video = video && record.track == media::kVideoTrack;
  if (!std::exchange(head_begun_, true)) head_ = flv_file_header(video, audio);
  // What describes the stream first.
  if (newest[media::kDataTrack] != kNoConfiguration)
    (void)queue_configuration(newest[media::kDataTrack], sent_timestamp(record));
  for (const std::uint32_t annotation : annotations) {
    if (annotation != kNoConfiguration) (void)queue_configuration(annotation, sent_timestamp(record));
  }
  for (std::size_t track = 0; track < newest.size(); ++track) {
    if (track != media::kDataTrack && newest[track] != kNoConfiguration)
      (void)queue_configuration(newest[track], sent_timestamp(record));
  }
  return true;
}

void FlvFeed::join_timelines(std::uint32_t log_timestamp_ms) {
  if (!any_sent_) return;
  const std::uint32_t ahead = log_timestamp_ms + offset_ms_ - last_ms_;
  if (ahead == 0 || ahead > kMaxGapMs) offset_ms_ = last_ms_ + kJoinMs - log_timestamp_ms;
}

bool FlvFeed::queue_configurations(const media::SampleRecord& next) {
  bool queued = false;
  // Changed descriptions; those of other tracks come with their records.
  for (const std::uint32_t count = reader_->configuration_count(); configurations_seen_ < count;) {
    const std::uint32_t index = configurations_seen_++;
    const auto configuration = reader_->configuration(index);
    const bool data = configuration && configuration->description.kind == media::TrackKind::kData;
    if (data) queued = queue_configuration(index, sent_timestamp(next)) || queued;
  }
  const bool known = next.track < configurations_.size() && configurations_[next.track] == next.configuration;
  return known ? queued : queue_configuration(next.configuration, sent_timestamp(next)) || queued;
}

bool FlvFeed::queue_configuration(std::uint32_t index, std::uint32_t timestamp_ms) {
  const auto configuration = reader_->configuration(index);
  if (!configuration || configuration->description.track >= media::kMaxTracks) return false;
  const std::uint8_t track = configuration->description.track;
  if (track >= configurations_.size()) configurations_.resize(track + 1U, kNoConfiguration);
  if (!is_annotation(configuration->description)) configurations_[track] = index;
  const FlvMessage message = flv_message(configuration->message);
  if (message.body.empty()) return false;
  // It describes the whole stream: ffmpeg takes onMetaData of any other time for a track of text.
  append_flv_tag(message, message.type == kFlvScript ? 0 : timestamp_ms, head_);
  return true;
}

// --- sending ---

Progress FlvFeed::play(http::LiveOutput& output, std::int64_t now_us) {
  if (tag_sent_ == 0 && head_.empty() && !keep_up(now_us)) return Progress::kFailed;
  if (!head_.empty() && tag_sent_ == 0) return send_head(output);
  reader_->seek(next_);
  const media::LogReader::Read read = reader_->read();
  if (std::holds_alternative<media::LogReader::Nothing>(read)) return Progress::kIdle;
  if (std::holds_alternative<media::LogReader::Ended>(read)) {
    if (tag_sent_ > 0) return Progress::kTorn;
    leave_log(now_us);
    return Progress::kMore;
  }
  if (std::holds_alternative<media::LogReader::Lagged>(read)) {
    if (tag_sent_ > 0) return Progress::kTorn;
    return skip(now_us) ? Progress::kMore : Progress::kFailed;
  }
  const auto& sample = std::get<media::LogReader::Sample>(read);
  if (!is_shown(sample.record.track)) {
    ++next_;
    return Progress::kMore;
  }
  if (tag_sent_ == 0 && queue_configurations(sample.record)) return send_head(output);
  return send_tags(output);
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

std::size_t FlvFeed::gather(std::vector<Tag>& tags) {
  std::size_t total = 0;
  for (std::uint64_t sequence = next_; tags.size() < kMaxTags; ++sequence) {
    const auto sample = reader_->at(sequence);
    if (!sample) break;
    const media::SampleRecord& record = sample->record;
    const bool known =
        record.track < configurations_.size() && configurations_[record.track] == record.configuration;
    if (!tags.empty() && (!known || !is_shown(record.track))) break;
    tags.push_back({record, flv_message(sample->message)});
    total += tags.back().size();
  }
  return total;
}

Progress FlvFeed::send_tags(http::LiveOutput& output) {
  // Only during the call: every feed of a thread uses the same.
  static thread_local std::vector<Tag> tags;
  static thread_local std::vector<std::array<std::uint8_t, kFlvTagTrailer + kFlvTagHeader>> between;
  static thread_local std::vector<iovec> parts;
  tags.clear();
  parts.clear();
  const std::size_t total = gather(tags);
  if (tags.empty()) return Progress::kIdle;
  between.resize(tags.size() + 1);  // the trailer of the tag before and the header of the one behind
  std::size_t skipped = tag_sent_;
  const auto add = [&](const std::uint8_t* data, std::size_t size) {
    const std::size_t left_out = std::min(skipped, size);
    skipped -= left_out;
    if (left_out < size) parts.push_back({const_cast<std::uint8_t*>(data) + left_out, size - left_out});
  };
  for (std::size_t i = 0; i < tags.size(); ++i) {
    const auto size = static_cast<std::uint32_t>(tags[i].message.body.size());
    put_flv_tag_header(tags[i].message.type, size, sent_timestamp(tags[i].record),
                       between[i].data() + kFlvTagTrailer);
    put_flv_tag_trailer(size, between[i + 1].data());
    i == 0 ? add(between[i].data() + kFlvTagTrailer, kFlvTagHeader)
           : add(between[i].data(), between[i].size());
    add(tags[i].message.body.data(), size);
  }
  add(between[tags.size()].data(), kFlvTagTrailer);
  const ssize_t sent = output.send(parts);
  if (sent < 0) return errno == EINTR ? Progress::kMore : failure();
  // Blocks are recycled oldest first: if the first record is still what it was, all are.
  if (!reader_->intact(tags.front().record)) return Progress::kTorn;
  const bool all = static_cast<std::size_t>(sent) == total - tag_sent_;
  account(tags, static_cast<std::size_t>(sent));
  reader_->seek(next_);
  return all ? Progress::kMore : Progress::kBlocked;
}

void FlvFeed::account(const std::vector<Tag>& tags, std::size_t bytes) {
  untold_bytes_ += bytes;
  bytes += std::exchange(tag_sent_, 0);
  for (const Tag& tag : tags) {
    if (bytes < tag.size()) break;
    bytes -= tag.size();
    ++next_;
    const std::uint32_t timestamp = sent_timestamp(tag.record);
    if (!any_sent_ || static_cast<std::int32_t>(timestamp - last_ms_) > 0) last_ms_ = timestamp;
    any_sent_ = true;
  }
  tag_sent_ = bytes;
}

// --- slow viewers ---

bool FlvFeed::keep_up(std::int64_t now_us) {
  if (now_us < catch_up_until_us_ || now_us < next_check_us_) return true;
  next_check_us_ = now_us + kCheckEveryUs;
  const auto next = reader_->at(next_);
  const std::uint64_t committed = reader_->info().committed;
  const auto newest = next && committed > next_ + 1 ? reader_->at(committed - 1) : std::nullopt;
  if (!newest) return true;
  const std::int64_t behind = newest->record.arrival_us - next->record.arrival_us;
  if (behind > 3 * kSlowUs) {
    outside_.metrics.flv_viewer_too_slow();
    return false;
  }
  return behind <= kSlowUs || skip(now_us);
}

bool FlvFeed::skip(std::int64_t now_us) {
  const std::optional<std::uint64_t> key = reader_->newest_key();
  if (!key || *key <= next_) {
    // Its place may be gone, and no key frame to go to yet.
    if (!reader_->at(next_)) started_ = false;
    return true;
  }
  if (now_us - skipped_us_ < kSkipAgainUs) {
    outside_.metrics.flv_viewer_too_slow();
    return false;
  }
  skipped_us_ = now_us;
  next_ = *key;
  return true;
}

bool FlvFeed::may_stay(std::int64_t now_us) {
  if (is_private_ && !viewer_.may_watch) return false;
  if (now_us >= next_permission_us_) {
    next_permission_us_ = now_us + kPermissionEveryUs;
    const bool barred = outside_.is_barred && outside_.is_barred(viewer_.stream_id);
    permitted_ = !barred && (!is_private_ || viewer_.may_watch());
  }
  return permitted_;
}

void FlvFeed::tell_viewer(std::int64_t now_us) {
  if (now_us < next_telling_us_) return;
  next_telling_us_ = now_us + kTellEveryUs;
  outside_.viewers.seen(viewer_.stream_id, viewer_.address, viewer_.user_agent, now_us, kViewerLastsUs);
  if (untold_bytes_ > 0) outside_.viewers.sent(viewer_.stream_id, std::exchange(untold_bytes_, 0));
}

}  // namespace millrace::packaging
