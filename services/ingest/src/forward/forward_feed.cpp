#include "forward/forward_feed.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "media/log_message.hpp"
#include "rtmp/chunk_writer.hpp"
#include "rtmp/media_message.hpp"

namespace millrace::ingest {

namespace {

// A type 0 header with an extended timestamp, which type 3 headers behind it repeat.
constexpr std::size_t kExtendedHeader = 16;
constexpr std::size_t kTimestampBytes = 4;
constexpr std::uint32_t kStoredMessageStream = 1;
constexpr std::uint8_t kChunkStreamMask = 0x3F;

// Type 3 headers, one byte each (Adobe RTMP 1.0, 5.3.1.2.4).
constexpr std::array<std::uint8_t, 64> kTypeThree = [] {
  std::array<std::uint8_t, 64> headers{};
  for (std::size_t id = 0; id < headers.size(); ++id) headers.at(id) = static_cast<std::uint8_t>(0xC0 | id);
  return headers;
}();

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
  follower_.restart();
  own_.clear();
  time_known_ = false;
  attached_us_ = now_us;
}

bool ForwardFeed::start() {
  const auto first = follower_.begin(*reader_, attached_us_);
  if (!first) return false;
  const std::uint32_t time = outgoing_time(first->wire_timestamp_ms);
  for (const auto& configuration : follower_.place().configurations.begin(*reader_, *first))
    queue(configuration, time);
  return true;
}

void ForwardFeed::queue(const media::LogReader::Configuration& configuration, std::uint32_t timestamp_ms) {
  const media::TrackConfiguration& description = configuration.description;
  // Codecs without a sequence header have nothing to send.
  if (description.prefix_size == 0 || !takes(description.track)) return;
  const media::LogMessage message = media::log_message(configuration.message);
  if (message.body.empty()) return;
  const bool data = message.type == media::LogMessage::kData;
  if (data) timestamp_ms = 0;  // as encoders send it: it describes the whole stream
  const Bytes outgoing = data ? data_frame(message.body) : Bytes(message.body.begin(), message.body.end());
  // On the chunk stream that the track's samples take.
  const std::uint32_t chunk_stream = message.header[0] & kChunkStreamMask;
  ByteWriter out;
  rtmp::append_message(
      {chunk_stream, static_cast<rtmp::MessageType>(message.type), timestamp_ms, 0, message_stream_id_},
      outgoing, chunk_size_, out);
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

ForwardFeed::Outgoing ForwardFeed::outgoing(const media::LogEntry& entry, std::size_t place) {
  const media::LogMessage message = media::log_message(entry.message);
  Outgoing outgoing{message.header, message.body};
  const std::uint32_t time = outgoing_time(entry.record.wire_timestamp_ms);
  if (time_offset_ms_ != 0 || message_stream_id_ != kStoredMessageStream) {
    const auto header =
        rtmp::media_chunk_header(static_cast<rtmp::MessageType>(message.type), time,
                                 static_cast<std::uint32_t>(message.body.size()), message_stream_id_);
    std::uint8_t* const side = side_headers_.at(place).bytes.data();
    std::memcpy(side, header.data(), header.size());
    side[0] = message.header[0];
    outgoing.header = {side, header.size()};
  }
  const std::size_t extended = outgoing.header.size() == kExtendedHeader ? kTimestampBytes : 0;
  const std::size_t more = more_chunks(message.body.size(), chunk_size_);
  outgoing.wire_size = outgoing.header.size() + message.body.size() + more * (1 + extended);
  outgoing.part_count = 2 + 3 * more;
  return outgoing;
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
      if (message.header.size() == kExtendedHeader) add(message.header.last(kTimestampBytes));
    }
    add(message.body.subspan(at, std::min<std::size_t>(chunk_size_, message.body.size() - at)));
  }
}

ForwardFeed::Next ForwardFeed::next(std::uint64_t committed, std::size_t most) {
  run_ = {};
  part_count_ = 0;
  run_bytes_ = 0;
  if (!reader_ || (!follower_.begun() && !start())) return Next::kNothing;
  if (!own_.empty()) return Next::kOwn;
  const auto is_taken = [this](const media::LogEntry& entry) { return takes(entry.record.track); };
  switch (follower_.look(*reader_, committed, most, window_, is_taken)) {
    case media::LogFollower::Look::kNothing:
      return Next::kNothing;
    case media::LogFollower::Look::kEnded:  // there was something before committed
    case media::LogFollower::Look::kLost:
      return Next::kLost;
    case media::LogFollower::Look::kRecords:
      break;
  }
  media::LogPlace& place = follower_.place();
  run_ = window_.from(place.next);
  run_ = run_.first(std::min(run_.size(), most));
  if (!in_message()) {
    const media::SampleRecord& record = run_.front().record;
    for (const auto& configuration : place.configurations.before(*reader_, record))
      queue(configuration, outgoing_time(record.wire_timestamp_ms));
    if (!own_.empty()) return Next::kOwn;
  }
  gather();
  return run_.empty() ? Next::kLost : Next::kMessages;
}

// A first message that does not fit leaves the run empty; one beyond 10 MiB, as there is none.
void ForwardFeed::gather() {
  run_messages_.fill({});
  const auto is_taken = [this](const media::LogEntry& entry) { return takes(entry.record.track); };
  const auto add = [this](const media::LogEntry& entry, std::size_t already_sent) {
    const auto place = static_cast<std::size_t>(&entry - run_.data());
    const Outgoing message = outgoing(entry, place);
    if (part_count_ + message.part_count > kMaxParts) return false;
    append(message, already_sent);
    run_messages_.at(place) = {message.wire_size, entry.record.wire_timestamp_ms + time_offset_ms_};
    return true;
  };
  run_ = run_.first(follower_.place().gather(run_, is_taken, add));
}

bool ForwardFeed::sent(std::size_t bytes, std::int64_t now_us) {
  if (run_.empty() || !media::intact(*reader_, run_)) return false;
  const auto wire_size = [this](std::size_t i) { return run_messages_.at(i).wire_size; };
  const std::size_t done = follower_.place().account(run_, bytes, wire_size);
  const std::size_t begun = done + (in_message() ? 1 : 0);
  for (const RunMessage& message : std::span(run_messages_).first(begun)) {
    if (message.wire_size == 0) continue;
    any_sent_ = true;
    last_time_ms_ = message.time_ms;
    last_sent_us_ = now_us;
  }
  return true;
}

std::uint64_t ForwardFeed::skip(std::int64_t now_us) {
  return reader_ ? follower_.skip(*reader_, now_us).value_or(0) : 0;
}

bool ForwardFeed::slow(std::uint64_t committed, std::int64_t now_us) const {
  return reader_ && follower_.lag(*reader_, committed, now_us) != media::LogFollower::Lag::kNone;
}

void ForwardFeed::hold() {
  if (reader_ && follower_.begun()) reader_->seek(follower_.place().next);
}

}  // namespace millrace::ingest
