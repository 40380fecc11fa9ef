#include "forward_feed.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "player_tracks.hpp"
#include "rtmp/chunk_writer.hpp"
#include "rtmp/media_message.hpp"

namespace millrace::ingest {

namespace {

constexpr std::size_t kShortHeader = 12;     // type 0, with a basic header of one byte
constexpr std::size_t kExtendedHeader = 16;  // the same with an extended timestamp
constexpr std::size_t kTypeAt = 7;
constexpr std::uint32_t kStoredMessageStream = 1;
constexpr std::uint8_t kChunkStreamMask = 0x3F;

// Type 3 headers, one byte each (Adobe RTMP 1.0, 5.3.1.2.4).
constexpr std::array<std::uint8_t, 64> kTypeThree = [] {
  std::array<std::uint8_t, 64> headers{};
  for (std::size_t id = 0; id < headers.size(); ++id) headers.at(id) = static_cast<std::uint8_t>(0xC0 | id);
  return headers;
}();

std::size_t header_size(ByteView message) {
  const bool extended = message.size() > 3 && message[1] == 0xFF && message[2] == 0xFF && message[3] == 0xFF;
  return std::min(extended ? kExtendedHeader : kShortHeader, message.size());
}

// Servers keep metadata that comes as "@setDataFrame", as encoders send it.
Bytes data_frame(ByteView body) {
  static constexpr std::string_view kMetadata("\x02\x00\x0AonMetaData", 13);
  static constexpr std::string_view kSetDataFrame("\x02\x00\x0D@setDataFrame", 16);
  ByteWriter out;
  if (as_text(body).starts_with(kMetadata)) out.text(kSetDataFrame);
  out.append(body);
  return out.take();
}

std::size_t more_chunks(std::size_t body, std::size_t chunk_size) {
  return body <= chunk_size ? 0 : (body - 1) / chunk_size;
}

}  // namespace

void ForwardFeed::attach(media::LogReader reader, std::int64_t now_us) {
  reader_.emplace(std::move(reader));
  started_ = false;
  next_ = 0;
  message_sent_ = 0;
  configurations_.fill(kUnknown);
  configurations_seen_ = 0;
  own_.clear();
  time_known_ = false;
  attached_us_ = now_us;
}

bool ForwardFeed::start() {
  const std::optional<std::uint64_t> key = reader_->newest_key();
  const auto sample = key ? reader_->at(*key) : std::nullopt;
  if (!sample) return false;
  started_ = true;
  next_ = *key;
  std::array<std::optional<std::uint32_t>, media::kMaxTracks> newest;
  std::array<std::optional<std::uint32_t>, 2> annotations;  // of video, of audio
  const std::uint32_t count = reader_->configuration_count();
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto configuration = reader_->configuration(i);
    if (!configuration || configuration->description.track >= newest.size()) continue;
    if (is_annotation(configuration->description)) {
      annotations.at(wire_type(*configuration) == rtmp::MessageType::kVideo ? 0 : 1) = i;
    } else {
      newest.at(configuration->description.track) = i;
    }
  }
  for (const std::uint8_t track : {media::kVideoTrack, media::kAudioTrack}) {
    if (const auto in_force = media::configuration_in_force(sample->record, track))
      newest.at(track) = in_force;
  }
  configurations_seen_ = count;
  const std::uint32_t time = outgoing_time(sample->record.wire_timestamp_ms);
  if (newest.at(media::kDataTrack)) queue_configuration(*newest.at(media::kDataTrack), time);
  for (const auto& annotation : annotations) {
    if (annotation) queue_configuration(*annotation, time);
  }
  for (std::size_t track = 0; track < newest.size(); ++track) {
    if (track != media::kDataTrack && newest.at(track)) queue_configuration(*newest.at(track), time);
  }
  return true;
}

bool ForwardFeed::known(const media::SampleRecord& record) const {
  return record.track >= configurations_.size() || configurations_.at(record.track) == record.configuration;
}

