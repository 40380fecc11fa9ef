#include "sound_times.hpp"

namespace millrace::transcoding {

void SoundTimes::add(const media::SampleRecord& record, std::uint32_t record_timescale,
                     const SourceTargets& targets) {
  SourceNote note;
  note.pts = time_of(record, record_timescale);
  note.media_sequence = record.media_sequence;
  note.discontinuity_sequence = record.discontinuity_sequence;
  note.discontinuity = (record.flags & media::kSampleDiscontinuity) != 0;
  note.presented = record.presented_wall;
  note.origin_arrival_us = record.origin_arrival_us;
  note.wire_timestamp_ms = record.wire_timestamp_ms;
  note.targets = targets;
  frames_.push_back(note);
  if (frames_.size() > kMaxWaiting) frames_.pop_front();
}

std::optional<SourceNote> SoundTimes::take(std::int64_t pts) {
  if (frames_.empty() || pts < frames_.front().pts || pts <= last_pts_) return std::nullopt;
  bool discontinuity = frames_.front().discontinuity;
  while (frames_.size() > 1 && frames_[1].pts <= pts) {
    frames_.pop_front();
    discontinuity = discontinuity || frames_.front().discontinuity;
  }
  SourceNote note = frames_.front();
  frames_.front().discontinuity = false;
  const std::int64_t since = pts - note.pts;
  note.pts = pts;
  note.presented += since * 1'000'000 / timescale_;
  note.wire_timestamp_ms += static_cast<std::uint32_t>(since * 1000 / timescale_);
  note.first = last_segment_ != note.media_sequence;
  note.discontinuity = discontinuity;
  last_segment_ = note.media_sequence;
  last_pts_ = pts;
  return note;
}

}  // namespace millrace::transcoding
