// What a stream offers at one moment, for all who write lists of it (HLS; DASH is another): its segments and
// its renditions, each one track of the stream over all its logs, in step with one another. Plain data and
// pure functions; made by Presentation.
#pragma once

#include <memory>
#include <optional>
#include <vector>

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

struct Rendition {
  RenditionName name;
  // Of each of the offered segments; nullopt: a gap, the track is silent in it or its publication has none.
  std::vector<std::optional<RenditionSegment>> segments;
  // Has something in the newest publication's last three target durations: new viewers are offered it. Who
  // watches already has its list all the same.
  bool current = false;

  bool is_video() const { return name.kind == media::TrackKind::kVideo; }
};

struct Offering {
  Listing listing;
  std::vector<std::shared_ptr<SharedLog>> logs;  // of listing.offered, in their order
  std::vector<Rendition> renditions;             // by name: pictures first; v0 and a0 are always there
  bool is_private = false;

  bool is_listed() const { return listing.first_listed < listing.offered.size(); }
};

// The first of the listed segments that the newest publication's last three target durations take;
// listing.offered.size() where nothing is listed.
std::size_t first_current(const Listing& listing);

// May a player change from one picture to the other at any segment? Their listed segments begin with key
// frames shown at the same time.
bool is_switching_set(const Offering& offering, const Rendition& picture, const Rendition& other);

}  // namespace millrace::packaging
