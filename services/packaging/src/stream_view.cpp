#include "stream_view.hpp"

#include <algorithm>
#include <mutex>

namespace millrace::packaging {
const RenditionView* StreamView::rendition(std::string_view name) const {
  const auto found = renditions.find(name);
  return found == renditions.end() ? nullptr : &found->second;
}

bool StreamView::is_offered(const SegmentName& name) const {
  return name.media_sequence >= offered.front()->segment().media_sequence && place(name) < offered.size() &&
         segment_name(offered[place(name)]->segment()) == name;
}

Presence StreamView::presence(const RenditionView& rendition, const SegmentName& name) const {
  if (is_offered(name) && rendition.segments[place(name)]) return Presence::kHere;
  return rendition.presence_of_missing(name);
}

bool StreamView::is_gap(const RenditionView& rendition, const SegmentName& name) const {
  return is_offered(name) && place(name) < rendition.end() && !rendition.segments[place(name)] &&
         !rendition.is_promised(place(name));
}

bool StreamView::is_awaited(const RenditionView& rendition, const SegmentName& name) const {
  if (is_awaited(name)) return true;
  return is_offered(name) && !rendition.segments[place(name)] &&
         (place(name) >= rendition.end() || rendition.is_promised(place(name)));
}

bool StreamView::is_awaited(const RenditionView& rendition, const PartName& name) const {
  return !has_ended(rendition) && rendition.next_part == name;
}

bool StreamView::has_ended(const RenditionView& rendition) const {
  return ended && rendition.behind == 0;
}

SegmentPlace StreamView::growing_of(const RenditionView& rendition, const SegmentName& name) const {
  const SegmentPlace& place = rendition.growing;
  return place && place.segment->segment().media_sequence == name.media_sequence ? place : SegmentPlace{};
}

bool StreamView::is_past_end(const SegmentName& name) const {
  if (long_ended) return false;
  const auto of_publication = [&](const Segment& segment) {
    return segment.publication_id == name.publication_id && segment.incarnation == name.incarnation;
  };
  if (growing && of_publication(growing->segment())) return false;
  const auto last = std::find_if(offered.rbegin(), offered.rend(),
                                 [&](const auto& segment) { return of_publication(segment->segment()); });
  if (last == offered.rend()) return false;
  const std::uint64_t number = (*last)->segment().media_sequence;
  return number < name.media_sequence && name.media_sequence <= number + kMostPastEnd;
}

bool StreamView::is_due(const SegmentName& name, std::int64_t now_us) const {
  const auto& grid = manifests.grid;
  const auto now = clock(now_us);
  if (!grid || !now || ended || !growing || growing->segment().is_gap) return false;
  const Segment& newest = growing->segment();
  if (name.publication_id != newest.publication_id || name.incarnation != newest.incarnation) return false;
  if (name.media_sequence <= newest.media_sequence || name.media_sequence < grid->first_segment) return false;
  const std::int64_t since_us = *now - grid->start + grid->length_ns / 1000;
  return since_us >= 0 && name.media_sequence - grid->first_segment <=
                              static_cast<std::uint64_t>(since_us * 1000 / grid->length_ns);
}

std::optional<PartPlace> StreamView::find(const RenditionView& rendition, const PartName& name) const {
  const auto in = [&](const SegmentPlace& place) -> std::optional<PartPlace> {
    if (!place || part_name(place.segment->segment(), name.number) != name) return std::nullopt;
    const auto index = place.segment->segment().track(place.track)->part(name.number);
    if (!index) return std::nullopt;
    return PartPlace{place.segment.get(), place.track, *index};
  };
  // It is the newest that are asked for.
  std::optional<PartPlace> found = in(rendition.growing);
  for (std::size_t i = offered.size(); !found && i-- > 0;) found = in(rendition.segments[i]);
  for (std::size_t i = 0; !found && i < rendition.cut_off.size(); ++i) found = in(rendition.cut_off[i]);
  return found;
}

std::shared_ptr<const StreamView> ViewTable::find(std::string_view stream_id) const {
  const std::shared_lock lock(mutex_);
  const auto found = entries_.find(stream_id);
  return found == entries_.end() ? nullptr : found->second.view;
}

void ViewTable::publish(std::shared_ptr<const StreamView> view, const void* owner) {
  const std::string stream_id = view->stream_id;
  {
    const std::unique_lock lock(mutex_);
    Entry& entry = entries_[stream_id];
    entry.view.swap(view);  // the old one is destroyed outside the lock's use
    entry.owner = owner;
  }
  watchers_.notify(stream_id);
}

void ViewTable::withdraw(std::string_view stream_id, const void* owner) {
  {
    const std::unique_lock lock(mutex_);
    const auto found = entries_.find(stream_id);
    if (found != entries_.end() && found->second.owner == owner) entries_.erase(found);
  }
  watchers_.notify(stream_id);
}

std::size_t ViewTable::size() const {
  const std::shared_lock lock(mutex_);
  return entries_.size();
}

}  // namespace millrace::packaging
