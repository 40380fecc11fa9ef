#include "dvr_lists.hpp"

#include "recordings_of_stream.hpp"

namespace millrace::packaging {

DvrLists::Signature DvrLists::signature_of(const Recorded& recorded, const Offering* live) {
  Signature signature{.recorded = recorded.version};
  if (live == nullptr || live->listing.offered.empty()) return signature;
  const Listing& listing = live->listing;
  signature.first = listing.offered.front().media_sequence + listing.first_listed;
  signature.last = listing.offered.back().media_sequence;
  signature.newest = listing.offered.back().publication_id;
  signature.live = true;
  signature.ended = listing.ended;
  signature.long_ended = listing.long_ended;
  signature.goes_on = listing.goes_on();
  signature.is_private = live->is_private;
  return signature;
}

std::shared_ptr<const DvrTexts> DvrLists::texts(const Recorded& recorded, const Offering* live,
                                                std::int64_t window_us) {
  const std::lock_guard lock(mutex_);
  renew(recorded, live, window_us);
  return texts_;
}

StoredText DvrLists::manifest(const Recorded& recorded, const Offering* live, std::int64_t window_us) {
  const std::lock_guard lock(mutex_);
  renew(recorded, live, window_us);
  return texts_->offering ? dash_.update(*texts_->offering).plain : StoredText{};
}

// Under the mutex.
void DvrLists::renew(const Recorded& recorded, const Offering* live, std::int64_t window_us) {
  const Signature signature = signature_of(recorded, live);
  if (texts_ && signature == signature_) return;
  signature_ = signature;
  std::vector<RecordedSegmentPtr> segments = recorded.segments;
  // The last segment is whole where nothing follows: the log said so, or the file is finished.
  for (const RecordedSegmentPtr& last : recorded.rest) {
    const bool whole = !recorded.goes_on || last->segment.media_sequence <= last_shown_;
    if (live == nullptr && whole) segments.push_back(last);
  }
  // A stream that began anew has numbers of its own.
  const bool anew = live != nullptr && !live->listing.offered.empty() &&
                    live->listing.offered.back().media_sequence < first_shown_;
  if (anew) first_shown_ = last_shown_ = 0;
  auto texts = std::make_shared<DvrTexts>();
  texts->offering = dvr_offering(segments, live, {window_us, first_shown_, !recorded.goes_on, gaps_});
  if (const auto& offering = texts->offering) {
    first_shown_ = offering->listing.offered.front().media_sequence;
    last_shown_ = offering->listing.offered.back().media_sequence;
    gaps_.clear();
    for (const Segment& segment : offering->listing.offered) {
      if (segment.tracks.empty()) gaps_.emplace(segment.media_sequence, segment);
    }
    texts->multivariant = std::make_shared<const MultivariantPlaylistTexts>(offering);
    for (const Rendition& rendition : offering->renditions)
      texts->media.emplace(to_string(rendition.name),
                           std::make_shared<const MediaPlaylistTexts>(offering, rendition));
  }
  texts_ = std::move(texts);
}

}  // namespace millrace::packaging
