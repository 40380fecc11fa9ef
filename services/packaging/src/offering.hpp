// What a stream offers at one moment, for all who write lists of it (HLS; DASH is another): its segments and
// its renditions, each one track of the stream over all its logs, in step with one another. Plain data and
// pure functions; made by Presentation.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "manifest/hls/date_range.hpp"
#include "media_path.hpp"
#include "rendition_plan.hpp"
#include "segment_index.hpp"
#include "shared_log.hpp"
#include "track_configuration.hpp"

namespace millrace::packaging {

// Of a ladder's rendition: what it has of a source's segment, whole or growing, as its own log has it.
struct MadeSegment {
  Segment segment;
  std::shared_ptr<SharedLog> log;
};

// A rendition's share of a segment.
struct RenditionSegment {
  TrackSpan span;
  std::shared_ptr<const TrackDescription> description;  // never null, usable
  std::shared_ptr<const MadeSegment> made{};            // null: it is a track of the source
};

// Names of what the rendition has of the segment.
InitName init_name(const Segment& segment, const RenditionSegment& own);
// Of what is planned: the same as it will be.
InitName init_name(const Segment& segment, const PlannedRendition& planned);
PartName part_name(const Segment& segment, const RenditionSegment& own, std::uint32_t number);

// When its first sample is decoded and presented, on the log's timeline.
std::int64_t decoded_us(const RenditionSegment& segment);
std::int64_t presented_us(const RenditionSegment& segment);
// When the presentation of its last one is over; a track that falls silent in it is listed for longer.
std::int64_t presented_end_us(const RenditionSegment& segment);

struct Rendition {
  RenditionName name;
  // Of each of the offered segments; nullopt: a gap. The track is silent in it, or its publication has
  // none, or it was silent in the one before and had no sample yet when this one's first part had closed.
  std::vector<std::optional<RenditionSegment>> segments;
  // So many of the newest of them are still being made, and in no list of it yet: a ladder's rendition is
  // behind the source. Its list ends before them, and what grows is the first of them.
  std::size_t behind = 0;
  // Of what grows, Listing::growing as a rule: the same; nullopt also as long as nothing of it has come.
  std::optional<RenditionSegment> growing;
  // Of a ladder's that is made on demand: what it is or will be; null: it is not, or not of the newest
  // publication.
  std::shared_ptr<const PlannedRendition> planned{};
  bool is_idle = false;                     // nobody is at it
  std::vector<bool> promised{};             // of the segments: not there, and made if
                                            // somebody asks. Empty: none is
  std::optional<RenditionSegment> begun{};  // what has come by now of one that was promised
  // Of a ladder's: what its writer had begun when it was killed. A gap, whose first parts are there. By media
  // sequence.
  std::map<std::uint64_t, RenditionSegment> cut_off{};
  // Its next part: begun or to come, and in no list yet.
  std::optional<PartName> next_part;
  // Has something in the newest publication's last three target durations: new viewers are offered it. Who
  // watches already has its list all the same.
  bool current = false;

  bool is_video() const { return name.kind == media::TrackKind::kVideo; }
  bool is_made() const { return name.is_made(); }
  // One past the last of the offered segments that its list has; never 0.
  std::size_t end() const { return segments.size() - behind; }
  bool is_promised(std::size_t place) const { return place < promised.size() && promised[place]; }
};

struct Offering {
  std::string stream_id;  // empty: the log has nothing of it
  Listing listing;
  std::vector<std::shared_ptr<SharedLog>> logs;  // of listing.offered, in their order
  std::shared_ptr<SharedLog> growing_log;        // of listing.growing
  std::vector<Rendition> renditions;             // by name: pictures first; v0 and a0 are always there
  std::vector<hls::DateRange> date_ranges;       // the same in all lists
  std::vector<std::string> removed_date_ranges;  // ids of those that have left them lately
  bool is_private = false;
  std::string_view list_name = kPlaylistName;  // of each rendition's list
  bool is_recording = false;                   // once it has ended it is one, whose times begin with 0

  bool is_listed() const { return listing.first_listed < listing.offered.size(); }
};

// What it is, by its newest segment, or as it is planned. Precondition: it is current.
const TrackDescription& description_of(const Rendition& rendition);

// What grows in the rendition's list; nullptr: nothing does.
const Segment* growing_segment(const Offering& offering, const Rendition& rendition);

// The first of the listed segments that the newest publication's last three target durations take, gaps
// behind it not counted; listing.offered.size() where nothing is listed.
std::size_t first_current(const Listing& listing);
// Whether the rendition has something in one of those (Rendition::current).
bool has_something_current(const Rendition& rendition, const Listing& listing);

// The parts of the segment that a rendition has a gap in are as long as these: those of its leading track, or
// of the gap that it is. Empty: it has no parts.
const Parts& leading_parts(const Segment& segment);

// Whether the segment has samples of the rendition's track, be they offered or not.
bool has_track(const Segment& segment, const RenditionName& name);

// The rendition was silent in the last offered segment that is no gap and is in the one that grows, or that
// one is a gap: what comes of it by now is part of a gap.
bool has_growing_gap(const Offering& offering, const Rendition& rendition);

// Does each of the rendition's segments begin with a whole picture? Sound can be decoded from any frame on;
// of a source's further pictures nothing is promised.
bool is_independent(const Offering& offering, const Rendition& rendition);

// May a player change from one picture to the other at any segment? Their listed segments begin with key
// frames shown at the same time.
bool is_switching_set(const Offering& offering, const Rendition& picture, const Rendition& other);

}  // namespace millrace::packaging
