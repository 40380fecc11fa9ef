// What a log is and what it says of itself: values that its writer, its readers and the bus share. Pure.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "base/publication_ids.hpp"
#include "base/wall_time.hpp"

namespace millrace::media {

// What a log is of its stream. Stored in the arena and sent on the bus (stream.proto, LogRole): numbers stay.
// Consumers select by it.
enum class LogRole : std::uint32_t {
  kSource = 1,     // as its publisher sends it
  kRendition = 2,  // made from the source: another size or bit rate
  kProgramme = 3,  // put together from other streams
  kMirror = 4,     // a copy of a log of another machine
  kSlate = 5       // stands in for a source while its publisher is away
};

inline constexpr std::size_t kMaxRenditionLength = 31;

constexpr bool is_valid_role(LogRole role) {
  return role >= LogRole::kSource && role <= LogRole::kSlate;
}

// Renditions have a name, mirrors that of what they copy, others none.
constexpr bool fits_role(LogRole role, std::string_view rendition) {
  if (rendition.empty()) return is_valid_role(role) && role != LogRole::kRendition;
  return (role == LogRole::kRendition || role == LogRole::kMirror) &&
         rendition.size() <= kMaxRenditionLength && is_valid_id(rendition);
}

// "source", "rendition", "programme", "mirror", "slate"; "damaged" for any other value.
std::string_view to_string(LogRole role);

// Logs of one series follow one another: a new one goes on from the numbers of those before it. Logs of other
// series of the stream go on beside it and have nothing to do with its numbers.
struct LogSeries {
  std::string stream_id;
  LogRole role = LogRole::kSource;
  std::string rendition{};  // empty: the stream as it was published

  auto operator<=>(const LogSeries&) const = default;  // NOLINT(modernize-use-nullptr): false
};

// The two go on from each other's numbers: they are of one series, or one stands in for the other.
bool share_numbers(const LogSeries& one, const LogSeries& other);

// As stream.proto's EndReason.
enum class LogEnd : std::uint32_t {
  kLive = 0,
  kUnpublished = 1,
  kDisconnected = 2,
  kTimedOut = 3,
  kTakenOver = 4,
  kProtocolError = 5,
  kDrained = 6,
  kWriterLost = 7,
  kNoSpace = 8,
  kRevoked = 9
};

// Where one of a log's timelines (its records of one discontinuity sequence) begins: with the sample of sound
// or picture that is decoded first of those in its first segment.
struct TimelineBeginning {
  std::uint32_t discontinuity_sequence = 0;
  std::uint64_t media_sequence = 0;  // of that segment
  std::int64_t time_us = 0;          // decode time on the log's timeline
  WallTime wall{};                   // its date, counted back from the second segment's once there is one

  bool operator==(const TimelineBeginning&) const = default;
};

// Where a series' numbers go on. A new log is given this before anything else, and keeps it in its slot: a
// log without a record hands on what it was given.
struct StreamContinuation {
  bool found = false;  // the arena knows of an earlier log of the series
  Epoch epoch{};       // the highest of its logs
  std::uint64_t last_media_sequence = 0;
  std::uint32_t last_discontinuity_sequence = 0;
  std::uint32_t segment_target_ms = 2000;
  // Fixed by a log that is still retained, whose playlists may be out there; 0: to be fixed.
  std::uint32_t target_duration_s = 0;
  std::uint32_t part_target_us = 0;  // kept with it; 0: no parts
  // Of the retained logs: the first segment that begins without a whole picture; 0: none.
  std::uint64_t first_dependent_segment = 0;
};

// Beyond these a number comes from a damaged slot; JavaScript counts no further than the first.
inline constexpr std::uint64_t kMostMediaSequence = 1ULL << 53;
inline constexpr std::uint32_t kMostDiscontinuity = 1U << 31;
inline constexpr Epoch kMostEpoch{1ULL << 62};
inline constexpr std::uint64_t kMostSequence = 1ULL << 62;

// Of a stream that nothing is known of: what lies before its first numbers. The media sequence counts the
// wall clock's half seconds, whatever the segment target is, and the discontinuity sequence 256 for each
// epoch, so that they are behind nothing that the stream had before its log was lost.
StreamContinuation first_numbers(WallTime wall, Epoch epoch);

// Whose CLOCK_MONOTONIC a time is of: a boot of a machine, the same in all its containers. Never 0.
std::uint64_t local_clock_domain();

// One log as its slot says; a copy, checked for consistency.
struct LogInfo {
  SlotIndex slot{};
  std::string stream_id;
  LogRole role = LogRole::kSource;
  std::string rendition;
  PublicationId publication_id{};         // of this log: no two have the same
  PublicationId origin_publication_id{};  // of the source that it is or was made from
  // Of the writer: a rendition that is begun again for the same origin has the next one. 0 of a source.
  std::uint32_t incarnation = 0;
  Epoch epoch{};
  std::uint64_t clock_domain = 0;  // of SampleRecord::origin_arrival_us
  WallTime started_wall;
  std::uint32_t segment_target_ms = 0;
  std::uint32_t target_duration_s = 0;  // of the stream's playlists, for good; 0: not known yet
  std::uint32_t part_target_us = 0;     // fixed with it; 0: no parts, or not known yet
  // Media sequence of the series' first segment whose picture does not begin with a whole one; 0: none yet.
  // Kept like the target duration: a log goes on from its series' retained ones.
  std::uint64_t first_dependent_segment = 0;
  std::int64_t pinned_limit_us = 0;  // a cursor holds records back no longer than this
  // The clock that its dates are of: CLOCK_MONOTONIC and so much, as CLOCK_REALTIME was at its first record.
  // 0: it has none yet.
  std::int64_t clock_offset_us = 0;
  bool is_private = false;
  LogEnd end = LogEnd::kLive;
  std::uint64_t first_sequence = 0;  // of the log's first record ever
  std::uint64_t first = 0;           // oldest record that may still be there
  std::uint64_t committed = 0;       // one past the newest

  LogSeries series() const { return {stream_id, role, rendition}; }
};

// By series, oldest first within one: the last is the current one. Of logs with the same epoch, as two arenas
// may have them, a live one comes after those that ended, then the one that began later.
bool comes_before(const LogInfo& a, const LogInfo& b);

}  // namespace millrace::media
