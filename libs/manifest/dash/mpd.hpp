// A DASH Media Presentation Description (ISO/IEC 23009-1 5.3) of segments by number. Plain data in, XML text
// out; any thread. Times of the presentation are microseconds after availabilityStartTime.
//
//   MPD ── Period ── AdaptationSet ── Representation ── SegmentTemplate ── SegmentTimeline
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/wall_time.hpp"

namespace millrace::dash {

// 5.3.9.6: an S of the timeline, one for each segment; runs of the same length are written as one.
struct TimelineSegment {
  std::uint64_t time = 0;      // ticks, of its earliest presentation
  std::uint64_t duration = 0;  // ticks, not 0
};

// 5.3.9.4: names made of a number. Segments follow one another from start_number on, a number each.
struct SegmentTemplate {
  std::string media;  // with $Number$; relative to the MPD, as initialization is
  std::string initialization;
  std::uint32_t timescale = 1;  // ticks a second
  std::uint64_t start_number = 0;
  std::uint64_t presentation_time_offset = 0;  // ticks: what is presented at the Period's start
  std::vector<TimelineSegment> timeline;
  // Instead of a timeline where not 0: every segment has this length, in ticks.
  std::uint64_t duration = 0;
  // Of the Period's last segment, where that is known and there is no timeline.
  std::optional<std::uint64_t> end_number{};
  // 5.3.9.5.3: a segment may be asked for this much before it is whole, and is sent as it grows. 0: it may
  // not.
  std::int64_t availability_time_offset_us = 0;
};

// 5.12: when what is presented at presentation_time reached the server. Segments have the same in band.
struct ProducerReferenceTime {
  std::uint32_t id = 0;
  WallTime wall{};
  std::uint64_t presentation_time = 0;  // ticks of the Representation
};

struct Representation {
  std::string id;                           // of its Period
  std::uint64_t bandwidth = 0;              // bits a second
  std::string codecs;                       // RFC 6381
  std::uint32_t width = 0, height = 0;      // 0: no picture
  std::uint32_t frame_rate_millihertz = 0;  // 0: left out
  std::uint32_t audio_sampling_rate = 0;    // 0: left out
  std::uint32_t channels = 0;               // 0: left out
  std::optional<ProducerReferenceTime> reference_time{};
  std::uint64_t resync_ticks = 0;  // 5.3.12: a chunk begins at least this often; 0: left out
  SegmentTemplate segments;
};

// 5.8.4: schemeIdUri and value of a descriptor.
struct Descriptor {
  std::string name;  // of the element: "EssentialProperty", "Accessibility"
  std::string scheme;
  std::string value{};  // empty: left out
};

struct AdaptationSet {
  std::uint32_t id = 0;
  std::string content_type;  // "video", "audio"
  std::string mime_type;
  std::string language;       // BCP 47; empty: not told
  std::string label;          // for people; empty: none
  std::string role = "main";  // urn:mpeg:dash:role:2011
  bool segments_aligned = false;
  bool starts_with_sync = false;  // every segment: startWithSAP 1
  std::string continues;          // id of the Period whose set of the same id it goes on from; empty: none
  // In any order; Accessibility, EssentialProperty, SupplementalProperty, InbandEventStream.
  std::vector<Descriptor> descriptors{};
  std::vector<Representation> representations;
};

struct Period {
  std::string id;
  std::int64_t start_us = 0;
  std::vector<AdaptationSet> sets;
  std::int64_t duration_us = 0;  // 0: left out
};

// Annex K: how near to the live edge players should be, in milliseconds.
struct ServiceDescription {
  std::uint32_t target_ms = 0, least_ms = 0, most_ms = 0;
  // Thousandths of the ordinary speed.
  std::uint32_t slowest_permille = 1000, fastest_permille = 1000;
  // The ProducerReferenceTime that the latency is counted from.
  std::optional<std::uint32_t> reference_id{};
};

struct Mpd {
  bool dynamic = true;  // false: static, with a duration and nothing that says when to ask again
  WallTime availability_start;
  WallTime publish_time{};  // dynamic
  // mediaPresentationDuration: static, or dynamic with an end that is known.
  std::optional<std::int64_t> duration_us{};
  std::int64_t update_period_us = 0;       // dynamic: minimumUpdatePeriod
  std::int64_t buffer_us = 0;              // minBufferTime
  std::int64_t time_shift_us = 0;          // dynamic: timeShiftBufferDepth
  std::int64_t presentation_delay_us = 0;  // dynamic: suggestedPresentationDelay
  std::int64_t longest_segment_us = 0;     // maxSegmentDuration
  std::optional<ServiceDescription> service{};
  std::vector<Period> periods;
  std::string time_url{};  // UTCTiming, urn:mpeg:dash:utc:http-iso:2014; empty: none
};

// UTF-8 text. Pure: equal input gives equal text.
std::string serialize(const Mpd& mpd);

// xs:duration of microseconds: "PT2.5S"; of something negative "PT0S".
std::string duration_text(std::int64_t duration_us);

}  // namespace millrace::dash
