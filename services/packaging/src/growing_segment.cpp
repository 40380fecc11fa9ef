#include "growing_segment.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

namespace millrace::packaging {

using Progress = http::LiveStream::Progress;

void GrowingSegment::attach(const std::function<void()>& wake) {
  watch_ = views_.watchers().add(wanted_.stream_id, wake);
}

Progress GrowingSegment::pump(http::LiveOutput& output, std::int64_t now_us) {
  if (!file_) {
    if (!allowed_(now_us)) return Progress::kFailed;
    const Progress next = next_part();
    if (next == Progress::kIdle) {
      if (!idle_since_us_) idle_since_us_ = now_us;
      return now_us >= due_us() ? Progress::kFailed : next;
    }
    idle_since_us_.reset();
    if (next != Progress::kMore) return next;
  }
  return send(output);
}

std::int64_t GrowingSegment::due_us() const {
  if (!idle_since_us_) return 0;
  return *idle_since_us_ + (draining_ ? std::min(patience_us_, kDrainPatienceUs) : patience_us_);
}

Progress GrowingSegment::next_part() {
  const auto view = views_.find(wanted_.stream_id);
  const RenditionView* const rendition = view ? view->rendition(wanted_.rendition) : nullptr;
  if (rendition == nullptr) return Progress::kFailed;
  const bool grows = view->is_awaited(*rendition, wanted_.name);
  if (!grows && view->presence(*rendition, wanted_.name) != Presence::kHere) return Progress::kFailed;
  const SegmentPlace place =
      grows ? view->growing_of(*rendition, wanted_.name) : view->segment(*rendition, wanted_.name);
  if (!place) return Progress::kIdle;
  const TrackSpan* const span = place.segment->segment().track(place.track);
  if (span == nullptr || next_ >= span->parts.size()) {
    if (grows) return Progress::kIdle;
    finished_(size_);
    return Progress::kEnded;
  }
  file_ = place.segment->part_file(place.track, next_++);
  sent_ = 0;
  return file_ ? Progress::kMore : Progress::kTorn;
}

Progress GrowingSegment::send(http::LiveOutput& output) {
  constexpr std::size_t kMostRegions = 64;
  std::array<iovec, kMostRegions> regions;
  std::size_t count = 0;
  std::uint64_t skip = sent_;
  for (const ByteView region : file_->regions) {
    if (count == regions.size()) break;
    if (skip >= region.size()) {
      skip -= region.size();
      continue;
    }
    const ByteView rest = region.subspan(skip);
    skip = 0;
    regions[count++] = {const_cast<std::uint8_t*>(rest.data()), rest.size()};
  }
  const ssize_t taken = output.send({regions.data(), count});
  if (taken < 0) {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? Progress::kBlocked : Progress::kFailed;
  }
  if (!file_->intact()) return Progress::kTorn;
  sent_ += static_cast<std::uint64_t>(taken);
  if (sent_ < file_->size) return Progress::kMore;
  size_ += file_->size;
  file_.reset();
  return Progress::kMore;
}

}  // namespace millrace::packaging
