#include "publication.hpp"

#include <algorithm>
#include <cstring>

#include "rtmp/media_message.hpp"

namespace millrace::ingest {

namespace {

constexpr std::uint32_t kPlayerMessageStream = 1;
constexpr std::size_t kMaxEncoderText = 128;

void add(std::atomic<std::uint64_t>& counter, std::uint64_t value) {
  counter.store(counter.load(std::memory_order_relaxed) + value, std::memory_order_relaxed);
}

std::int32_t offset_ms(const media::SampleRecord& record) {
  return record.composition_offset / static_cast<std::int32_t>(media::Timeline::kVideoTimescale / 1000);
}

}  // namespace

Publication::Publication(std::unique_ptr<media::LogWriter> log, const media::TimelineConfig& timeline,
                         std::shared_ptr<PublicationCounters> counters)
    : log_(std::move(log)), timeline_(timeline), counters_(std::move(counters)) {
  timeline_.configure(media::kDataTrack, media::TrackKind::kData, data_format({}).description.timescale, 0);
  target_duration_s_ = timeline_.target_duration_s();
}

Publication::OpenMessage* Publication::find(std::uint32_t chunk_stream_id) {
  const auto found = std::find_if(open_.begin(), open_.end(), [&](const OpenMessage& message) {
    return message.chunk_stream_id == chunk_stream_id;
  });
  return found == open_.end() ? nullptr : &*found;
}

// Exactly the header that players will be sent, so that messages lie back to back. No time stamp can be
// further ahead than the timeline lets it.
std::uint32_t Publication::prefix_room(std::uint32_t timestamp_ms) const {
  constexpr std::uint64_t kExtendedTimestamp = 0xFFFFFF;
  constexpr std::uint32_t kShortHeader = 12;
  const std::uint64_t latest = std::uint64_t{wire_timestamp_ms_} + 2 * media::Timeline::kGapLimitMs;
  const bool extended = timestamp_ms >= kExtendedTimestamp || (any_record_ && latest >= kExtendedTimestamp);
  // Enhanced RTMP's header of hvc1 is longer than the legacy one.
  constexpr std::uint32_t kGrowth = 3;
  return (extended ? media::LogWriter::kPrefixRoom : kShortHeader) + (legacy_hevc_ ? kGrowth : 0);
}

// Messages that were begun and are not ended hold back what was written behind them.
void Publication::give_up_overtaken() {
  for (OpenMessage& message : open_) {
    if (!message.room || !log_->overtaken(*message.room)) continue;
    log_->abandon(*message.room);
    message.room.reset();  // its other bytes are passed over, its end counts it as dropped
  }
}

Result<void> Publication::begin(const rtmp::MessageBegin& begun) {
  abort(begun.chunk_stream_id);
  give_up_overtaken();
  OpenMessage message{begun.chunk_stream_id, begun.type, begun.timestamp_ms, 0, {}};
  const bool wanted =
      begun.size > 0 && (begun.type != rtmp::MessageType::kData || begun.size <= kMaxDataBytes);
  if (wanted) {
    Result<media::LogWriter::Room> room = log_->reserve(begun.size, prefix_room(begun.timestamp_ms));
    if (!room) return tl::unexpected<Error>(room.error());
    message.room = *room;
  }
  open_.push_back(message);
  return {};
}

void Publication::append(std::uint32_t chunk_stream_id, ByteView bytes) {
  OpenMessage* message = find(chunk_stream_id);
  if (message == nullptr || !message->room) return;
  const media::LogWriter::Room& room = *message->room;
  const std::size_t count = std::min<std::size_t>(bytes.size(), room.body_size - message->filled);
  std::memcpy(room.data + room.prefix_room + message->filled, bytes.data(), count);
  message->filled += static_cast<std::uint32_t>(count);
}

void Publication::abort(std::uint32_t chunk_stream_id) {
  OpenMessage* message = find(chunk_stream_id);
  if (message == nullptr) return;
  if (message->room) log_->abandon(*message->room);
  open_.erase(open_.begin() + (message - open_.data()));
}

Result<void> Publication::end(std::uint32_t chunk_stream_id, const MessageTimes& times) {
  OpenMessage* found = find(chunk_stream_id);
  if (found == nullptr) return {};
  const OpenMessage message = *found;
  open_.erase(open_.begin() + (found - open_.data()));
  if (!message.room || message.filled != message.room->body_size) return drop(message);
  const ByteView body(message.room->data + message.room->prefix_room, message.room->body_size);
  switch (message.type) {
    case rtmp::MessageType::kVideo:
    case rtmp::MessageType::kAudio:
      return end_media(message, body, times);
    case rtmp::MessageType::kData:
      return end_data(message, body, times);
    default:
      return drop(message);
  }
}

void Publication::finish(media::LogEnd reason) {
  for (const OpenMessage& message : open_) {
    if (message.room) log_->abandon(*message.room);
  }
  open_.clear();
  timeline_.finish();
  tell_target_duration();
  log_->end(reason);
}

bool Publication::take_tracks_changed() {
  if (!any_record_ || !tracks_changed_) return false;
  tracks_changed_ = false;
  return true;
}

Result<void> Publication::drop(const OpenMessage& message) {
  if (message.room) log_->abandon(*message.room);
  count_dropped();
  return {};
}

void Publication::count_dropped() {
  add(counters_->dropped_messages, 1);
}

Result<void> Publication::end_data(const OpenMessage& message, ByteView body, const MessageTimes& times) {
  const Result<rtmp::DataMessage> data = rtmp::parse_data_message(body);
  if (!data || data->payload_begin >= body.size()) return drop(message);
  if (data->name == "onMetaData") {
    if (data->metadata) pace_.declare(data->metadata->frame_rate.value_or(0));
    if (data->metadata && encoder_.empty()) encoder_ = data->metadata->encoder.substr(0, kMaxEncoderText);
    const Result<void> configured = configure_data(body.subspan(data->payload_begin));
    log_->abandon(*message.room);
    return configured;
  }
  // Nothing to attach it to yet.
  if (!any_record_) return drop(message);
  if (!table_.slot(media::kDataTrack).configured) {
    if (Result<void> configured = configure_data({}); !configured) return configured;
  }
  SamplePlace place;
  place.track = media::kDataTrack;
  place.payload_begin = static_cast<std::uint32_t>(data->payload_begin);
  const Result<bool> committed = commit(message, place, times);
  if (!committed || !*committed) log_->abandon(*message.room);
  return committed ? Result<void>() : tl::unexpected<Error>(committed.error());
}

Result<void> Publication::configure_data(ByteView amf) {
  const TrackSlot& slot = table_.slot(media::kDataTrack);
  if (slot.configured && std::equal(amf.begin(), amf.end(), metadata_.begin(), metadata_.end())) return {};
  if (metadata_changes_++ >= kMaxMetadataChanges) {
    count_dropped();
    return {};
  }
  metadata_.assign(amf.begin(), amf.end());
  return add_configuration(data_format(amf), any_record_ ? media_sequence_ : 0, 0);
}

Result<void> Publication::add_configuration(TrackFormat format, std::uint64_t media_sequence,
                                            std::uint32_t timestamp_ms) {
  Bytes prefix;
  if (!format.no_wire_form) {
    const auto size = static_cast<std::uint32_t>(format.tag.size() + format.configuration.size());
    const rtmp::MessageType type = format.annotates.value_or(message_type(format.description.kind));
    const rtmp::MediaChunkHeader header =
        rtmp::media_chunk_header(type, timestamp_ms, size, kPlayerMessageStream);
    prefix.assign(header.view().begin(), header.view().end());
    prefix.insert(prefix.end(), format.tag.begin(), format.tag.end());
  }
  format.description.media_sequence = media_sequence;
  const Result<std::uint32_t> index =
      log_->add_configuration(format.description, prefix, format.configuration);
  if (!index) return tl::unexpected<Error>(index.error());
  if (format.annotates) return {};
  TrackSlot& slot = table_.slot(format.description.track);
  slot.configuration = *index;
  slot.configured = true;
  if (format.description.kind == media::TrackKind::kData) return {};
  const std::uint8_t track = format.description.track;
  std::erase_if(tracks_, [track](const TrackFormat& old) { return old.description.track == track; });
  tracks_.push_back(std::move(format));
  tracks_changed_ = true;
  return {};
}

Result<void> Publication::apply_pending(TrackSlot& slot, const media::SampleRecord& record) {
  if (!slot.pending) return {};
  slot.pending = false;
  return add_configuration(*slot.format, record.media_sequence, record.wire_timestamp_ms);
}

// Gives its size, 0 where place keeps the header that is there.
std::uint32_t Publication::write_tag_header(const media::LogWriter::Room& room, const SamplePlace& place,
                                            const media::SampleRecord& record, std::size_t chunk_header) {
  const std::uint32_t payload_at = room.prefix_room + place.payload_begin;
  const bool moved = place.composition_present && (record.flags & media::kSampleRepaired) != 0;
  if (!place.header) {
    // Players see it in the header's last three bytes (FLV E.4.3.2, and Enhanced RTMP).
    for (unsigned i = 0; moved && i < 3; ++i)
      room.data[payload_at - 3 + i] = static_cast<std::uint8_t>(offset_ms(record) >> (16 - 8 * i));
    return place.header_size;
  }
  rtmp::TagHeader tag = rtmp::make_tag_header(*place.header);
  if (moved) {
    rtmp::TagHeaderFields fields = *place.header;
    fields.composition_offset_ms = offset_ms(record);
    const rtmp::TagHeader longer = rtmp::make_tag_header(fields);
    // CodedFramesX has no place for it: its picture is shown a little late.
    if (longer.size + chunk_header <= payload_at) tag = longer;
  }
  if (tag.size <= payload_at) std::memcpy(room.data + payload_at - tag.size, tag.bytes.data(), tag.size);
  return static_cast<std::uint32_t>(tag.size);
}

Result<bool> Publication::commit(const OpenMessage& message, const SamplePlace& place,
                                 const MessageTimes& times) {
  const media::LogWriter::Room& room = *message.room;
  media::SampleRecord record = timeline_.place(
      {place.track, message.timestamp_ms, place.composition_offset_ms, place.key, times.monotonic_us,
       times.wall_us, place.samples, place.nanoseconds, place.recovery, place.refresh});
  TrackSlot& slot = table_.slot(place.track);
  if (Result<void> applied = apply_pending(slot, record); !applied)
    return tl::unexpected<Error>(applied.error());
  record.configuration = slot.configuration;
  slot.sampled = true;
  if ((record.flags & media::kSampleSegmentStart) != 0) record.flags |= silent_tracks();

  const std::uint32_t payload_size = room.body_size - place.payload_begin;
  const std::uint32_t payload_at = room.prefix_room + place.payload_begin;
  const auto chunk_header = [&](std::uint32_t tag_size) {
    return rtmp::media_chunk_header(message.type, record.wire_timestamp_ms, payload_size + tag_size,
                                    kPlayerMessageStream);
  };
  const std::uint32_t tag_size = write_tag_header(room, place, record, chunk_header(0).size());
  const rtmp::MediaChunkHeader header = chunk_header(tag_size);
  const auto prefix_size = static_cast<std::uint32_t>(header.size()) + tag_size;
  if (prefix_size > payload_at) {
    count_dropped();
    return false;
  }
  std::memcpy(room.data + payload_at - prefix_size, header.data(), header.size());
  tell_target_duration();
  (void)log_->commit(room, payload_at, static_cast<std::uint8_t>(prefix_size), record);
  any_record_ = true;
  wire_timestamp_ms_ = record.wire_timestamp_ms;
  media_sequence_ = record.media_sequence;
  arrival_us_ = record.arrival_us;
  count(place, record);
  return true;
}

void Publication::tell_target_duration() {
  if (timeline_.target_duration_s() == target_duration_s_) return;
  target_duration_s_ = timeline_.target_duration_s();
  log_->set_target_duration_s(target_duration_s_);
}

std::uint16_t Publication::silent_tracks() {
  const auto silent = [this](std::uint8_t track) {
    return table_.slot(track).configured && !table_.slot(track).sampled;
  };
  return static_cast<std::uint16_t>((silent(media::kVideoTrack) ? media::kSampleNoVideoYet : 0) |
                                    (silent(media::kAudioTrack) ? media::kSampleNoAudioYet : 0));
}

void Publication::count(const SamplePlace& place, const media::SampleRecord& record) {
  const TrackSlot& slot = table_.slot(place.track);
  if (place.track != media::kDataTrack) counters_->pauses.arrived(record.arrival_us);
  if (place.track == media::kVideoTrack) {
    constexpr std::int64_t kTicksPerMs = media::Timeline::kVideoTimescale / 1000;
    add(counters_->video_frames, 1);
    if (place.key) add(counters_->key_frames, 1);
    pace_.video(record.dts * 1000 / kTicksPerMs, place.key,
                (record.flags & media::kSampleDiscontinuity) == 0);
  } else if (place.track == media::kAudioTrack && slot.format) {
    add(counters_->audio_frames, 1);
    pace_.audio(record.dts * 1'000'000 / std::max<std::int64_t>(slot.format->description.timescale, 1));
  }
  const auto store = [](auto& counter, auto value) { counter.store(value, std::memory_order_relaxed); };
  store(counters_->last_key_interval_us, pace_.key_interval_us());
  store(counters_->frame_gaps, pace_.frame_gaps());
  store(counters_->frame_duration_us, pace_.frame_duration_us());
  store(counters_->since_key_us, pace_.since_key_us());
  store(counters_->longest_frame_us, pace_.longest_frame_us());
  store(counters_->interleaving_us, pace_.interleaving_us());
  store(counters_->media_time_us, pace_.media_time_us());
  store(counters_->video_time_us, pace_.video_time_us());
  store(counters_->timestamp_jumps, timeline_.jumps());
  store(counters_->refused_tracks, std::uint64_t{refusals_.count()});
  store(counters_->log_bytes, log_->held_bytes());
}

}  // namespace millrace::ingest
