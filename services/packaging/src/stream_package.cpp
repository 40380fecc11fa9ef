#include "stream_package.hpp"

#include <algorithm>
#include <utility>

#include "hls_playlists.hpp"

namespace millrace::packaging {
namespace {

// before: the rendition as it was in the last view, or nullptr.
void add_init_segment(RenditionView& made, const RenditionView* before, const InitName& init_of,
                      const TrackDescription& description) {
  const std::string name = to_string(init_of);
  StoredText& init = made.init_segments[name];
  if (init.text) return;
  if (before != nullptr && before->init_segments.contains(name)) {
    init = before->init_segments.find(name)->second;
  } else {
    init = store_text(std::string(as_text(init_segment(description))));
  }
}

// What is whole by now and was not in the view before.
void remember(RenditionView& made, const Listing& listing, const Rendition& rendition) {
  std::size_t first = rendition.end();
  while (first > 0 && listing.offered[first - 1].media_sequence > made.past->newest()) --first;
  std::shared_ptr<PastNames> past;
  for (std::size_t i = first; i < rendition.end(); ++i) {
    if (!rendition.segments[i]) continue;
    if (!past) past = std::make_shared<PastNames>(*made.past);
    past->add(listing.offered[i], *rendition.segments[i]);
  }
  if (past) made.past = std::move(past);
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
  view_ = offering->listing.offered.empty() ? nullptr : make_view(offering);
  offered_ = std::exchange(next_offered_, {});
  growing_ = std::exchange(next_growing_, {});
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
  for (std::size_t i = 0; i < offering.listing.offered.size(); ++i)
    view->offered.push_back(offer(offering.listing.offered[i], offering.logs[i]));
  const Segment& last = offering.listing.offered.back();
  view->newest_us = std::max(last.last_arrival_us, newest_us(last));
  if (const auto& growing = offering.listing.growing) {
    view->growing = grow(*growing, offering.growing_log);
    view->newest_us = std::max(view->newest_us, newest_us(*growing));
  }
  for (const Rendition& rendition : offering.renditions)
    view->renditions.emplace(to_string(rendition.name), make_rendition(offered, rendition, *view));
  if (offering.is_listed())
    view->multivariant_playlist = std::make_shared<const MultivariantPlaylistTexts>(offered);
  view->manifests = dash_.update(offering);
  return view;
}

// Those of the segment as it grew in the last view.
std::shared_ptr<PartFiles> StreamPackage::part_files(const Segment& segment,
                                                     const std::shared_ptr<SharedLog>& log) const {
  const auto known = growing_.find({segment.publication_id, segment.media_sequence});
  const bool same = known != growing_.end() && known->second.log == log;
  return same ? known->second.files : std::make_shared<PartFiles>();
}

StreamPackage::Offered StreamPackage::offer(const Segment& segment, const std::shared_ptr<SharedLog>& log) {
  const SegmentKey key{segment.publication_id, segment.media_sequence};
  const auto known = offered_.find(key);
  Offered& offered = next_offered_[key];
  if (!offered && known != offered_.end() && known->second->log() == log) offered = known->second;
  if (!offered) offered = std::make_shared<const OfferedSegment>(segment, log, part_files(segment, log));
  return offered;
}

StreamPackage::Offered StreamPackage::grow(const Segment& segment, const std::shared_ptr<SharedLog>& log) {
  GrowingFiles& next = next_growing_[{segment.publication_id, segment.media_sequence}];
  next = {log, part_files(segment, log)};
  return std::make_shared<const OfferedSegment>(segment, log, next.files);
}

RenditionView StreamPackage::make_rendition(const std::shared_ptr<const Offering>& offered,
                                            const Rendition& rendition, const StreamView& view) {
  const Offering& offering = *offered;
  RenditionView made;
  made.content_type = rendition.is_video() ? "video/mp4" : "audio/mp4";
  if (offering.is_listed()) made.playlist = std::make_shared<const MediaPlaylistTexts>(offered, rendition);
  made.list_end = list_end(offering, rendition);
  made.next_part = rendition.next_part;
  made.behind = rendition.behind;
  made.promised = rendition.promised;
  made.is_made = rendition.is_made();
  made.is_planned = rendition.planned != nullptr;
  const RenditionView* const before = view_ ? view_->rendition(to_string(rendition.name)) : nullptr;
  add_segments(made, offering, rendition, view, before);
  if (before != nullptr) made.past = before->past;
  remember(made, offering.listing, rendition);
  return made;
}

void StreamPackage::add_segments(RenditionView& made, const Offering& offering, const Rendition& rendition,
                                 const StreamView& view, const RenditionView* before) {
  const auto& offered = offering.listing.offered;
  for (std::size_t i = 0; i < offered.size(); ++i) {
    const auto& own = rendition.segments[i];
    SegmentPlace& place = made.segments.emplace_back();
    if (!own) continue;
    place = {own->made ? offer(own->made->segment, own->made->log) : view.offered[i], own->span.track};
    add_init_segment(made, before, init_name(offered[i], *own), *own->description);
  }
  for (const auto& [number, own] : rendition.cut_off)
    made.cut_off.push_back({offer(own.made->segment, own.made->log), own.span.track});
  if (const auto& own = rendition.growing) {
    made.growing = {own->made ? grow(own->made->segment, own->made->log) : view.growing, own->span.track};
    add_init_segment(made, before, init_name(*growing_segment(offering, rendition), *own), *own->description);
  } else if (const auto& begun = rendition.begun) {
    made.growing = {grow(begun->made->segment, begun->made->log), begun->span.track};
  }
  if (rendition.planned && offering.listing.media_end() > 0)
    add_init_segment(made, before, init_name(offered[offering.listing.media_end() - 1], *rendition.planned),
                     *rendition.planned->description);
}

}  // namespace millrace::packaging
