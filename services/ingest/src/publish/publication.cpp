#include "publish/publication.hpp"

#include <algorithm>
#include <cstring>

#include "rtmp/media_message.hpp"

namespace millrace::ingest {

namespace {

constexpr std::size_t kMaxEncoderText = 128;

void add(std::atomic<std::uint64_t>& counter, std::uint64_t value) {
  counter.store(counter.load(std::memory_order_relaxed) + value, std::memory_order_relaxed);
}

}  // namespace

Publication::Publication(std::unique_ptr<media::LogWriter> log, const media::TimelineConfig& timeline,
                         std::shared_ptr<PublicationCounters> counters)
    : writer_(std::move(log), timeline), counters_(std::move(counters)) {}

Publication::OpenMessage* Publication::find(std::uint32_t chunk_stream_id) {
  const auto found = std::find_if(open_.begin(), open_.end(), [&](const OpenMessage& message) {
    return message.chunk_stream_id == chunk_stream_id;
  });
  return found == open_.end() ? nullptr : &*found;
}

// Messages that were begun and are not ended hold back what was written behind them.
void Publication::give_up_overtaken() {
  for (OpenMessage& message : open_) {
    if (!message.room || !writer_.overtaken(*message.room)) continue;
    writer_.abandon(*message.room);
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
    Result<media::LogWriter::Room> room = writer_.reserve(begun.size, begun.timestamp_ms, header_growth());
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
  if (message->room) writer_.abandon(*message->room);
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
    if (message.room) writer_.abandon(*message.room);
  }
  open_.clear();
  writer_.finish(reason);
  release(0);
}

Result<void> Publication::drop(const OpenMessage& message) {
  if (message.room) writer_.abandon(*message.room);
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
    if (data->metadata) labels_ = data->metadata->labels;
    const Result<void> configured = configure_data(body.subspan(data->payload_begin));
    writer_.abandon(*message.room);
    return configured ? apply_labels(times) : configured;
  }
  // Nothing to attach it to yet.
  if (!writer_.any_record()) return drop(message);
  if (!writer_.is_configured(media::kDataTrack)) {
    if (Result<void> configured = configure_data({}); !configured) return configured;
  }
  publication::Sample sample;
  sample.track = media::kDataTrack;
  sample.payload_begin = static_cast<std::uint32_t>(data->payload_begin);
  const Result<bool> committed = commit(message, sample, times);
  if (!committed || !*committed) writer_.abandon(*message.room);
  return committed ? Result<void>() : tl::unexpected<Error>(committed.error());
}

Result<void> Publication::configure_data(ByteView amf) {
  if (writer_.is_configured(media::kDataTrack) &&
      std::equal(amf.begin(), amf.end(), metadata_.begin(), metadata_.end()))
    return {};
  if (metadata_changes_++ >= kMaxMetadataChanges) {
    count_dropped();
    return {};
  }
  metadata_.assign(amf.begin(), amf.end());
  return writer_.add_data(publication::data_format(amf));
}

Result<bool> Publication::commit(const OpenMessage& message, publication::Sample& sample,
                                 const MessageTimes& times) {
  sample.timestamp_ms = message.timestamp_ms;
  sample.arrival_us = times.monotonic_us;
  sample.wall = times.wall;
  const std::uint64_t before = writer_.log().committed();
  const Result<bool> committed = writer_.commit(*message.room, sample);
  if (!committed) return committed;
  if (*committed) {
    if (writer_.log().committed() != before) count(writer_.newest());
  } else {
    count_dropped();
  }
  release(times.monotonic_us);
  return committed;
}

// Pictures that waited for the first track.
void Publication::release(std::int64_t monotonic_us) {
  if (const std::size_t dropped = writer_.release(monotonic_us); dropped > 0)
    add(counters_->dropped_messages, dropped);
}

void Publication::count(const publication::Writer::Newest& record) {
  const TrackSlot& slot = table_.slot(record.track);
  const bool key = (record.flags & media::kSampleKey) != 0;
  if (record.track != media::kDataTrack) counters_->pauses.arrived(record.arrival_us);
  if (record.track == media::kVideoTrack) {
    constexpr std::int64_t kTicksPerMs = media::Timeline::kVideoTimescale / 1000;
    add(counters_->video_frames, 1);
    if (key) add(counters_->key_frames, 1);
    pace_.video(record.dts * 1000 / kTicksPerMs, key, (record.flags & media::kSampleDiscontinuity) == 0);
  } else if (record.track == media::kAudioTrack && slot.format) {
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
  store(counters_->timestamp_jumps, writer_.jumps());
  store(counters_->refused_tracks, std::uint64_t{refusals_.count()});
  store(counters_->log_bytes, writer_.log().held_bytes());
}

}  // namespace millrace::ingest
