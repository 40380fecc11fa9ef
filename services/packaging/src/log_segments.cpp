#include "log_segments.hpp"

#include <algorithm>
#include <limits>
#include <utility>

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

// Millennia: sums of a few such times overflow nowhere, whatever a damaged recording says.
constexpr std::int64_t kMostSeconds = 100'000'000'000;

std::int64_t microseconds(std::int64_t ticks, std::int64_t timescale) {
  const std::int64_t seconds = std::clamp(ticks / timescale, -kMostSeconds, kMostSeconds);
  return seconds * kMicroseconds + ticks % timescale * kMicroseconds / timescale;
}

constexpr std::uint32_t bit_of(std::uint8_t track) {
  return 1U << track;
}

TrackSpan* find_span(Segment& segment, std::uint8_t track) {
  for (TrackSpan& span : segment.tracks) {
    if (span.track == track) return &span;
  }
  return nullptr;
}

// Records are counted from where the publication's number puts them: no two of a publication are the same.
std::uint32_t event_id(PublicationId publication, std::uint64_t record) {
  const std::uint64_t number = number_of(publication);
  return static_cast<std::uint32_t>((number ^ number >> 32) + record);
}

TrackSpan first_sample(const media::SampleRecord& record, const TrackTiming& timing) {
  TrackSpan span;
  span.track = record.track;
  span.kind = timing.kind;
  span.independent = timing.kind == media::TrackKind::kAudio || media::is_sync(record.flags);
  span.configuration = record.configuration;
  span.timescale = timing.timescale;
  span.first_dts = record.dts;
  span.shown_from = record.dts + record.composition_offset;
  span.start_wall = record.presented_wall;
  span.first_record = record.sequence;
  span.last_duration = timing.frame_duration != 0
                           ? timing.frame_duration
                           : std::max<std::uint32_t>(timing.timescale / LogSegments::kLoneFrameDivisor, 1);
  return span;
}

}  // namespace

bool carries_events(const Segment& segment, std::uint8_t track, std::uint64_t before_record) {
  if (track == media::kVideoTrack) return true;
  const TrackSpan* const picture = segment.track(media::kVideoTrack);
  return track == media::kAudioTrack && (picture == nullptr || picture->first_record >= before_record);
}

const TrackTiming* LogSegments::timing_of(const media::SampleRecord& record) const {
  if (record.track >= media::kMaxTracks || record.configuration >= configurations_.size()) return nullptr;
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
    const bool whole = record.sequence == first_sequence_ || (record.flags & media::kSampleSegmentStart) != 0;
    if (whole) begin_segment(record);
  }
  settle(record);
  if (record.track < media::kMaxTracks && record.part != 0) seen_part_[record.track] = record.part;
  if (!open_) return;
  open_->segment.end_record = record.sequence + 1;
  if (media::is_gap(record.flags)) return accumulate_gap(record);
  if (const TrackTiming* timing = timing_of(record)) accumulate(record, *timing);
}

void LogSegments::begin_segment(const media::SampleRecord& record) {
  open_ = Open{};
  Segment& segment = open_->segment;
  segment.publication_id = publication_id_;
  segment.incarnation = incarnation_;
  segment.media_sequence = record.media_sequence;
  segment.discontinuity_sequence = record.discontinuity_sequence;
  segment.first_record = record.sequence;
}

void LogSegments::accumulate_gap(const media::SampleRecord& record) {
  Segment& segment = open_->segment;
  if (!segment.is_gap) segment.start_wall = record.presented_wall;
  segment.is_gap = true;
  segment.duration_us += record.gap_us;
  segment.last_arrival_us = record.arrival_us;
  if (record.part != 0) {
    Part part;
    part.number = record.part;
    part.first_record = record.sequence;
    part.end_record = record.sequence + 1;
    part.duration_us = std::clamp<std::int64_t>(record.gap_us, 1, kLongestSegmentUs - 1);
    part.closed_us = record.arrival_us;
    segment.gap_parts.push_back(part);
  }
  if ((record.flags & media::kSampleSegmentEnd) != 0) close_open(nullptr);
}

