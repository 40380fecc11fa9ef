// What a stream offers at one moment, for all who write lists of it (HLS; DASH is another): its segments and
// its renditions, each one track of the stream over all its logs, in step with one another. Plain data and
// pure functions; made by Presentation.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "manifest/hls/date_range.hpp"
#include "media_path.hpp"
#include "segment_index.hpp"
#include "shared_log.hpp"
#include "track_configuration.hpp"

namespace millrace::packaging {

// A rendition's share of a segment.
struct RenditionSegment {
  TrackSpan span;
  std::shared_ptr<const TrackDescription> description;  // never null, usable
};

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
  // Of Listing::growing: the same; nullopt also as long as nothing of it has come.
  std::optional<RenditionSegment> growing;
  // Its next part: begun or to come, and in no list yet.
  std::optional<PartName> next_part;
  // Has something in the newest publication's last three target durations: new viewers are offered it. Who
  // watches already has its list all the same.
  bool current = false;

  bool is_video() const { return name.kind == media::TrackKind::kVideo; }
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

// The first of the listed segments that the newest publication's last three target durations take, gaps
// behind it not counted; listing.offered.size() where nothing is listed.
std::size_t first_current(const Listing& listing);

// The parts of the segment that a rendition has a gap in are as long as these: those of its leading track, or
// of the gap that it is. Empty: it has no parts.
const std::vector<Part>& leading_parts(const Segment& segment);

// Whether the segment has samples of the rendition's track, be they offered or not.
bool has_track(const Segment& segment, const RenditionName& name);

// The rendition was silent in the last offered segment that is no gap and is in the one that grows, or that
// one is a gap: what comes of it by now is part of a gap.
bool has_growing_gap(const Offering& offering, const Rendition& rendition);

// May a player change from one picture to the other at any segment? Their listed segments begin with key
// frames shown at the same time.
bool is_switching_set(const Offering& offering, const Rendition& picture, const Rendition& other);

}  // namespace millrace::packaging
