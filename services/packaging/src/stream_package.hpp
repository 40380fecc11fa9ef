// One stream's logs to its views: what its presentation offers, written as playlists and put where the HTTP
// threads find it. No actor and no clock; one thread at a time (the stream's actor).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "dash_presentation.hpp"
#include "presentation.hpp"
#include "stream_view.hpp"

namespace millrace::packaging {

class StreamPackage {
 public:
  StreamPackage(std::string stream_id, const WindowPolicy& policy)
      : stream_id_(std::move(stream_id)), presentation_(stream_id_, policy) {}

  using Update = Presentation::Update;
  Update update(const StreamLogs& logs, std::int64_t now_monotonic_us);

  // nullptr while no segment is complete, or none is left. Another one after an update that has changed.
  const std::shared_ptr<const StreamView>& view() const { return view_; }
  // As LadderLogs has it.
  void set_plan(std::shared_ptr<const RenditionPlan> plan) { presentation_.set_plan(std::move(plan)); }
  bool is_being_made() const { return presentation_.is_being_made(); }

 private:
  // Of a log: its publication, and a media sequence.
  using SegmentKey = std::pair<PublicationId, std::uint64_t>;
  template <class Value>
  using ByKey = std::map<SegmentKey, Value>;
  struct GrowingFiles {
    std::shared_ptr<SharedLog> log;
    std::shared_ptr<PartFiles> files;
  };
  using Offered = std::shared_ptr<const OfferedSegment>;

  std::shared_ptr<const StreamView> make_view(const std::shared_ptr<const Offering>& offering);
  Offered offer(const Segment& segment, const std::shared_ptr<SharedLog>& log);
  Offered grow(const Segment& segment, const std::shared_ptr<SharedLog>& log);
  std::shared_ptr<PartFiles> part_files(const Segment& segment, const std::shared_ptr<SharedLog>& log) const;
  RenditionView make_rendition(const std::shared_ptr<const Offering>& offering, const Rendition& rendition,
                               const StreamView& view);
  // before: the rendition as it was in the last view, or nullptr.
  void add_segments(RenditionView& made, const Offering& offering, const Rendition& rendition,
                    const StreamView& view, const RenditionView* before);

  const std::string stream_id_;
  Presentation presentation_;
  DashPresentation dash_;
  // What the last view has, and what the next one takes over of it.
  ByKey<Offered> offered_, next_offered_;
  ByKey<GrowingFiles> growing_, next_growing_;
  std::shared_ptr<const StreamView> view_;
};

}  // namespace millrace::packaging
