#include "stream_package.hpp"

#include <algorithm>

#include "hls_playlists.hpp"

namespace millrace::packaging {
namespace {

// before: the rendition as it was in the last view, or nullptr.
void add_init_segment(RenditionView& made, const RenditionView* before, const Segment& segment,
                      const RenditionSegment& own) {
  const std::string name = to_string(init_name(segment, own.span));
  StoredText& init = made.init_segments[name];
  if (init.text) return;
  if (before != nullptr && before->init_segments.contains(name)) {
    init = before->init_segments.find(name)->second;
  } else {
    init = store_text(std::string(as_text(init_segment(*own.description))));
  }
}

// Of what is listed of the segment: when the last of it was closed.
std::int64_t newest_us(const Segment& segment) {
  std::int64_t newest_us = 0;
  for (const TrackSpan& span : segment.tracks) {
    if (!span.parts.empty()) newest_us = std::max(newest_us, span.parts.back().closed_us);
  }
  return newest_us;
}

}  // namespace

StreamPackage::Update StreamPackage::update(const StreamLogs& logs, std::int64_t now_monotonic_us) {
  Update update = presentation_.update(logs, now_monotonic_us);
  if (!update.changed) return update;
  const std::shared_ptr<const Offering>& offering = presentation_.offering();
  const auto& segments = offering->listing.offered;
  view_ = segments.empty() ? nullptr : make_view(offering);
  offered_.erase(offered_.begin(),
                 view_ ? offered_.lower_bound(segments.front().media_sequence) : offered_.end());
  return update;
}

std::shared_ptr<const StreamView> StreamPackage::make_view(const std::shared_ptr<const Offering>& offered) {
  const Offering& offering = *offered;
  auto view = std::make_shared<StreamView>();
  view->stream_id = stream_id_;
  view->offering = offered;
  view->target_duration_seconds = offering.listing.target_duration_seconds;
  view->ended = offering.listing.ended;
  view->long_ended = offering.listing.long_ended;
  view->clock_offset_us = offering.listing.clock_offset_us;
  view->is_private = offering.is_private;
  view->publications = presentation_.publications();
  for (std::size_t i = 0; i < offering.listing.offered.size(); ++i)
    view->offered.push_back(offer(offering.listing.offered[i], offering.logs[i]));
  const Segment& last = offering.listing.offered.back();
  view->newest_us = std::max(last.last_arrival_us, newest_us(last));
  if (const auto& growing = offering.listing.growing) {
    const auto& log = offering.growing_log;
    view->growing =
        std::make_shared<const OfferedSegment>(*growing, log, part_files(growing->media_sequence, log));
    view->newest_us = std::max(view->newest_us, newest_us(*growing));
  }
  for (const Rendition& rendition : offering.renditions)
    view->renditions.emplace(to_string(rendition.name), make_rendition(offered, rendition));
  if (offering.is_listed())
    view->multivariant_playlist = std::make_shared<const MultivariantPlaylistTexts>(offered);
  view->manifests = dash_.update(offering);
  return view;
}

// Those of the segment as it was in the last view.
std::shared_ptr<PartFiles> StreamPackage::part_files(std::uint64_t media_sequence,
                                                     const std::shared_ptr<SharedLog>& log) const {
  const bool known = view_ && view_->growing && view_->growing->log() == log &&
                     view_->growing->segment().media_sequence == media_sequence;
  return known ? view_->growing->part_files() : std::make_shared<PartFiles>();
}

std::shared_ptr<const OfferedSegment> StreamPackage::offer(const Segment& segment,
                                                           const std::shared_ptr<SharedLog>& log) {
  auto& offered = offered_[segment.media_sequence];
  if (!offered || offered->log() != log) {
    offered = std::make_shared<const OfferedSegment>(segment, log, part_files(segment.media_sequence, log));
  }
  return offered;
}

RenditionView StreamPackage::make_rendition(const std::shared_ptr<const Offering>& offered,
                                            const Rendition& rendition) const {
  const Offering& offering = *offered;
  RenditionView made;
  made.content_type = rendition.is_video() ? "video/mp4" : "audio/mp4";
  if (offering.is_listed()) made.playlist = std::make_shared<const MediaPlaylistTexts>(offered, rendition);
  made.list_end = list_end(offering, rendition);
  made.next_part = rendition.next_part;
  const RenditionView* const before = view_ ? view_->rendition(to_string(rendition.name)) : nullptr;
  for (std::size_t i = 0; i < rendition.segments.size(); ++i) {
    const auto& own = rendition.segments[i];
    made.tracks.push_back(own ? std::optional(own->span.track) : std::nullopt);
    if (own) add_init_segment(made, before, offering.listing.offered[i], *own);
  }
  if (rendition.growing) {
    made.growing_track = rendition.growing->span.track;
    add_init_segment(made, before, *offering.listing.growing, *rendition.growing);
  }
  return made;
}

}  // namespace millrace::packaging
