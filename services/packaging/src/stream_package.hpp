// One stream's logs to its views: what its presentation offers, written as playlists and put where the HTTP
// threads find it. No actor and no clock; one thread at a time (the stream's actor).
#pragma once

#include <map>
#include <memory>
#include <string>

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

 private:
  std::shared_ptr<const StreamView> make_view(const std::shared_ptr<const Offering>& offering);
  std::shared_ptr<const OfferedSegment> offer(const Segment& segment, const std::shared_ptr<SharedLog>& log);
  std::shared_ptr<PartFiles> part_files(std::uint64_t media_sequence,
                                        const std::shared_ptr<SharedLog>& log) const;
  RenditionView make_rendition(const std::shared_ptr<const Offering>& offering,
                               const Rendition& rendition) const;

  const std::string stream_id_;
  Presentation presentation_;
  DashPresentation dash_;
  std::map<std::uint64_t, std::shared_ptr<const OfferedSegment>> offered_;  // by media sequence
  std::shared_ptr<const StreamView> view_;
};

}  // namespace millrace::packaging
