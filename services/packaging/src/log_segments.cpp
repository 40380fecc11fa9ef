#include "log_segments.hpp"

#include <algorithm>
#include <limits>

namespace millrace::packaging {
namespace {

constexpr std::int64_t kMicroseconds = 1'000'000;
// A difference of wall-clock stamps beyond this can't be a segment's length; the samples' extent is taken
// instead.
constexpr std::int64_t kLongestSegmentUs = 3'600 * kMicroseconds;

std::uint32_t clamped_duration(std::int64_t ticks) {
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(ticks, 1, std::numeric_limits<std::int32_t>::max()));
}

}  // namespace

const TrackTiming* LogSegments::timing_of(const media::SampleRecord& record) const {
  if (record.track >= kTracks || record.configuration >= configurations_.size()) return nullptr;
  const TrackTiming& timing = configurations_[record.configuration];
  return timing.usable && timing.track == record.track ? &timing : nullptr;
}

void LogSegments::add(const media::SampleRecord& record) {
  if (ended_) return;
  last_arrival_us_ = record.arrival_us;
  if (current_media_sequence_ != record.media_sequence) {
    close_open(&record);
    current_media_sequence_ = record.media_sequence;
    // Without the first record the segment's head is gone: it can't be offered.
    const bool whole = record.sequence == 0 || (record.flags & media::kSampleSegmentStart) != 0;
    if (whole) begin_segment(record);
  }
  if (record.track == media::kVideoTrack) {
    settle_video(record);
  } else if (picture_is_silent(record)) {
    finish_waiting();
  }
  if (!open_) return;
  open_->segment.end_record = record.sequence + 1;
  if (const TrackTiming* timing = timing_of(record)) accumulate(record, *timing);
}

void LogSegments::begin_segment(const media::SampleRecord& record) {
  open_ = Open{};
  Segment& segment = open_->segment;
  segment.publication_id = publication_id_;
  segment.media_sequence = record.media_sequence;
  segment.discontinuity_sequence = record.discontinuity_sequence;
  segment.first_record = record.sequence;
  segment.independent = true;
  open_->not_begun[kVideo] = (record.flags & media::kSampleNoVideoYet) != 0;
  open_->not_begun[kAudio] = (record.flags & media::kSampleNoAudioYet) != 0;
  for (std::uint8_t track = 0; track < kTracks; ++track) open_->in_force[track] = in_force(record, track);
}

void LogSegments::accumulate(const media::SampleRecord& record, const TrackTiming& timing) {
  Segment& segment = open_->segment;
  TrackSpan& span = segment.tracks[record.track];
  if (span.samples > 0 && span.configuration != record.configuration)
    return;  // changed too soon for a segment of its own: it is in the next one
  // Not the first record: that may be data, stamped before the clock of the media was known.
  if (segment.tracks[kVideo].samples + segment.tracks[kAudio].samples == 0) {
    segment.start_wall_us = record.presented_wall_us;
    open_->start_us = timeline_us(record);
  }
  if (span.samples == 0) {
    span.configuration = record.configuration;
    span.first_dts = record.dts;
    open_->first_wall_us[record.track] = record.presented_wall_us;
    if (record.track == media::kVideoTrack) segment.independent = media::is_sync(record.flags);
  }
  if (timing.frame_duration != 0) {
    span.last_duration = timing.frame_duration;
  } else if (span.samples > 0) {
    span.last_duration = clamped_duration(record.dts - span.last_dts);
  } else {
    span.last_duration = std::max<std::uint32_t>(timing.timescale / kLoneFrameDivisor, 1);
  }
  span.last_dts = record.dts;
  span.samples += 1;
  segment.payload_bytes += record.size;
  segment.last_arrival_us = record.arrival_us;
}

// The open segment has all its records. next: the first record of a later segment, null at the log's end.
void LogSegments::close_open(const media::SampleRecord* next) {
  finish_waiting();
  if (!open_) return;
  if (next != nullptr && next->discontinuity_sequence == open_->segment.discontinuity_sequence) {
    open_->next_wall_us = next->presented_wall_us;
    open_->next_us = timeline_us(*next);
  }
  waiting_ = open_;
  open_.reset();
  if (next == nullptr || waiting_->segment.tracks[kVideo].samples == 0) finish_waiting();
}

