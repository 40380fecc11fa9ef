#include "publication.hpp"

#include <algorithm>
#include <cstring>

#include "codecs/h264.hpp"
#include "rtmp/media_message.hpp"
#include "rtmp/media_tag.hpp"

namespace millrace::ingest {

namespace {

constexpr std::uint32_t kPlayerMessageStream = 1;
constexpr std::size_t kMaxEncoderText = 128;

void add(std::atomic<std::uint64_t>& counter, std::uint64_t value) {
  counter.store(counter.load(std::memory_order_relaxed) + value, std::memory_order_relaxed);
}

struct AccessUnit {
  bool usable = false;  // at least one unit, and every length within the sample
  bool idr = false;
};

AccessUnit look_at(ByteView sample, unsigned nal_length_size) {
  AccessUnit unit;
  codecs::NalReader reader(sample, nal_length_size);
  for (ByteView nal = reader.next(); !nal.empty(); nal = reader.next()) {
    unit.usable = true;
    unit.idr = unit.idr || codecs::is_idr(nal);
  }
  unit.usable = unit.usable && reader.ok();
  return unit;
}

// Players see the offset in the AVC tag (FLV E.4.3.2): frame type and packet type, then SI24 milliseconds.
void write_composition_offset(const media::SampleRecord& record, std::uint8_t* tag) {
  constexpr std::int32_t kTicksPerMs = media::Timeline::kVideoTimescale / 1000;
  const auto offset_ms = static_cast<std::uint32_t>(record.composition_offset / kTicksPerMs);
  for (unsigned i = 0; i < 3; ++i) tag[2 + i] = static_cast<std::uint8_t>(offset_ms >> (16 - 8 * i));
}

}  // namespace

Publication::Publication(std::unique_ptr<media::LogWriter> log, const media::TimelineConfig& timeline,
                         std::shared_ptr<PublicationCounters> counters)
    : log_(std::move(log)), timeline_(timeline), counters_(std::move(counters)) {
  timeline_.configure(media::kDataTrack, media::TrackKind::kData, data_format({}).description.timescale, 0);
  longest_segment_ms_ = timeline_.max_segment_ms();
  if (longest_segment_ms_ > 0) log_->set_longest_segment_ms(longest_segment_ms_);
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
  return extended ? media::LogWriter::kPrefixRoom : kShortHeader;
}

Result<void> Publication::begin(const rtmp::MessageBegin& begun) {
  abort(begun.chunk_stream_id);
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
      return end_video(message, body, times);
    case rtmp::MessageType::kAudio:
      return end_audio(message, body, times);
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
  log_->end(reason);
}

bool Publication::take_tracks_changed() {
  if (!any_record_ || !tracks_changed_) return false;
  tracks_changed_ = false;
  return true;
}

Result<void> Publication::drop(const OpenMessage& message) {
  if (message.room) log_->abandon(*message.room);
  add(counters_->dropped_messages, 1);
  return {};
}

Result<void> Publication::end_video(const OpenMessage& message, ByteView body, const MessageTimes& times) {
  const Result<rtmp::MediaTag> tag = rtmp::parse_media_tag(message.type, body);
  if (!tag || tag->kind == rtmp::PacketKind::kCommand) return drop(message);
  if (tag->enhanced || tag->codec != rtmp::fourcc::kAvc) {
    log_->abandon(*message.room);
    return fail("ingest.unsupported", "this video codec is not supported: send H.264");
  }
  const rtmp::TagPart part = *rtmp::TagPartReader(*tag, body).next();
  if (tag->kind == rtmp::PacketKind::kSequenceStart) {
    Result<TrackFormat> format = avc_format(body, part.payload_begin);
    log_->abandon(*message.room);
    return configure(std::move(format));
  }
  const TrackSlot& slot = slots_[media::kVideoTrack];
  if (tag->kind != rtmp::PacketKind::kCodedFrames || (!slot.configured && !slot.pending))
    return drop(message);
  const AccessUnit unit = look_at(body.subspan(part.payload_begin), slot.nal_length_size);
  if (!unit.usable) return drop(message);
  return commit(
      message,
      {media::kVideoTrack, part.payload_begin, 0, part.composition_offset_ms, tag->key() || unit.idr}, times);
}

Result<void> Publication::end_audio(const OpenMessage& message, ByteView body, const MessageTimes& times) {
  const Result<rtmp::MediaTag> tag = rtmp::parse_media_tag(message.type, body);
  if (!tag) return drop(message);
  if (tag->enhanced || tag->codec != rtmp::fourcc::kAac) {
    log_->abandon(*message.room);
    return fail("ingest.unsupported", "this audio codec is not supported: send AAC");
  }
  const rtmp::TagPart part = *rtmp::TagPartReader(*tag, body).next();
  if (tag->kind == rtmp::PacketKind::kSequenceStart) {
    Result<TrackFormat> format = aac_format(body, part.payload_begin);
    log_->abandon(*message.room);
    return configure(std::move(format));
  }
  const TrackSlot& slot = slots_[media::kAudioTrack];
  const bool empty = part.payload_size == 0;
  if (tag->kind != rtmp::PacketKind::kCodedFrames || empty || (!slot.configured && !slot.pending)) {
    return drop(message);
  }
  return commit(message, {media::kAudioTrack, part.payload_begin, 0, 0, false}, times);
}

Result<void> Publication::end_data(const OpenMessage& message, ByteView body, const MessageTimes& times) {
  const Result<rtmp::DataMessage> data = rtmp::parse_data_message(body);
  if (!data || data->payload_begin >= body.size()) return drop(message);
  if (data->name == "onMetaData") {
    if (data->metadata && encoder_.empty()) encoder_ = data->metadata->encoder.substr(0, kMaxEncoderText);
    const Result<void> configured = configure_data(body.subspan(data->payload_begin));
    log_->abandon(*message.room);
    return configured;
  }
  // Nothing to attach it to yet.
  if (!any_record_) return drop(message);
  if (!slots_[media::kDataTrack].configured) {
    if (Result<void> configured = configure_data({}); !configured) return configured;
  }
  return commit(message, {media::kDataTrack, 0, static_cast<std::uint32_t>(data->payload_begin), 0, false},
                times);
}

Result<void> Publication::configure(Result<TrackFormat> format) {
  if (!format) return tl::unexpected<Error>(format.error());
  TrackSlot& slot = slots_[format->description.track];
  if ((slot.configured || slot.pending) && slot.newest == format->configuration) return {};
  slot.newest = format->configuration;
  slot.nal_length_size = format->nal_length_size;
  timeline_.configure(format->description.track, format->description.kind, format->description.timescale,
                      format->samples_per_frame);
  if (any_record_) {
    slot.pending = std::move(*format);
    return {};
  }
  return add_configuration(std::move(*format), 0, 0);
}

Result<void> Publication::configure_data(ByteView amf) {
  TrackSlot& slot = slots_[media::kDataTrack];
  if (slot.configured && std::equal(amf.begin(), amf.end(), slot.newest.begin(), slot.newest.end()))
    return {};
  if (metadata_changes_++ >= kMaxMetadataChanges) {
    add(counters_->dropped_messages, 1);
    return {};
  }
  slot.newest.assign(amf.begin(), amf.end());
  return add_configuration(data_format(amf), any_record_ ? media_sequence_ : 0, 0);
}

Result<void> Publication::add_configuration(TrackFormat format, std::uint64_t media_sequence,
                                            std::uint32_t timestamp_ms) {
  const auto size = static_cast<std::uint32_t>(format.tag.size() + format.configuration.size());
  const rtmp::MediaChunkHeader header = rtmp::media_chunk_header(message_type(format.description.kind),
                                                                 timestamp_ms, size, kPlayerMessageStream);
  Bytes prefix(header.view().begin(), header.view().end());
  prefix.insert(prefix.end(), format.tag.begin(), format.tag.end());
  format.description.media_sequence = media_sequence;
  const Result<std::uint32_t> index =
      log_->add_configuration(format.description, prefix, format.configuration);
  if (!index) return tl::unexpected<Error>(index.error());
  TrackSlot& slot = slots_[format.description.track];
  slot.configuration = *index;
  slot.configured = true;
  if (format.description.kind == media::TrackKind::kData) return {};
  const std::uint8_t track = format.description.track;
  tracks_.erase(std::remove_if(tracks_.begin(), tracks_.end(),
                               [track](const TrackFormat& old) { return old.description.track == track; }),
                tracks_.end());
  tracks_.push_back(std::move(format));
  tracks_changed_ = true;
  return {};
}

Result<void> Publication::commit(const OpenMessage& message, const SamplePlace& place,
                                 const MessageTimes& times) {
  media::SampleRecord record =
      timeline_.place({place.track, message.timestamp_ms, place.composition_offset_ms, place.key,
                       times.monotonic_us, times.wall_us});
  TrackSlot& slot = slots_[place.track];
  if (slot.pending) {
    TrackFormat format = std::move(*slot.pending);
    slot.pending.reset();
    if (Result<void> added =
            add_configuration(std::move(format), record.media_sequence, record.wire_timestamp_ms);
        !added) {
      log_->abandon(*message.room);
      return added;
    }
  }
  record.configuration = slot.configuration;

  const media::LogWriter::Room& room = *message.room;
  const rtmp::MediaChunkHeader header = rtmp::media_chunk_header(
      message.type, record.wire_timestamp_ms, room.body_size - place.skipped, kPlayerMessageStream);
  const std::uint32_t message_begin = room.prefix_room + place.skipped;
  if (header.size() > message_begin) return drop(message);
  std::memcpy(room.data + message_begin - header.size(), header.data(), header.size());
  if (place.track == media::kVideoTrack && (record.flags & media::kSampleRepaired) != 0) {
    write_composition_offset(record, room.data + message_begin);
  }
  (void)log_->commit(room, message_begin + place.header_size,
                     static_cast<std::uint8_t>(header.size() + place.header_size), record);
  any_record_ = true;
  wire_timestamp_ms_ = record.wire_timestamp_ms;
  media_sequence_ = record.media_sequence;
  arrival_us_ = record.arrival_us;
  if (timeline_.max_segment_ms() != longest_segment_ms_) {
    longest_segment_ms_ = timeline_.max_segment_ms();
    log_->set_longest_segment_ms(longest_segment_ms_);
  }
  count(place, record);
  return {};
}

void Publication::count(const SamplePlace& place, const media::SampleRecord& record) {
  if (place.track == media::kVideoTrack) add(counters_->video_frames, 1);
  if (place.track == media::kAudioTrack) add(counters_->audio_frames, 1);
  if (place.key) {
    add(counters_->key_frames, 1);
    const std::int64_t key_us = record.dts * 1000 / (media::Timeline::kVideoTimescale / 1000);
    if (last_key_us_ >= 0) {
      counters_->last_key_interval_us.store(static_cast<std::uint64_t>(key_us - last_key_us_),
                                            std::memory_order_relaxed);
    }
    last_key_us_ = key_us;
  }
  counters_->timestamp_jumps.store(timeline_.jumps(), std::memory_order_relaxed);
  counters_->log_bytes.store(log_->held_bytes(), std::memory_order_relaxed);
}

}  // namespace millrace::ingest
