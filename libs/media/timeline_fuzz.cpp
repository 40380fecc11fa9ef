// Any messages in any order: the timeline's records keep their invariants, and so do the parts.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>

#include "base/bytes.hpp"
#include "media/timeline.hpp"

namespace {

using namespace millrace;  // NOLINT: a program about nothing else

void require(bool holds) {
  if (!holds) std::abort();
}

// What must hold of every record, whatever came.
class Watcher {
 public:
  explicit Watcher(const media::Timeline& timeline) : timeline_(timeline) {}

  void configured(std::uint8_t track, std::uint32_t timescale) {
    tracks_.at(track).same_scale = false;
    tracks_.at(track).timescale = timescale;
  }

  void take(const media::SampleRecord& record, bool data) {
    require(record.media_sequence >= media_sequence_);
    media_sequence_ = record.media_sequence;
    require(timeline_.closed_parts() >= closed_);
    closed_ = timeline_.closed_parts();
    if (data) return require(record.part == 0);
    const std::uint32_t target_us = timeline_.part_target_us();
    if (target_us_ != 0) require(target_us == target_us_);
    target_us_ = target_us;
    Track& track = tracks_.at(record.track);
    require(!track.any || !track.same_scale || record.dts > track.dts);
    require((record.part != 0) == (target_us != 0));
    require(record.part == track.part || record.part == track.part + 1);
    if (track.part != 0 && track.media_sequence != record.media_sequence) require(record.part != track.part);
    if (record.part != track.part) track.start_dts = record.dts;
    // No frame begins behind the end of its part.
    require(record.part == 0 ||
            record.dts - track.start_dts <= std::int64_t{target_us} * track.timescale / 1'000'000);
    begun_ += record.part - track.part;
    require(closed_ <= begun_);
    track.any = track.same_scale = true;
    track.dts = record.dts;
    track.part = record.part;
    track.media_sequence = record.media_sequence;
  }

  void finish() const { require(timeline_.closed_parts() == begun_); }

 private:
  struct Track {
    bool any = false;
    bool same_scale = true;
    std::uint32_t timescale = 1;
    std::int64_t dts = 0;
    std::int64_t start_dts = 0;  // of the part
    std::uint32_t part = 0;
    std::uint64_t media_sequence = 0;
  };

  const media::Timeline& timeline_;
  std::uint64_t media_sequence_ = 0;
  std::uint64_t closed_ = 0;
  std::uint64_t begun_ = 0;
  std::uint32_t target_us_ = 0;
  std::array<Track, media::kMaxTracks> tracks_{};
};

class Script {
 public:
  Script(const std::uint8_t* bytes, std::size_t size) : bytes_(bytes), size_(size) {}

  bool more() const { return at_ < size_; }
  std::uint32_t next(std::uint32_t count = 1) {
    std::uint32_t value = 0;
    for (; count > 0; --count) value = (value << 8) | (at_ < size_ ? bytes_[at_++] : 0U);
    return value;
  }

 private:
  const std::uint8_t* bytes_;
  std::size_t size_;
  std::size_t at_ = 0;
};

constexpr std::array<std::uint32_t, 4> kTimescales = {1, 44'100, 48'000, 192'000};
constexpr std::array<std::uint32_t, 4> kSamples = {0, 960, 1024, 65'535};
constexpr std::array<std::uint32_t, 4> kParts = {0, 100, 333, 2000};

void configure(media::Timeline& timeline, Watcher& watcher, std::uint8_t number, std::uint32_t how) {
  if (number == media::kDataTrack) return;
  const bool is_picture = number % 2 == 0;
  const std::uint32_t timescale = is_picture ? media::Timeline::kVideoTimescale : kTimescales.at(how % 4);
  timeline.configure(number, is_picture ? media::TrackKind::kVideo : media::TrackKind::kAudio, timescale,
                     is_picture ? 0 : kSamples.at(how / 4 % 4));
  watcher.configured(number, timescale);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  Script script(bytes, size);
  media::TimelineConfig config;
  const std::uint32_t kind = script.next();
  config.wanted_part_us = kParts.at(kind % 4) * 1000;
  if ((kind & 4) != 0) config.continuation = {true, Epoch{3}, 41, 7, 2000, 2, 336'000};
  media::Timeline timeline(config);
  Watcher watcher(timeline);
  timeline.configure(media::kDataTrack, media::TrackKind::kData, 1000, 0);
  for (const std::uint8_t track : {0, 1, 3, 4}) configure(timeline, watcher, track, kind >> 3);
  std::uint32_t now_ms = script.next(4);
  while (script.more()) {
    const std::uint32_t what = script.next();
    const auto track = static_cast<std::uint8_t>(what % 5);
    if (what >= 250) {
      configure(timeline, watcher, track, script.next());
      continue;
    }
    now_ms += (what & 0x80) != 0 ? script.next(4) : script.next();
    media::Timeline::Input input;
    input.track = track;
    input.timestamp_ms = now_ms;
    input.key = (what & 0x40) != 0;
    input.recovery = (what & 0x20) != 0;
    watcher.take(timeline.place(input), track == media::kDataTrack);
  }
  timeline.finish();
  watcher.finish();
  return 0;
}
