#include "stream_package.hpp"

#include "hls_playlists.hpp"

namespace millrace::packaging {

StreamPackage::Update StreamPackage::update(const StreamLogs& logs, std::int64_t now_monotonic_us) {
  Update update = presentation_.update(logs, now_monotonic_us);
  if (!update.changed) return update;
  const Offering& offering = presentation_.offering();
  const auto& segments = offering.listing.offered;
  view_ = segments.empty() ? nullptr : make_view(offering);
  offered_.erase(offered_.begin(),
                 view_ ? offered_.lower_bound(segments.front().media_sequence) : offered_.end());
  return update;
}

std::shared_ptr<const StreamView> StreamPackage::make_view(const Offering& offering) {
  auto view = std::make_shared<StreamView>();
  view->stream_id = stream_id_;
  view->target_duration_seconds = offering.listing.target_duration_seconds;
  view->ended = offering.listing.ended;
  view->is_private = offering.is_private;
  view->publications = presentation_.publications();
  for (std::size_t i = 0; i < offering.listing.offered.size(); ++i)
    view->offered.push_back(offer(offering.listing.offered[i], offering.logs[i]));
  for (const Rendition& rendition : offering.renditions)
    view->renditions.emplace(to_string(rendition.name), make_rendition(offering, rendition));
  if (offering.is_listed()) view->multivariant_playlist = store_text(multivariant_playlist(offering));
  return view;
}

std::shared_ptr<const OfferedSegment> StreamPackage::offer(const Segment& segment,
                                                           const std::shared_ptr<SharedLog>& log) {
  auto& offered = offered_[segment.media_sequence];
  if (!offered || offered->log() != log) offered = std::make_shared<const OfferedSegment>(segment, log);
  return offered;
}

RenditionView StreamPackage::make_rendition(const Offering& offering, const Rendition& rendition) const {
  RenditionView made;
  made.content_type = rendition.is_video() ? "video/mp4" : "audio/mp4";
  if (offering.is_listed()) made.playlist = store_text(media_playlist(offering, rendition));
  const RenditionView* const before = view_ ? view_->rendition(to_string(rendition.name)) : nullptr;
  for (std::size_t i = 0; i < rendition.segments.size(); ++i) {
    const auto& own = rendition.segments[i];
    made.tracks.push_back(own ? std::optional(own->span.track) : std::nullopt);
    if (!own) continue;
    const std::string name = to_string(init_name(offering.listing.offered[i], own->span));
    StoredText& init = made.init_segments[name];
    if (init.text) continue;
    if (before != nullptr && before->init_segments.contains(name)) {
      init = before->init_segments.find(name)->second;
    } else {
      init = store_text(std::string(as_text(init_segment(*own->description))));
    }
  }
  return made;
}

}  // namespace millrace::packaging
