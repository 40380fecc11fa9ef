// What of consecutive records of a log one player is sent, as parts of one system call: straight from the
// log's memory, without what the player does not take, in chunks of its size. Sans-IO.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.hpp"
#include "media/log_place.hpp"
#include "rtmp/play_wishes.hpp"

namespace millrace::ingest {

using media::LogEntry;

// receiveAudio and receiveVideo, and what the player has no use for. Picture that was off comes back at a key
// frame.
class TrackFilter {
 public:
  void set(const rtmp::PlayWishes& wishes);
  // Samples of the track are left out as long as this configuration is in force: the player can't take it.
  void withhold(std::uint8_t track, std::uint32_t configuration);
  void give(std::uint8_t track);
  // Whether the player is sent this record. A key frame ends the wait for one.
  bool take(const LogEntry& entry) { return all_ || take_some(entry); }

 private:
  static constexpr std::uint32_t kNothing = UINT32_MAX;

  bool take_some(const LogEntry& entry);
  void settle() { all_ = audio_ && video_ && !video_waits_ && withheld_count_ == 0; }

  bool all_ = true;
  std::uint8_t withheld_count_ = 0;
  std::array<std::uint32_t, media::kMaxTracks> withheld_ = all_nothing();

  static constexpr std::array<std::uint32_t, media::kMaxTracks> all_nothing() {
    std::array<std::uint32_t, media::kMaxTracks> none{};
    none.fill(kNothing);
    return none;
  }
  bool audio_ = true;
  bool video_ = true;
  bool video_waits_ = false;
};

// What a player takes of the log's messages, and in chunks of what size.
struct PlayerIntake {
  std::uint32_t chunk_size = 0;  // 0: whole messages
  TrackFilter filter;
};

struct GatheredRun {
  // Entries that were examined; all of them but perhaps the last are in the parts whole.
  std::size_t end = 0;
  std::size_t parts = 0;
  std::size_t bytes = 0;
};
// From the first entry to where parts are full or a record needs a configuration that the player does not
// have.
GatheredRun gather_run(std::span<const LogEntry> entries, const media::LogPlace& place,
                       const PlayerIntake& intake, std::span<iovec> parts);
// So many bytes of a run were sent: moves the place, and the filter with it. How many entries are done with.
std::size_t account_run(std::span<const LogEntry> run, std::size_t bytes, media::LogPlace& place,
                        PlayerIntake& intake);

}  // namespace millrace::ingest