bool ForwardFeed::queue_configurations(const media::SampleRecord& next) {
  const std::uint32_t time = outgoing_time(next.wire_timestamp_ms);
  for (const std::uint32_t count = reader_->configuration_count(); configurations_seen_ < count;) {
    const std::uint32_t index = configurations_seen_++;
    const auto configuration = reader_->configuration(index);
    if (configuration && configuration->description.kind == media::TrackKind::kData) {
      queue_configuration(index, time);
    }
  }
  if (!known(next)) queue_configuration(next.configuration, time);
  return !own_.empty();
}

void ForwardFeed::queue_configuration(std::uint32_t index, std::uint32_t timestamp_ms) {
  const auto configuration = reader_->configuration(index);
  if (!configuration || configuration->description.track >= configurations_.size()) return;
  const media::TrackConfiguration& description = configuration->description;
  if (!is_annotation(description)) configurations_.at(description.track) = index;
  // Codecs without a sequence header have nothing to send.
  if (description.prefix_size == 0 || !takes(description.track)) return;
  const ByteView message = configuration->message;
  const ByteView body = message.subspan(header_size(message));
  if (body.empty()) return;
  const rtmp::MessageType type = wire_type(*configuration);
  const bool data = type == rtmp::MessageType::kData;
  if (data) timestamp_ms = 0;  // as encoders send it: it describes the whole stream
  const Bytes outgoing = data ? data_frame(body) : Bytes(body.begin(), body.end());
  // On the chunk stream that the track's samples take.
  const std::uint32_t chunk_stream = message[0] & kChunkStreamMask;
  ByteWriter out;
  rtmp::append_message({chunk_stream, type, timestamp_ms, 0, message_stream_id_}, outgoing, chunk_size_, out);
  const Bytes bytes = out.take();
  own_.insert(own_.end(), bytes.begin(), bytes.end());
}

// The first publication's times go out as they are. A later one's begin as long after the last as it took.
std::uint32_t ForwardFeed::outgoing_time(std::uint32_t wire_timestamp_ms) {
  if (!std::exchange(time_known_, true)) {
    const std::int64_t gap_ms = std::max<std::int64_t>((attached_us_ - last_sent_us_) / 1000, 1);
    time_offset_ms_ = any_sent_ ? last_time_ms_ + static_cast<std::uint32_t>(gap_ms) - wire_timestamp_ms : 0;
  }
  return wire_timestamp_ms + time_offset_ms_;
}

ForwardFeed::Outgoing ForwardFeed::outgoing(const media::LogReader::Sample& sample, std::size_t place) {
  Outgoing message;
  const std::size_t size = header_size(sample.message);
  message.header = sample.message.first(size);
  message.body = sample.message.subspan(size);
  const std::uint32_t time = outgoing_time(sample.record.wire_timestamp_ms);
  if (time_offset_ms_ != 0 || message_stream_id_ != kStoredMessageStream) {
    const auto header =
        rtmp::media_chunk_header(static_cast<rtmp::MessageType>(message.header[kTypeAt]), time,
                                 static_cast<std::uint32_t>(message.body.size()), message_stream_id_);
    std::uint8_t* const side = side_headers_.at(place).bytes.data();
    std::memcpy(side, header.data(), header.size());
    side[0] = message.header[0];
    message.header = {side, header.size()};
  }
  const std::size_t extended = message.header.size() == kExtendedHeader ? 4 : 0;
  message.wire_size = message.header.size() + message.body.size() +
                      more_chunks(message.body.size(), chunk_size_) * (1 + extended);
  return message;
}

std::size_t ForwardFeed::parts_of(const Outgoing& message) const {
  return 2 + 3 * more_chunks(message.body.size(), chunk_size_);
}

