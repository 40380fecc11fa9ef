#include "dvr_lists.hpp"

#include <utility>

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
                                                std::int64_t window_us, WallTime now) {
  const std::lock_guard lock(mutex_);
  renew(recorded, live, window_us, now);
  return texts_;
}

StoredText DvrLists::manifest(const Recorded& recorded, const Offering* live, std::int64_t window_us,
                              WallTime now) {
  const std::lock_guard lock(mutex_);
  renew(recorded, live, window_us, now);
  return texts_->offering ? dash_.update(*texts_->offering).plain : StoredText{};
}

std::shared_ptr<const std::string> DvrLists::hand_out(std::string text) {
  const std::size_t bytes = text.size();
  if (*written_bytes_ += bytes; *written_bytes_ > kMostWrittenBytes) {
    *written_bytes_ -= bytes;
    return nullptr;
  }
  return {new std::string(std::move(text)), [count = written_bytes_, bytes](const std::string* written) {
            delete written;
            *count -= bytes;
          }};
}

// Of a stream that the log does not have. A file that is whole is long in being finished, or waits for room
// for ever: it says nothing of the stream. What a list has said of its end stays so as long as nothing
// follows.
bool DvrLists::is_over(const Recorded& recorded, WallTime now) const {
  const RecordedSegmentPtr newest = newest_of(recorded);
  if (!recorded.goes_on || !newest) return !recorded.goes_on;
  const Segment& segment = newest->segment;
  return (end_shown_ && segment.media_sequence <= last_shown_) ||
         now - (segment.start_wall + segment.duration_us) > kOverUs;
}

// The last segment of the recordings is whole where nothing follows in its log, and of lists that have it.
std::vector<RecordedSegmentPtr> DvrLists::whole(const Recorded& recorded, const Signature& signature) const {
  std::vector<RecordedSegmentPtr> segments = recorded.segments;
  for (const RecordedSegmentPtr& last : recorded.rest) {
    const Segment& segment = last->segment;
    const bool shown = segment.media_sequence <= last_shown_;
    const bool other_log = signature.live && segment.publication_id != signature.newest;
    const bool before_live = !signature.live || segment.media_sequence < signature.first;
    if (before_live && (signature.over || other_log || shown)) segments.push_back(last);
  }
  return segments;
}

void DvrLists::remember(const Offering& offering, const Recorded& recorded) {
  const std::vector<Segment>& offered = offering.listing.offered;
  first_shown_ = offered.front().media_sequence;
  last_shown_ = offered.back().media_sequence;
  end_shown_ = offering.listing.ended;
  const std::uint64_t recorded_to =
      recorded.segments.empty() ? 0 : recorded.segments.back()->segment.media_sequence;
  gaps_.clear();
  for (const Segment& segment : offered) {
    if (!segment.tracks.empty() && segment.media_sequence <= recorded_to) continue;
    gaps_.emplace(segment.media_sequence, segment).first->second.tracks.clear();
  }
}

// A break that began before the list may go on: as long as somebody asks it stays known.
void DvrLists::describe_breaks(Offering& offering) {
  date_ranges_.update(offering.listing);
  offering.date_ranges = date_ranges_.listed();
}

// Under the mutex.
void DvrLists::renew(const Recorded& recorded, const Offering* live, std::int64_t window_us, WallTime now) {
  Signature signature = signature_of(recorded, live);
  signature.over = live == nullptr && is_over(recorded, now);
  if (texts_ && signature == signature_) return;
  signature_ = signature;
  // A stream that started again has numbers of its own.
  const bool restarted = signature.live && signature.last < first_shown_;
  if (restarted) first_shown_ = last_shown_ = 0;
  // What was shown to others is not for these.
  const bool is_hidden = live ? live->is_private : is_private(recorded);
  const bool others = std::exchange(private_shown_, is_hidden) != is_hidden;
  if (others) date_ranges_ = {};
  if (restarted || others) gaps_.clear();
  auto texts = std::make_shared<DvrTexts>();
  const auto offering = dvr_offering(whole(recorded, signature), live,
                                     {window_us, first_shown_, signature.over, gaps_, is_hidden});
  if (offering) {
    describe_breaks(*offering);
    texts->offering = offering;
    remember(*offering, recorded);
    texts->multivariant = std::make_shared<const MultivariantPlaylistTexts>(offering);
    for (const Rendition& rendition : offering->renditions)
      texts->media.emplace(to_string(rendition.name),
                           std::make_shared<const MediaPlaylistTexts>(offering, rendition));
  }
  texts_ = std::move(texts);
}

}  // namespace millrace::packaging
