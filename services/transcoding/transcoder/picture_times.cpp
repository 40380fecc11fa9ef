#include "picture_times.hpp"

#include <cstdlib>
#include <iterator>

namespace millrace::transcoding {
namespace {

constexpr std::int64_t kTicksPerMs = 90;

std::int64_t ticks_to_us(std::int64_t ticks) {
  return ticks * 1000 / kTicksPerMs;
}

}  // namespace

void PictureTimes::add(const media::SampleRecord& record, const SourceTargets& targets) {
  const bool placed = std::abs(std::int64_t{record.composition_offset}) <= kMostOffset;
  const std::int64_t pts = record.dts + (placed ? record.composition_offset : 0);
  if (!any_ || record.media_sequence != newest_segment_) {
    segments_.push_back({pts, record.media_sequence, record.discontinuity_sequence,
                         (record.flags & media::kSampleDiscontinuity) != 0});
    newest_segment_ = record.media_sequence;
    any_ = true;
  }
  if (segments_.size() > kMaxWaiting) segments_.pop_front();
  if (!placed) return;
  SourceNote note;
  note.pts = pts;
  note.presented = record.presented_wall + ticks_to_us(record.composition_offset);
  note.origin_arrival_us = record.origin_arrival_us;
  note.wire_timestamp_ms =
      record.wire_timestamp_ms + static_cast<std::uint32_t>(record.composition_offset / kTicksPerMs);
  note.targets = targets;
  waiting_.insert_or_assign(pts, note);
  if (waiting_.size() > kMaxWaiting) {
    waiting_.erase(waiting_.begin());
    ++left_out_;
  }
}

std::optional<SourceNote> PictureTimes::take(std::int64_t pts) {
  const auto found = waiting_.find(pts);
  if (found == waiting_.end() || pts <= last_pts_) {
    ++left_out_;
    return std::nullopt;
  }
  SourceNote note = found->second;
  left_out_ += static_cast<std::uint64_t>(std::distance(waiting_.begin(), found));
  waiting_.erase(waiting_.begin(), std::next(found));
  last_pts_ = pts;
  while (!segments_.empty() && segments_.front().begins <= pts) {
    note.first = true;
    current_ = segments_.front();
    note.discontinuity = note.discontinuity || current_.discontinuity;
    segments_.pop_front();
  }
  // Shown before anything that the first segment begins with.
  if (current_.media_sequence == 0) {
    ++left_out_;
    return std::nullopt;
  }
  note.media_sequence = current_.media_sequence;
  note.discontinuity_sequence = current_.discontinuity_sequence;
  return note;
}

void PictureTimes::forget() {
  left_out_ += waiting_.size();
  waiting_.clear();
}

}  // namespace millrace::transcoding