void LogSegments::accumulate(const media::SampleRecord& record, const TrackTiming& timing) {
  Segment& segment = open_->segment;
  // Not the first record: that may be data, stamped before the clock of the media was known.
  if (segment.tracks.empty()) {
    segment.start_wall = record.presented_wall;
    segment.leading_track = record.track;
    open_->start_us = timeline_us(record);
  }
  TrackSpan* span = find_span(segment, record.track);
  if (span == nullptr) {
    const auto place = std::find_if(segment.tracks.begin(), segment.tracks.end(),
                                    [&](const TrackSpan& other) { return other.track > record.track; });
    const TrackSpan* const leading = segment.track(segment.leading_track);
    const std::size_t missed = leading == nullptr ? 0 : leading->parts.size();
    span = &*segment.tracks.insert(place, first_sample(record, timing));
    span->parts_missed = static_cast<std::uint32_t>(missed);
  } else if (span->configuration != record.configuration) {
    return;  // changed too soon for a segment of its own: it is in the next one
  } else if (timing.frame_duration == 0) {
    span->last_duration = clamped_duration(record.dts - span->last_dts);
  }
  span->captions |=
      static_cast<std::uint8_t>((record.flags & media::kSampleCaptions) >> media::kSampleCaptionsShift);
  add_to_part(*span, record);
  // The last one lasts until this one's decode time.
  if (span->samples > 0) span->shown_until = std::max(span->shown_until, record.dts + span->last_offset);
  span->shown_from = std::min(span->shown_from, record.dts + record.composition_offset);
  span->last_dts = record.dts;
  span->last_offset = record.composition_offset;
  span->samples += 1;
  span->payload_bytes += record.size;
  segment.last_arrival_us = record.arrival_us;
}

// Before the record counts in the span. A share that began without a part has none.
void LogSegments::add_to_part(TrackSpan& span, const media::SampleRecord& record) {
  Part& part = open_->parts.at(record.track);
  if (part.samples > 0 && record.part != part.number && record.part != 0)
    close_part(*open_, span, clamped_duration(record.dts - span.last_dts), record.arrival_us);
  if (part.samples == 0) {
    if (record.part == 0 || (span.samples > 0 && span.parts.empty())) return;
    part.number = record.part;
    begun_part_.at(record.track) = record.part;
    part.first_record = record.sequence;
    part.first_dts = record.dts;
  }
  part.end_record = record.sequence + 1;
  part.samples += 1;
  part.independent =
      part.independent || span.kind == media::TrackKind::kAudio || media::is_sync(record.flags);
  part.payload_bytes += record.size;
}

void LogSegments::close_part(Open& open, TrackSpan& span, std::uint32_t last_duration,
                             std::int64_t arrival_us) {
  Part& part = open.parts.at(span.track);
  if (part.samples == 0) return;
  const std::int64_t ticks = span.last_dts - part.first_dts + last_duration;
  part.last_duration = last_duration;
  part.duration_us =
      std::clamp<std::int64_t>(microseconds(ticks, timescale_of(span)), 1, kLongestSegmentUs - 1);
  part.closed_us = arrival_us;
  if (carries_events(open.segment, span.track)) {
    const auto& events = open.segment.events;
    part.events.assign(events.begin() + static_cast<std::ptrdiff_t>(open.events_given), events.end());
    open.events_given = events.size();
  }
  closed_part_.at(span.track) = part.number;
  span.parts.push_back(std::exchange(part, Part{}));
}

LogSegments::Taken LogSegments::add_event(const media::SampleRecord& record, const media::TimedEvent& event) {
  if (!open_ || open_->segment.media_sequence != record.media_sequence) return Taken::kNotOffered;
  Segment& segment = open_->segment;
  const bool splice = event.kind == media::TimedEvent::Kind::kSplice;
  if (!event_limits_.take(record.media_sequence, event.kind)) return Taken::kTooMany;
  segment.events.push_back({record.sequence, event_id(publication_id_, record.sequence)});
  if (!splice) return Taken::kTaken;
  auto made = std::make_shared<SpliceEvent>();
  made->record = record.sequence;
  made->told = record.presented_wall;
  made->start = record.presented_wall + event.delay_us;
  made->splice = event.splice;
  made->section = event.message;
  segment.splices.push_back(std::move(made));
  return Taken::kTaken;
}

std::optional<std::uint32_t> LogSegments::next_part(std::uint8_t track) const {
  if (track >= media::kMaxTracks || seen_part_[track] == 0) return std::nullopt;
  const TrackSpan* const hidden = waiting_ && open_ ? open_->segment.track(track) : nullptr;
  if (hidden != nullptr && !hidden->parts.empty()) return hidden->parts.front().number;
  return begun_part_[track] > closed_part_[track] ? begun_part_[track] : seen_part_[track] + 1;
}

// The open segment has all its records. next: the first record of a later segment, null at the log's end.
void LogSegments::close_open(const media::SampleRecord* next) {
  finish_waiting();
  if (!open_) return;
  if (next != nullptr && next->discontinuity_sequence == open_->segment.discontinuity_sequence) {
    open_->next_wall = next->presented_wall;
    open_->next_us = timeline_us(*next);
  }
  for (TrackSpan& span : open_->segment.tracks) {
    if (span.kind == media::TrackKind::kVideo) {
      open_->unsettled |= bit_of(span.track);
    } else {
      close_part(*open_, span, span.last_duration, last_arrival_us_);
    }
  }
  waiting_ = std::move(open_);
  open_.reset();
  if (next == nullptr || waiting_->unsettled == 0) finish_waiting();
}

