// One stream as packaging sees it: reads its logs, finds their segments, holds in the log what is offered. No
// actor and no clock; one thread at a time (the stream's actor). Built again it offers the same: everything
// comes from the logs. Who writes lists of it takes the offering (hls_playlists.hpp).
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "date_ranges.hpp"
#include "followed_log.hpp"
#include "ladder_logs.hpp"
#include "media/arena_set.hpp"
#include "offering.hpp"

namespace millrace::packaging {

// The sources of a stream as last scanned, oldest epoch first, of all arenas. Their numbers continue within
// an arena only; no writer moves a stream to another one yet.
struct StreamLogs {
  std::vector<media::FoundLog> logs;
  std::vector<media::FoundLog> slates{};      // what stood in for them while their publishers were away
  std::vector<media::FoundLog> renditions{};  // what was made of them
};

// By the rule of the newest publication: what was public before is refused with it. A stream that is public
// again offers nothing of the private ones.
bool is_private(const StreamLogs& logs);
// For good: whoever published it may not come back.
bool was_closed(const StreamLogs& logs);

class Presentation {
 public:
  // Index records read by one update at most, so that a long past does not keep others from their turn.
  static constexpr std::size_t kRecordsPerUpdate = 20'000;

  Presentation(std::string stream_id, const WindowPolicy& policy)
      : stream_id_(std::move(stream_id)), index_(policy) {}

  struct Update {
    bool more = false;            // there is more to read: update again soon
    bool changed = false;         // offering() is another one
    std::vector<Segment> listed;  // segments that are listed for the first time
    // When the parts that are listed for the first time were closed (Part::closed_us).
    std::vector<std::int64_t> parts_closed_us;
    std::vector<std::string> problems;  // for the log, each reported once
    // Data messages for players among the records read: those that are taken, and those that are not, damaged
    // or too many.
    std::uint64_t events = 0, refused_events = 0;
  };
  Update update(const StreamLogs& logs, std::int64_t now_monotonic_us);

  // Nothing is offered while no segment is complete, or none is left. Never changes: a changed one is
  // another.
  const std::shared_ptr<const Offering>& offering() const { return offering_; }
  void set_plan(std::shared_ptr<const RenditionPlan> plan) { ladder_.set_plan(std::move(plan)); }
  // Renditions are being made: there may be more of them without a word of it on the bus.
  bool is_being_made() const { return ladder_.is_being_made(); }

 private:
  // What is offered; equal: the offering would be the same.
  struct Signature {
    std::uint64_t first_offered = 0, first_listed = 0, last = 0;
    PublicationId publication{};
    std::uint32_t target_duration = 0;
    std::uint32_t part_target_us = 0;
    PublicationId growing{};
    std::size_t growing_tracks = 0, growing_parts = 0;
    bool ended = false;
    bool long_ended = false;
    bool is_private = false;
    std::vector<RenditionName> renditions{};
    std::vector<LadderLogs::Standing> ladder{};
    bool operator==(const Signature&) const = default;
  };

  void forget_missing(const StreamLogs& logs);
  void open_new(const std::vector<media::FoundLog>& logs, Update& update);
  Update follow(const StreamLogs& logs, std::int64_t now_monotonic_us);
  bool read(const std::vector<media::FoundLog>& made, Update& update);
  void hold(const Listing& listing);
  std::vector<RenditionName> rendition_names() const;
  Signature signature_of(const Listing& listing) const;
  void renew(Listing listing, Update& update);
  void add_news(const Listing& listing, Update& update);
  void add_closed_parts(const Segment& segment, Update& update);
  Rendition rendition(const RenditionName& name, const Listing& listing) const;
  std::optional<RenditionSegment> share(const Segment& segment, const RenditionName& name,
                                        const Segment* before) const;
  std::optional<PartName> next_part(const RenditionName& name) const;
  void problem(Update& update, std::string text);

  const std::string stream_id_;
  SegmentIndex index_;
  LadderLogs ladder_;
  std::map<PublicationId, FollowedLog> publications_;  // by id
  std::vector<std::string> told_;
  std::shared_ptr<const Offering> offering_ = std::make_shared<const Offering>();
  Signature signature_;
  DateRanges date_ranges_;
  PublicationId told_publication_{};                          // whose parts were listed last
  std::array<std::uint32_t, media::kMaxTracks> told_part_{};  // by track, the newest
  bool is_private_ = false;
};

}  // namespace millrace::packaging
