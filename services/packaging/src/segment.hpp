// What packaging offers: whole segments of a log and their parts, described by numbers. Plain data.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "base/publication_ids.hpp"
#include "base/wall_time.hpp"
#include "codecs/scte35.hpp"
#include "media/sample.hpp"
#include "shared_list.hpp"

namespace millrace::packaging {

// What must be known of a track's configuration to convert times. One for each entry of a log's configuration
// area.
struct TrackTiming {
  std::uint8_t track = 0;
  bool usable = false;  // false: a track or codec that is not packaged; its samples are passed over
  media::TrackKind kind = media::TrackKind::kData;
  std::uint32_t timescale = 0;       // ticks a second; never 0 when usable
  std::uint32_t frame_duration = 0;  // ticks of one audio frame; 0: varies (video)
};

// A data message that players are given in front of a fragment (emsg): its record in the log, and a number
// that no other one has.
struct EventPlace {
  std::uint64_t record = 0;
  std::uint32_t id = 0;

  bool operator==(const EventPlace&) const = default;
};

// A splice of SCTE 35, for lists.
struct SpliceEvent {
  std::uint64_t record = 0;
  WallTime told{};   // when the encoder said it
  WallTime start{};  // and when it happens
  codecs::SpliceInfo splice;
  Bytes section;
};

// A partial segment: some of a track's samples in a segment, in a row. All of them together, one behind the
// other, are the track's file of that segment.
struct Part {
  std::uint32_t number = 0;        // running, of the track in its log, from 1
  std::uint64_t first_record = 0;  // its samples are among the records [first_record, end_record) of the log
  std::uint64_t end_record = 0;
  std::uint32_t samples = 0;
  std::int64_t first_dts = 0;
  std::uint32_t last_duration = 0;  // of the last sample, ticks; the others last until the next one's dts
  std::int64_t duration_us = 0;
  bool independent = false;  // has a key frame (RFC 8216bis 4.4.4.9)
  std::uint64_t payload_bytes = 0;
  std::vector<EventPlace> events{};  // in front of it
  std::int64_t closed_us = 0;        // CLOCK_MONOTONIC: arrival of the record that ended it

  bool operator==(const Part&) const = default;
};

// Every view has those of all of its segments.
using Parts = SharedList<Part>;

// A track's share of a segment: what is in its file of that segment.
struct TrackSpan {
  std::uint8_t track = 0;  // of the log
  media::TrackKind kind = media::TrackKind::kVideo;
  bool independent = true;         // decoding can begin at its first sample
  std::uint8_t captions = 0;       // of pictures: codecs::Captions that the track has had by its end
  std::uint64_t first_record = 0;  // of the log
  std::uint32_t samples = 0;
  std::uint32_t configuration = 0;
  std::uint32_t timescale = 1;
  std::int64_t first_dts = 0;
  // When the presentation of its samples begins, ticks: of pictures that is not always the first one's.
  std::int64_t shown_from = 0;
  std::int64_t last_dts = 0;
  std::int64_t last_offset = 0;     // presentation minus decode time of the last sample, ticks
  std::uint32_t last_duration = 0;  // of the last sample; the others last until the next one's dts
  // When the presentation of the samples before that is over, ticks.
  std::int64_t shown_until = std::numeric_limits<std::int64_t>::min();
  std::uint64_t payload_bytes = 0;
  WallTime start_wall{};  // of its first sample
  // Of its samples; up to the segment's end where the track falls silent in it.
  std::int64_t duration_us = 0;
  // Closed ones, in a row from the first sample on; of a segment that is complete, all. Empty: the log had no
  // parts yet when the segment began.
  Parts parts{};
  // Parts of the segment's leading track that were closed when the track's first sample came.
  std::uint32_t parts_missed = 0;

  // When the presentation of its samples is over, ticks. Where an encoder is cut off that is later than
  // decode times tell: pictures that would have been shown before the last one are missing.
  std::int64_t presented_end() const {
    return std::max(shown_until, last_dts + last_offset + std::int64_t{last_duration});
  }
  // Index of the closed part with that number; nullopt: it has none.
  std::optional<std::size_t> part(std::uint32_t number) const {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (parts[i].number == number) return i;
    }
    return std::nullopt;
  }
};

// The same in all tracks: numbers, and the time that a track without a sample in it is listed with.
struct Segment {
  PublicationId publication_id{};
  std::uint32_t incarnation = 0;
  std::uint64_t media_sequence = 0;
  std::uint32_t discontinuity_sequence = 0;
  std::uint64_t first_record = 0;  // records [first_record, end_record) of the log
  std::uint64_t end_record = 0;
  WallTime start_wall{};
  std::int64_t duration_us = 0;
  std::int64_t last_arrival_us = 0;  // CLOCK_MONOTONIC, of its last sample
  std::uint8_t leading_track = 0;    // of its first sample
  std::vector<TrackSpan> tracks;     // that have a sample in it, by number
  // The publisher was away: it has nothing in any track, and these parts of it, closed like others.
  bool is_gap = false;
  Parts gap_parts{};
  std::vector<EventPlace> events{};                           // all of it, in order, also before its media
  std::vector<std::shared_ptr<const SpliceEvent>> splices{};  // those among them

  // nullptr: it has no sample of the track.
  const TrackSpan* track(std::uint8_t number) const {
    for (const TrackSpan& span : tracks) {
      if (span.track == number) return &span;
    }
    return nullptr;
  }
};

}  // namespace millrace::packaging