// A track's first sample after the waiting segment says how long its last one there lasts. That it does not
// come for a while does so too.
void LogSegments::settle(const media::SampleRecord& record) {
  if (!waiting_) return;
  const std::uint32_t bit = record.track < media::kMaxTracks ? bit_of(record.track) : 0;
  if ((waiting_->unsettled & bit) != 0) {
    TrackSpan& span = *find_span(waiting_->segment, record.track);
    const TrackTiming* const timing = timing_of(record);
    if (timing != nullptr && std::int64_t{timing->timescale} == timescale_of(span))
      span.last_duration = clamped_duration(record.dts - span.last_dts);
    waiting_->unsettled &= ~bit;
    close_part(*waiting_, span, span.last_duration, record.arrival_us);
  }
  for (const TrackSpan& span : waiting_->segment.tracks) {
    if ((waiting_->unsettled & bit_of(span.track)) != 0 && !is_silent(span, record)) return;
  }
  finish_waiting();
}

// As media::PartRule judges it: not by dates, which may be put right where a segment begins.
bool LogSegments::is_silent(const TrackSpan& span, const media::SampleRecord& record) const {
  const auto now_us = timeline_us(record);
  return now_us && *now_us - microseconds(span.last_dts, timescale_of(span)) >= kSilenceUs;
}

void LogSegments::finish_waiting() {
  if (!waiting_) return;
  Open closed = std::move(*waiting_);
  waiting_.reset();
  for (TrackSpan& span : closed.segment.tracks)
    close_part(closed, span, span.last_duration, last_arrival_us_);
  Segment segment = closed.segment;
  if (!segment.is_gap) segment.duration_us = duration_us(closed);
  for (TrackSpan& span : segment.tracks) span.duration_us = duration_us(span, closed);
  // Numbers must follow one another in a playlist: what stands before a gap can't be listed with what
  // follows.
  const bool follows = !complete_.empty() && complete_.back().media_sequence + 1 == segment.media_sequence;
  const bool is_empty = segment.tracks.empty() && !segment.is_gap;
  if ((!follows && numbers_ == Numbers::kInARow) || is_empty) complete_.clear();
  if (!is_empty) complete_.push_back(std::move(segment));
}

// Up to where the next one begins, if that goes on from it; by the wall clock where times on the timeline are
// not told.
std::int64_t LogSegments::duration_us(const Open& open) const {
  std::int64_t length_us = 0;
  if (open.start_us && open.next_us) {
    length_us = *open.next_us - *open.start_us;
  } else if (open.next_wall) {
    length_us = *open.next_wall - open.segment.start_wall;
  }
  return length_us > 0 && length_us < kLongestSegmentUs ? length_us : extent_us(open.segment);
}

// A list without what is missing at the end of this segment would be short of it for good. A track that comes
// late to the segment, as it is interleaved, leaves it late as well.
std::int64_t LogSegments::duration_us(const TrackSpan& span, const Open& open) const {
  const std::int64_t own_us = extent_us(span);
  if (!open.start_us || !open.next_us) return own_us;
  const std::int64_t first_us = microseconds(span.first_dts, timescale_of(span));
  const std::int64_t early_us = std::max<std::int64_t>(*open.start_us - first_us, 0);
  const std::int64_t silence_us = *open.next_us - early_us - (first_us + own_us);
  return silence_us >= kSilenceUs && silence_us < kLongestSegmentUs ? own_us + silence_us : own_us;
}

std::optional<std::int64_t> LogSegments::timeline_us(const media::SampleRecord& record) const {
  const TrackTiming* const timing = timing_of(record);
  if (timing == nullptr) return std::nullopt;
  return microseconds(record.dts, timing->timescale);
}

std::int64_t LogSegments::extent_us(const TrackSpan& span) const {
  const std::int64_t ticks = span.last_dts - span.first_dts + span.last_duration;
  return std::clamp<std::int64_t>(microseconds(ticks, timescale_of(span)), 1, kLongestSegmentUs - 1);
}

// From the segment's first record to the end of the track that ends last.
std::int64_t LogSegments::extent_us(const Segment& segment) const {
  WallTime end = segment.start_wall + 1;
  for (const TrackSpan& span : segment.tracks) end = std::max(end, span.start_wall + extent_us(span));
  return std::min(end - segment.start_wall, kLongestSegmentUs - 1);
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
