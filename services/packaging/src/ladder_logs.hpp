// A stream's ladder: the logs that transcoders write of its renditions, and what of the source's segments
// each rendition has. Sans-IO; one thread at a time (the stream's actor).
//
// A rendition has the source's media sequences, each segment whole in one log at most. Of an offered segment
// that it does not have whole
//
//   it is being made: nothing later has been begun, and its writer is at work,
//   or the source's is not older than kLateTargets; as long as everything behind it is being made too;
//   or it is a gap: the writer has passed it, was killed in it, or is late. What has been a gap once stays
//     one.
//
// A log whose writer was killed is ended by the next one. Its last segment is short: a gap.
//
// What is made on demand is planned: it is offered before there is anything of it. While nobody makes it
// the segments of the last three target durations are promised, as far as they are what it was planned of:
// they are listed, and made when somebody asks for one. They stay promised until they are there, the writer
// has passed them, the plan is another one, or nobody has come to make them for kPromisedTargets.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "followed_log.hpp"
#include "media/arena_set.hpp"
#include "offering.hpp"
#include "rendition_plan.hpp"

namespace millrace::packaging {

class LadderLogs {
 public:
  // Target durations. A writer is at work if it has written for the last time not longer ago.
  static constexpr std::int64_t kLateTargets = 2;
  // A promise of what nobody is at is given up then, after the last sample came at ingest: who asked for the
  // oldest that is promised has to wait until a writer has started.
  static constexpr std::int64_t kPromisedTargets = WindowPolicy::kLeastTargets + kLateTargets;

  // What a rendition's lists are made of; equal: they would be the same.
  struct Standing {
    RenditionName name;
    std::vector<bool> whole{};  // of Listing::offered
    std::vector<bool> promised{};
    std::size_t behind = 0;     // as Rendition::behind
    std::uint64_t growing = 0;  // the media sequence of what is being written; 0: nothing is
    std::size_t parts = 0;      // of that
    bool is_idle = false;       // planned, and nobody is at it
    std::shared_ptr<const PlannedRendition> planned{};  // null: it is not in the plan
    std::optional<PartName> next_part{};
    bool differs = false;  // what is made is not what was announced

    bool operator==(const Standing&) const = default;
  };

  // logs: of the renditions, as last scanned; those of sources that are not followed do not count. True when
  // the budget ended before they did.
  bool read(const std::vector<media::FoundLog>& logs, const std::function<bool(PublicationId)>& is_followed,
            std::size_t& budget, ReadingNews& news);
  // What can be made on demand of the newest publication; null: nothing can.
  void set_plan(std::shared_ptr<const RenditionPlan> plan) { plan_ = std::move(plan); }
  // Where they stand beside what is offered of the source, whose logs are in sources; and holds it in theirs.
  void follow(const Listing& listing, const SegmentIndex& sources, std::int64_t now_us);

  // By name, as of the last follow().
  const std::vector<Standing>& standings() const { return standings_; }
  // Renditions that have begun to differ from what was announced, since the last time: errors.
  std::vector<std::string> take_problems() { return std::exchange(problems_, {}); }
  // Of the same listing.
  void add_renditions(const Listing& listing, std::vector<Rendition>& renditions) const;
  bool is_being_made() const;

 private:
  struct MadeLog {
    PublicationLog log;
    FollowedLog followed;
    PublicationId origin{};
    RenditionName name;
  };
  enum class State : std::uint8_t { kWhole, kMissing, kGap };
  // Of one rendition, what its lists have said.
  struct Said {
    std::set<std::uint64_t> gaps;
    std::set<std::uint64_t> promised;
    bool differs = false;
  };

  void forget_missing(const std::vector<media::FoundLog>& logs,
                      const std::function<bool(PublicationId)>& is_followed);
  void open_new(const std::vector<media::FoundLog>& logs,
                const std::function<bool(PublicationId)>& is_followed, ReadingNews& news);
  std::set<RenditionName> names(const Listing& listing) const;
  std::shared_ptr<const PlannedRendition> planned(const RenditionName& name, const Listing& listing) const;
  bool differs(const Standing& made, const Listing& listing) const;
  // Whether the plan is for the segment: it may have another picture, or there is no plan.
  bool is_planned_of(const Standing& made, const Segment& segment) const;
  bool is_late(const RenditionName& name, const Segment& segment, std::int64_t target_us,
               std::int64_t now_us) const;
  void judge(Standing& made, const Listing& listing, const SegmentIndex& sources, std::int64_t now_us);
  void find_growing(Standing& made, const Listing& listing, std::int64_t now_us) const;
  Standing standing(const RenditionName& name, const Listing& listing, const SegmentIndex& sources,
                    std::int64_t now_us);
  State state(const RenditionName& name, const Segment& segment, const SegmentIndex& sources) const;
  bool is_of(const MadeLog& made, const RenditionName& name, const Segment& segment) const {
    return made.origin == segment.publication_id && made.name == name;
  }
  const Segment* whole(const MadeLog& made, const Segment& segment, const SegmentIndex& sources) const;
  const MadeLog* newest(const RenditionName& name, PublicationId origin) const;
  void hold(const Listing& listing);
  RenditionSegment share(const MadeLog& made, const Segment& segment) const;
  std::optional<RenditionSegment> share_of(const RenditionName& name, const Segment& segment) const;
  RenditionSegment without_unfinished(RenditionSegment own) const;
  Rendition rendition(const Standing& standing, const Listing& listing) const;

  std::map<PublicationId, MadeLog> logs_;  // by their own ids
  std::map<RenditionName, Said> said_;     // of what is offered
  std::shared_ptr<const RenditionPlan> plan_;
  std::vector<Standing> standings_;
  std::vector<std::string> problems_;
};

}  // namespace millrace::packaging
