// Whatever a recording's bytes are: what is derived from it is within it, and lists and files can be made of
// it.
#include <cstdlib>

#include "date_ranges.hpp"
#include "dvr_offering.hpp"
#include "hls_media_playlist.hpp"
#include "recorded_media.hpp"

using namespace millrace;
using namespace millrace::packaging;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(data, size);
  const mp4::FileSource source{
      size, [bytes](std::uint64_t offset, std::span<std::uint8_t> into) -> Result<void> {
        if (offset > bytes.size() || into.size() > bytes.size() - offset) std::abort();
        std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), into.size(), into.begin());
        return {};
      }};
  RecordedSegments segments(3'600'000'000);
  std::vector<std::pair<RecordedPlace, media::RecordedPiece>> pieces;
  RecordedFile file;
  (void)file.follow(source, [&](const RecordedPlace& place, media::RecordedPiece&& piece) {
    segments.add(piece, {nullptr, place});
    pieces.emplace_back(place, std::move(piece));
  });
  std::vector<RecordedSegmentPtr> all(segments.segments().begin(), segments.segments().end());
  for (const RecordedSegmentPtr& last : segments.rest()) all.push_back(last);
  for (const RecordedSegmentPtr& segment : all) {
    std::vector<media::RecordedPiece> own;
    for (const RecordedShare& share : segment->shares) {
      for (const auto& [place, piece] : pieces) {
        if (place == share.place) own.push_back(piece);
      }
    }
    for (const TrackSpan& span : segment->segment.tracks) (void)recorded_media(*segment, span, own);
  }
  const auto offering = dvr_offering(all, nullptr, {3'600'000'000, 0, true});
  if (!offering) return 0;
  DateRanges breaks;
  breaks.update(offering->listing);
  offering->date_ranges = breaks.listed();
  for (const Rendition& rendition : offering->renditions)
    (void)media_playlist(*offering, rendition, PlaylistForm::kPlain);
  return 0;
}
