// One stream as packaging sees it: reads its logs, tells its segments, makes its views. No actor and no
// clock; one thread at a time (the stream's actor). Built anew it gives the same views: everything comes from
// the logs.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "media/arena_set.hpp"
#include "segment_index.hpp"
#include "shared_log.hpp"
#include "stream_view.hpp"
#include "track_configuration.hpp"

namespace millrace::packaging {

// The sources of a stream as last scanned, oldest epoch first, of all arenas. Their numbers continue within
// an arena only; no writer moves a stream to another one yet.
struct StreamLogs {
  std::vector<media::FoundLog> logs;
};

// By the rule of the newest publication: what was public before is refused with it. A stream that is public
// again offers nothing of the private ones.
bool is_private(const StreamLogs& logs);

class StreamPackage {
 public:
  // Index records read by one update at most, so that a long past does not keep others from their turn.
  static constexpr std::size_t kRecordsPerUpdate = 20'000;
  // Publications remembered for 410 after their logs have gone.
  static constexpr std::size_t kRememberedPublications = 32;

  StreamPackage(std::string stream_id, const WindowPolicy& policy);

  struct Update {
    bool more = false;                  // there is more to read: update again soon
    bool changed = false;               // view() is another one
    std::vector<Segment> listed;        // segments that are listed for the first time
    std::vector<std::string> problems;  // for the log, each told once
  };
  Update update(const StreamLogs& logs, std::int64_t now_monotonic_us);

  // nullptr while no segment is complete, or none is left.
  const std::shared_ptr<const StreamView>& view() const { return view_; }

 private:
  struct Publication {
    std::shared_ptr<media::ArenaReader> arena;
    std::shared_ptr<SharedLog> log;
    std::vector<TrackDescription> descriptions;
  };
  // What a view is made of; equal: the view would be the same.
  struct Signature {
    std::uint64_t first_offered = 0, first_listed = 0, last = 0, publication = 0;
    std::uint32_t target_duration = 0;
    bool ended = false;
    bool is_private = false;
    bool operator==(const Signature&) const = default;
  };

  void forget_missing(const StreamLogs& logs);
  void open_new(const StreamLogs& logs, Update& update);
  Update follow(const StreamLogs& logs, std::int64_t now_monotonic_us);
  bool read_records(PublicationLog& log, Publication& publication, std::size_t& budget, Update& update);
  void load_configurations(PublicationLog& log, Publication& publication, const media::LogReader& reader,
                           Update& update);
  void read_again(PublicationLog& log, Publication& publication, media::LogReader& reader);
  void hold(const Listing& listing);
  Signature signature_of(const Listing& listing) const;
  void renew_view(const Listing& listing, Update& update);
  std::shared_ptr<const StreamView> make_view(const Listing& listing);
  std::shared_ptr<const OfferedSegment> offer(const Segment& segment);
  StoredText init_segment_of(const Segment& segment, const std::string& name) const;
  std::string media_playlist(const Listing& listing) const;
  std::string multivariant_playlist(const Listing& listing) const;
  void problem(Update& update, std::string text);

  const std::string stream_id_;
  const std::size_t window_segments_;
  SegmentIndex index_;
  std::map<std::uint64_t, Publication> publications_;                       // by id
  std::vector<std::uint64_t> remembered_;                                   // ids, oldest first
  std::map<std::uint64_t, std::shared_ptr<const OfferedSegment>> offered_;  // by media sequence
  std::vector<std::string> told_;
  std::shared_ptr<const StreamView> view_;
  Signature signature_;
  bool is_private_ = false;
};

}  // namespace millrace::packaging