// The first video sample after the waiting segment says how long that one's last frame lasts.
void LogSegments::settle_video(const media::SampleRecord& record) {
  if (!waiting_) return;
  TrackSpan& span = waiting_->segment.tracks[kVideo];
  const bool same_scale = timing_of(record) != nullptr && configurations_[record.configuration].timescale ==
                                                              configurations_[span.configuration].timescale;
  if (same_scale) span.last_duration = clamped_duration(record.dts - span.last_dts);
  finish_waiting();
}

void LogSegments::finish_waiting() {
  if (!waiting_) return;
  Segment segment = waiting_->segment;
  segment.duration_us = duration_us(*waiting_);
  bool empty = true;
  for (std::size_t track = 0; track < kTracks; ++track) {
    const TrackSpan& span = segment.tracks[track];
    empty = empty && span.samples == 0;
    if (span.samples > 0) {
      segment.configurations[track] = span.configuration;
    } else if (!waiting_->not_begun[track]) {
      segment.configurations[track] = waiting_->in_force[track];
    }
  }
  waiting_.reset();
  // Numbers must follow one another in a playlist: what stands before a gap can't be listed with what
  // follows.
  const bool follows = !complete_.empty() && complete_.back().media_sequence + 1 == segment.media_sequence;
  if (!follows || empty) complete_.clear();
  if (!empty) complete_.push_back(segment);
}

// Up to where the next one begins, if that goes on from it; by the wall clock where times on the timeline are
// not told.
std::int64_t LogSegments::duration_us(const Open& open) const {
  std::int64_t length_us = 0;
  if (open.start_us && open.next_us) {
    length_us = *open.next_us - *open.start_us;
  } else if (open.next_wall_us) {
    length_us = *open.next_wall_us - open.segment.start_wall_us;
  }
  return length_us > 0 && length_us < kLongestSegmentUs ? length_us : extent_us(open);
}

std::optional<std::int64_t> LogSegments::timeline_us(const media::SampleRecord& record) const {
  const TrackTiming* const timing = timing_of(record);
  if (timing == nullptr) return std::nullopt;
  const std::int64_t timescale = timing->timescale;
  return record.dts / timescale * kMicroseconds + record.dts % timescale * kMicroseconds / timescale;
}

// The next video sample may never come.
bool LogSegments::picture_is_silent(const media::SampleRecord& record) const {
  if (!waiting_ || waiting_->segment.tracks[kVideo].samples == 0) return false;
  const TrackSpan& span = waiting_->segment.tracks[kVideo];
  const std::int64_t timescale = configurations_[span.configuration].timescale;
  const std::int64_t last_wall_us =
      waiting_->first_wall_us[kVideo] + (span.last_dts - span.first_dts) * kMicroseconds / timescale;
  return record.presented_wall_us - last_wall_us >= kPictureSilenceUs;
}

// From the segment's first record to the end of the track that ends last.
std::int64_t LogSegments::extent_us(const Open& open) const {
  std::int64_t end = open.segment.start_wall_us;
  for (std::size_t track = 0; track < kTracks; ++track) {
    const TrackSpan& span = open.segment.tracks[track];
    if (span.samples == 0) continue;
    const std::int64_t ticks = span.last_dts - span.first_dts + span.last_duration;
    const std::int64_t timescale = configurations_[span.configuration].timescale;
    end = std::max(end, open.first_wall_us[track] + ticks * kMicroseconds / timescale);
  }
  return std::max<std::int64_t>(end - open.segment.start_wall_us, 1);
}

// As the record says, so that a reading that begins in the middle of a silence finds the same.
std::optional<std::uint32_t> LogSegments::in_force(const media::SampleRecord& record,
                                                   std::uint8_t track) const {
  const auto index = media::configuration_in_force(record, track);
  if (!index || *index >= configurations_.size()) return std::nullopt;
  const TrackTiming& timing = configurations_[*index];
  return timing.usable && timing.track == track ? index : std::nullopt;
}

void LogSegments::end() {
  if (ended_) return;
  close_open(nullptr);
  finish_waiting();
  ended_ = true;
}

std::optional<std::uint64_t> LogSegments::growing_from() const {
  if (waiting_) return waiting_->segment.first_record;
  if (open_) return open_->segment.first_record;
  return std::nullopt;
}

void LogSegments::recycled_before(std::uint64_t sequence) {
  while (!complete_.empty() && complete_.front().first_record < sequence) complete_.pop_front();
}

void LogSegments::keep(std::size_t count) {
  while (complete_.size() > count) complete_.pop_front();
}

}  // namespace millrace::packaging
