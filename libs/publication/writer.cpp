#include "publication/writer.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "media/errors.hpp"
#include "rtmp/limits.hpp"

namespace millrace::publication {
namespace {

bool is_same(const TrackFormat& in_force, const TrackFormat& format) {
  media::TrackConfiguration description = format.description;
  description.media_sequence = in_force.description.media_sequence;
  return in_force.description == description && in_force.tag == format.tag &&
         in_force.no_wire_form == format.no_wire_form && in_force.configuration == format.configuration &&
         in_force.samples_per_frame == format.samples_per_frame;
}

}  // namespace

Writer::Writer(std::unique_ptr<media::LogWriter> log) : log_(std::move(log)) {}

Writer::Writer(std::unique_ptr<media::LogWriter> log, const media::TimelineConfig& timeline)
    : log_(std::move(log)), timeline_(timeline) {
  timeline_->configure(media::kDataTrack, media::TrackKind::kData, data_format({}).description.timescale, 0);
  target_duration_s_ = timeline_->target_duration_s();
}

// --- configurations ---

Result<void> Writer::configure(TrackFormat format) {
  const media::TrackConfiguration& description = format.description;
  release_track(description.track);
  Track& track = tracks_[description.track % media::kMaxTracks];
  track.kind = description.kind;
  track.fourcc = fourcc_of(description.codec);
  track.player_track_id = format.player_track_id;
  if (!format.no_wire_form) {
    const rtmp::TagHeader tag =
        rtmp::make_tag_header({message_type(description.kind), track.fourcc, rtmp::PacketKind::kSequenceStart,
                               rtmp::VideoFrameType::kKey, 0, format.player_track_id});
    format.tag.assign(tag.view().begin(), tag.view().end());
  }
  if (any_record_ && is_in_force(format)) {
    if (timeline_)
      timeline_->configure_as_before(description.track, description.kind, description.timescale,
                                     format.samples_per_frame);
    withdraw(description.track);
    return {};
  }
  if (timeline_)
    timeline_->configure(description.track, description.kind, description.timescale,
                         format.samples_per_frame);
  if (!any_record_) return add_configuration(std::move(format), 0, 0);
  withdraw(description.track);
  track.pending = true;
  pending_.push_back(std::move(format));
  return {};
}

bool Writer::is_in_force(const TrackFormat& format) const {
  return std::any_of(formats_.begin(), formats_.end(), [&](const TrackFormat& in_force) {
    return in_force.description.track == format.description.track && is_same(in_force, format);
  });
}

std::optional<TrackFormat> Writer::take_pending(std::uint8_t number) {
  tracks_[number % media::kMaxTracks].pending = false;
  const auto found = std::find_if(pending_.begin(), pending_.end(), [number](const TrackFormat& format) {
    return format.description.track == number;
  });
  if (found == pending_.end()) return std::nullopt;
  std::optional<TrackFormat> format = std::move(*found);
  pending_.erase(found);
  return format;
}

// What waits is of the configuration that is withdrawn.
void Writer::withdraw(std::uint8_t track) {
  release_track(track);
  (void)take_pending(track);
}

Result<void> Writer::add_data(TrackFormat format) {
  return add_configuration(std::move(format), any_record_ ? newest_.media_sequence : 0, 0);
}

Result<void> Writer::add_configuration(TrackFormat format, std::uint64_t media_sequence,
                                       std::uint32_t timestamp_ms) {
  const Bytes prefix = configuration_prefix(format, timestamp_ms);
  format.description.media_sequence = media_sequence;
  const Result<std::uint32_t> index =
      log_->add_configuration(format.description, prefix, format.configuration);
  if (!index) return tl::unexpected<Error>(index.error());
  if (format.annotates) return {};
  const std::uint8_t number = format.description.track;
  Track& track = tracks_[number % media::kMaxTracks];
  track.configuration = *index;
  track.configured = true;
  if (format.description.kind == media::TrackKind::kData) return {};
  std::erase_if(formats_, [number](const TrackFormat& old) { return old.description.track == number; });
  formats_.push_back(std::move(format));
  formats_changed_ = true;
  return {};
}

Result<void> Writer::apply_pending(std::uint8_t track, const media::SampleRecord& record) {
  std::optional<TrackFormat> format = take_pending(track);
  if (!format) return {};
  return add_configuration(std::move(*format), record.media_sequence, record.wire_timestamp_ms);
}

bool Writer::take_tracks_changed() {
  if (!any_record_ || !formats_changed_) return false;
  formats_changed_ = false;
  return true;
}

// --- samples ---

// No time stamp can be further ahead than the timeline lets it. One that is brought along is what it says.
std::uint32_t Writer::prefix_room(std::uint32_t timestamp_ms) const {
  constexpr std::uint64_t kExtendedTimestamp = 0xFFFFFF;
  constexpr std::uint32_t kShortHeader = 12;
  const std::uint64_t latest = std::uint64_t{newest_.wire_timestamp_ms} + 2 * media::Timeline::kGapLimitMs;
  const bool extended =
      timestamp_ms >= kExtendedTimestamp || (timeline_ && any_record_ && latest >= kExtendedTimestamp);
  return extended ? media::LogWriter::kPrefixRoom : kShortHeader;
}

Result<Writer::Room> Writer::reserve(std::uint32_t body_size, std::uint32_t timestamp_ms,
                                     std::uint32_t growth) {
  if (std::uint64_t{body_size} + growth > rtmp::kPlayerChunkSize)
    return fail(media::errors::kTooLarge, std::to_string(body_size) + " bytes make no message of one chunk");
  return log_->reserve(body_size, prefix_room(timestamp_ms) + growth);
}

Result<Writer::Room> Writer::reserve_for(const Sample& sample, std::uint32_t payload_size,
                                         std::uint32_t wire_timestamp_ms) {
  const std::size_t header = sample.tag.header ? rtmp::make_tag_header(*sample.tag.header).size : 0;
  return reserve(payload_size, wire_timestamp_ms, static_cast<std::uint32_t>(header));
}

Sample Writer::sample_of(std::uint8_t number, bool key, std::int32_t composition_offset_ms) const {
  const Track& track = tracks_[number % media::kMaxTracks];
  Sample sample;
  sample.track = number;
  sample.key = key;
  sample.composition_offset_ms = composition_offset_ms;
  if (track.kind == media::TrackKind::kData) return sample;
  sample.tag.header = {
      message_type(track.kind),       track.fourcc,
      rtmp::PacketKind::kCodedFrames, key ? rtmp::VideoFrameType::kKey : rtmp::VideoFrameType::kInter,
      composition_offset_ms,          track.player_track_id};
  sample.tag.composition_present = has_composition(track.fourcc);
  return sample;
}

Result<bool> Writer::commit(const Room& room, const Sample& sample) {
  const bool picture = tracks_[sample.track % media::kMaxTracks].kind == media::TrackKind::kVideo;
  const bool held = picture && hold_.take({sample.track, sample.timestamp_ms, sample.composition_offset_ms,
                                           sample.key, sample.arrival_us});
  if (!held) return place(room, sample);
  held_[sample.track % media::kMaxTracks].push_back({room, sample});
  return true;
}

std::size_t Writer::release(std::int64_t now_us) {
  while (const auto track = hold_.next(now_us)) write_oldest(*track);
  return std::exchange(dropped_, 0);
}

void Writer::release_track(std::uint8_t track) {
  for (std::size_t left = hold_.release(track); left > 0; --left) write_oldest(track);
}

void Writer::write_oldest(std::uint8_t track) {
  std::vector<Held>& held = held_[track % media::kMaxTracks];
  const Held oldest = held.front();
  held.erase(held.begin());
  const Result<bool> written =
      log_->overtaken(oldest.room) ? Result<bool>(false) : place(oldest.room, oldest.sample);
  if (written && *written) return;
  log_->abandon(oldest.room);
  ++dropped_;
}

Result<bool> Writer::place(const Room& room, const Sample& sample) {
  if (!clock_offset_us_) clock_offset_us_ = sample.wall.us() - sample.arrival_us;
  const WallTime wall = WallTime::from_us(sample.arrival_us + *clock_offset_us_);
  media::SampleRecord record = timeline_->place(
      {sample.track, sample.timestamp_ms, sample.composition_offset_ms, sample.key, sample.arrival_us, wall,
       sample.samples, sample.nanoseconds, sample.recovery, sample.refresh});
  return write(room, sample, record);
}

Result<bool> Writer::commit_placed(const Room& room, const Sample& sample, media::SampleRecord record) {
  record.track = sample.track;
  if (sample.key) record.flags |= media::kSampleKey;
  if (sample.recovery) record.flags |= media::kSampleRecovery;
  if (sample.refresh) record.flags |= media::kSampleRefresh;
  return write(room, sample, record);
}

Result<bool> Writer::write(const Room& room, const Sample& sample, media::SampleRecord& record) {
  Track& track = tracks_[sample.track % media::kMaxTracks];
  if (track.pending) {
    if (Result<void> applied = apply_pending(sample.track, record); !applied)
      return tl::unexpected<Error>(applied.error());
  }
  record.configuration = track.configuration;
  if (track.kind == media::TrackKind::kAudio && !is_configured(media::kVideoTrack))
    record.flags |= media::kSampleNoPicture;
  record.flags |= static_cast<std::uint16_t>(sample.captions << media::kSampleCaptionsShift);
  track.sampled = true;
  if ((record.flags & media::kSampleSegmentStart) != 0) record.flags |= silent_tracks();
  const std::uint32_t payload_at = room.prefix_room + sample.payload_begin;
  const auto prefix_size = write_prefix(room, payload_at, sample.tag, message_type(track.kind), record);
  if (!prefix_size) return false;
  store_targets();
  record.sequence = log_->commit(room, payload_at, *prefix_size, record);
  any_record_ = true;
  newest_ = {record.sequence,       record.dts,           record.arrival_us,
             record.media_sequence, record.configuration, record.wire_timestamp_ms,
             record.flags,          record.track};
  return true;
}

void Writer::store_targets() {
  if (!timeline_ || timeline_->target_duration_s() == target_duration_s_) return;
  target_duration_s_ = timeline_->target_duration_s();
  log_->set_part_target_us(timeline_->part_target_us());
  log_->set_target_duration_s(target_duration_s_);
}

std::uint16_t Writer::silent_tracks() const {
  const auto silent = [this](std::uint8_t track) {
    return tracks_[track].configured && !tracks_[track].sampled;
  };
  return static_cast<std::uint16_t>((silent(media::kVideoTrack) ? media::kSampleNoVideoYet : 0) |
                                    (silent(media::kAudioTrack) ? media::kSampleNoAudioYet : 0));
}

void Writer::finish(media::LogEnd reason) {
  for (std::uint8_t track = 0; track < media::kMaxTracks; ++track) release_track(track);
  if (timeline_) timeline_->finish();
  store_targets();
  log_->end(reason);
}

}  // namespace millrace::publication