void ForwardFeed::append(const Outgoing& message, std::size_t skipped) {
  const auto add = [&](ByteView part) {
    const std::size_t left_out = std::min(skipped, part.size());
    skipped -= left_out;
    part = part.subspan(left_out);
    if (part.empty()) return;
    auto* const from = const_cast<std::uint8_t*>(part.data());
    run_bytes_ += part.size();
    // Messages that lie back to back in the log are one part.
    iovec* const last = part_count_ > 0 ? &parts_.at(part_count_ - 1) : nullptr;
    if (last != nullptr && static_cast<std::uint8_t*>(last->iov_base) + last->iov_len == from) {
      last->iov_len += part.size();
    } else {
      parts_.at(part_count_++) = {from, part.size()};
    }
  };
  add(message.header);
  for (std::size_t at = 0; at < message.body.size(); at += chunk_size_) {
    if (at > 0) {
      add(ByteView(kTypeThree).subspan(message.header[0] & kChunkStreamMask, 1));
      if (message.header.size() == kExtendedHeader) add(message.header.subspan(kShortHeader));
    }
    add(message.body.subspan(at, std::min<std::size_t>(chunk_size_, message.body.size() - at)));
  }
}

ForwardFeed::Next ForwardFeed::next(std::uint64_t committed) {
  part_count_ = 0;
  run_bytes_ = 0;
  run_.clear();
  run_times_.clear();
  run_first_.reset();
  if (!reader_ || (!started_ && !start())) return Next::kNothing;
  if (!own_.empty()) return Next::kOwn;
  for (std::uint64_t sequence = next_; sequence < committed && run_.size() < kMaxRun; ++sequence) {
    const auto sample = reader_->at(sequence);
    if (!sample) {
      if (run_.empty()) return Next::kLost;
      break;
    }
    const bool first = run_.empty();
    if (!takes(sample->record.track)) {
      if (first) {
        ++next_;
        continue;
      }
      run_.push_back(0);
      run_times_.push_back(last_time_ms_);
      continue;
    }
    if (first && !in_message() && queue_configurations(sample->record)) return Next::kOwn;
    if (!first && !known(sample->record)) break;
    const Outgoing message = outgoing(*sample, run_.size());
    if (part_count_ + parts_of(message) > kMaxParts && !first) break;
    if (parts_of(message) > kMaxParts) return Next::kLost;  // beyond 10 MiB: no such message exists
    if (first) run_first_ = sample->record;
    append(message, first ? message_sent_ : 0);
    run_.push_back(message.wire_size);
    run_times_.push_back(sample->record.wire_timestamp_ms + time_offset_ms_);
  }
  return run_.empty() ? Next::kNothing : Next::kMessages;
}

bool ForwardFeed::sent(std::size_t bytes, std::int64_t now_us) {
  // Blocks are recycled oldest first: if the first message is still what it was, all are.
  if (!run_first_ || !reader_->intact(*run_first_)) return false;
  bytes += std::exchange(message_sent_, 0);
  for (std::size_t i = 0; i < run_.size(); ++i) {
    if (run_[i] == 0) {
      ++next_;
      continue;
    }
    if (bytes == 0) break;
    any_sent_ = true;
    last_time_ms_ = run_times_[i];
    last_sent_us_ = now_us;
    if (bytes < run_[i]) {
      message_sent_ = bytes;
      return true;
    }
    bytes -= run_[i];
    ++next_;
  }
  return true;
}

std::uint64_t ForwardFeed::skip_to_key() {
  const std::optional<std::uint64_t> key = reader_ ? reader_->newest_key() : std::nullopt;
  if (!key || *key <= next_) {
    // Its place may be gone and there is no key frame to go to yet.
    if (reader_ && !reader_->at(next_)) started_ = false;
    return 0;
  }
  return *key - std::exchange(next_, *key);
}

std::int64_t ForwardFeed::behind_us(std::uint64_t committed) const {
  if (!reader_ || !started_ || next_ >= committed) return 0;
  const auto newest = reader_->at(committed - 1);
  const auto oldest = reader_->at(next_);
  if (!newest) return 0;
  return oldest ? newest->record.arrival_us - oldest->record.arrival_us : INT64_MAX;
}

void ForwardFeed::hold() {
  if (reader_ && started_) reader_->seek(next_);
}

}  // namespace millrace::ingest
