#include "play/player_run.hpp"

#include <algorithm>
#include <utility>

#include "media/log_message.hpp"
#include "rtmp/message_chunks.hpp"

namespace millrace::ingest {

namespace {

std::size_t wire_size(const LogEntry& entry, std::uint32_t chunk_size) {
  return chunk_size == 0 ? entry.message.size() : rtmp::MessageChunks(entry.message, chunk_size).wire_size();
}

iovec part_of(ByteView bytes) {
  return {const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
}

// Fills a span of parts; messages that lie back to back in the log become one.
class Parts {
 public:
  explicit Parts(std::span<iovec> parts) : parts_(parts) {}
  bool full() const { return count_ == parts_.size(); }
  std::size_t count() const { return count_; }
  std::size_t bytes() const { return bytes_; }

  void add_whole(ByteView message) {
    bytes_ += message.size();
    iovec* const last = count_ > 0 ? &parts_[count_ - 1] : nullptr;
    if (last != nullptr && static_cast<std::uint8_t*>(last->iov_base) + last->iov_len == message.data()) {
      last->iov_len += message.size();
    } else {
      parts_[count_++] = part_of(message);
    }
  }
  // Perhaps not all of it: until the parts are full.
  void add_chunked(ByteView message, std::uint32_t chunk_size, std::size_t wire_offset) {
    const rtmp::MessageChunks chunks(message, chunk_size);
    std::array<ByteView, 64> cut;
    while (wire_offset < chunks.wire_size() && !full()) {
      const std::size_t room = std::min(cut.size(), parts_.size() - count_);
      const std::size_t count = chunks.cut(wire_offset, std::span(cut).first(room));
      if (count == 0) return;
      for (const ByteView part : std::span(cut).first(count)) {
        parts_[count_++] = part_of(part);
        bytes_ += part.size();
        wire_offset += part.size();
      }
    }
  }

 private:
  std::span<iovec> parts_;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace

void TrackFilter::set(const rtmp::PlayWishes& wishes) {
  audio_ = wishes.audio;
  if (wishes.video && !video_) video_waits_ = true;
  video_ = wishes.video;
  settle();
}

void TrackFilter::withhold(std::uint8_t track, std::uint32_t configuration) {
  give(track);
  withheld_.at(track) = configuration;
  ++withheld_count_;
  settle();
}

void TrackFilter::give(std::uint8_t track) {
  if (withheld_.at(track) == kNothing) return;
  withheld_.at(track) = kNothing;
  --withheld_count_;
  settle();
}

bool TrackFilter::take_some(const LogEntry& entry) {
  const std::uint8_t track = entry.record.track;
  if (track < withheld_.size() && withheld_[track] == entry.record.configuration) return false;
  const std::uint8_t type = media::log_message(entry.message).type;
  if (type == media::LogMessage::kAudio) return audio_;
  if (type != media::LogMessage::kVideo) return true;
  if (video_ && (entry.record.flags & media::kSampleKey) != 0) video_waits_ = false;
  settle();
  return video_ && !video_waits_;
}

GatheredRun gather_run(std::span<const LogEntry> entries, const media::LogPlace& place,
                       const PlayerIntake& intake, std::span<iovec> room) {
  Parts parts(room);
  TrackFilter filter = intake.filter;
  const auto takes = [&filter](const LogEntry& entry) { return filter.take(entry); };
  const auto add = [&](const LogEntry& entry, std::size_t already_sent) {
    if (parts.full()) return false;
    if (intake.chunk_size == 0) {
      parts.add_whole(entry.message.subspan(already_sent));
    } else {
      parts.add_chunked(entry.message, intake.chunk_size, already_sent);
    }
    return true;
  };
  const std::size_t end = place.gather(entries, takes, add);
  return {end, parts.count(), parts.bytes()};
}

std::size_t account_run(std::span<const LogEntry> run, std::size_t bytes, media::LogPlace& place,
                        PlayerIntake& intake) {
  bool begun = place.in_message();
  return place.account(run, bytes, [&](std::size_t i) -> std::size_t {
    if (!std::exchange(begun, false) && !intake.filter.take(run[i])) return 0;
    return wire_size(run[i], intake.chunk_size);
  });
}

}  // namespace millrace::ingest
