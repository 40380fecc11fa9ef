// How often the tracks of one publication may change in a way that a player in the middle of them could not
// follow: another codec, size, sample rate, number of channels or form of the picture. Each such change
// begins a new recording. What a player can follow (other parameter sets of the same picture) is free, as
// far as one file takes them: the rule is that of MP4 files, mp4::take_description.
//
// Sans-IO; one thread at a time; times are monotonic microseconds, passed in.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "containers/mp4/track.hpp"
#include "media/sample.hpp"

namespace millrace::publication {

class ChangeBudget {
 public:
  // Per track: so many at once, then one in that time.
  static constexpr std::int64_t kTrackChanges = 10;
  static constexpr std::int64_t kTrackChangeEveryUs = 5'000'000;
  // Of all tracks together.
  static constexpr std::int64_t kChanges = 20;
  static constexpr std::int64_t kChangeEveryUs = 2'500'000;

  // The track's next configuration; bytes: what the log holds behind the description. False: it would be one
  // change too many, and the newest that was taken stays the one to change from. A track's first is free.
  [[nodiscard]] bool take(const media::TrackConfiguration& description, ByteView bytes, std::int64_t now_us);
  // What take would say.
  bool allows(const media::TrackConfiguration& description, ByteView bytes, std::int64_t now_us) const;

 private:
  // A token bucket as one time: when it is full again.
  struct Bucket {
    std::int64_t size;
    std::int64_t every_us;
    std::int64_t full_us = 0;

    bool has_room(std::int64_t now_us) const { return full_us - now_us <= (size - 1) * every_us; }
    void take(std::int64_t now_us);
  };
  struct Track {
    std::optional<mp4::Track> file{};  // as a recording of it has it
    Bucket bucket{kTrackChanges, kTrackChangeEveryUs};
  };

  std::array<Track, media::kMaxTracks> tracks_{};
  Bucket all_{kChanges, kChangeEveryUs};
};

}  // namespace millrace::publication
