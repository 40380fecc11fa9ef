#include "recorded_segments.hpp"

#include <algorithm>

namespace millrace::packaging {
namespace {

// A log has no more (docs/media-log.md).
constexpr std::uint32_t kMostConfigurations = 1024;

bool is_same(const media::RecordedConfiguration& a, const media::RecordedConfiguration& b) {
  return a.description == b.description && a.bytes == b.bytes;
}

}  // namespace

void RecordedSegments::begin_log(const media::RecordedLog& log) {
  if (log.publication_id != log_.publication_id || log.incarnation != log_.incarnation) known_.clear();
  held_.clear();
  reading_ = LogSegments(log.publication_id, log.first_sequence, log.incarnation);
  for (const Known& known : known_)
    reading_.add_configuration(known.description ? known.description->timing : TrackTiming{});
}

void RecordedSegments::configure(const media::RecordedConfiguration& configuration) {
  const std::uint32_t index = configuration.description.index;
  if (index >= kMostConfigurations) return;
  if (index >= known_.size()) known_.resize(index + 1);
  Known& known = known_[index];
  if (known.description) return;
  known.configuration = configuration;
  known.description = std::make_shared<const TrackDescription>(
      describe({configuration.description, configuration.bytes, {}}));
  reading_.set_configuration(index, known.description->timing);
}

// A log's configurations never change: one that does is damaged, in this piece or before.
bool RecordedSegments::contradicts(const media::RecordedPiece& piece) const {
  return std::any_of(piece.configurations.begin(), piece.configurations.end(),
                     [&](const media::RecordedConfiguration& configuration) {
                       const std::uint32_t index = configuration.description.index;
                       return index < known_.size() && known_[index].description &&
                              !is_same(known_[index].configuration, configuration);
                     });
}

void RecordedSegments::add(const media::RecordedPiece& piece, RecordedShare share) {
  if (piece.samples.empty()) return;
  const bool other = !next_sequence_ || piece.log.publication_id != log_.publication_id ||
                     piece.log.incarnation != log_.incarnation;
  if (other && next_sequence_) {
    reading_.end();
    take_whole();
  }
  if (other) begin_log(piece.log);
  log_ = piece.log;
  if (contradicts(piece)) {
    known_.clear();
    begin_log(log_);
  }
  for (const media::RecordedConfiguration& configuration : piece.configurations) configure(configuration);
  held_.push_back({std::move(share), piece.samples.front().record.sequence, 0});
  for (const media::RecordedSample& sample : piece.samples) {
    const std::uint64_t sequence = sample.record.sequence;
    if (next_sequence_ && sequence != *next_sequence_ && !(other && &sample == &piece.samples.front()))
      begin_behind_gap();
    next_sequence_ = sequence + 1;
    held_.back().end_record = sequence + 1;
    reading_.add(sample.record);
    if (!sample.data.empty()) add_event(sample);
    take_whole();
  }
  forget_old();
}

void RecordedSegments::add_event(const media::RecordedSample& sample) {
  const media::EventReading read =
      media::read_timed_event(sample.data, media::encoder_timestamp_ms(sample.record));
  if (read.event) (void)reading_.add_event(sample.record, *read.event);
}

// Recording has not seen what the log had in between: the segment that it was in is not whole.
void RecordedSegments::begin_behind_gap() {
  Held newest = std::move(held_.back());
  begin_log(log_);
  held_.push_back(std::move(newest));
}

void RecordedSegments::take_whole() {
  for (const Segment& segment : reading_.complete()) {
    if (!segments_.empty() && segment.media_sequence <= segments_.back()->segment.media_sequence) {
      if (segment.publication_id == segments_.back()->segment.publication_id) continue;
      segments_.clear();  // its numbers started again
      length_us_ = 0;
    }
    segments_.push_back(made(segment));
    length_us_ += segment.duration_us;
  }
  reading_.keep(1);
}

RecordedSegmentPtr RecordedSegments::made(const Segment& segment) const {
  auto recorded = std::make_shared<RecordedSegment>();
  recorded->log = log_;
  recorded->segment = segment;
  for (TrackSpan& span : recorded->segment.tracks) {
    span.parts = Parts();
    recorded->descriptions.push_back(known_.at(span.configuration).description);
  }
  for (const Held& held : held_) {
    if (held.first_record < segment.end_record && segment.first_record < held.end_record)
      recorded->shares.push_back(held.share);
  }
  return recorded;
}

std::vector<RecordedSegmentPtr> RecordedSegments::rest() const {
  LogSegments reading = reading_;
  reading.end();
  std::vector<RecordedSegmentPtr> rest;
  for (const Segment& segment : reading.complete()) {
    if (segments_.empty() || segment.media_sequence > segments_.back()->segment.media_sequence)
      rest.push_back(made(segment));
  }
  return rest;
}

void RecordedSegments::forget_old() {
  const std::optional<std::uint64_t> needed = reading_.growing_from();
  while (held_.size() > 1 && needed && held_.front().end_record <= *needed) held_.pop_front();
  // Also by their lengths: the clock may have been put back.
  while (!segments_.empty() &&
         (length_us_ > window_us_ + segments_.front()->segment.duration_us ||
          segments_.back()->segment.start_wall - segments_.front()->segment.start_wall > window_us_)) {
    length_us_ -= segments_.front()->segment.duration_us;
    segments_.pop_front();
  }
}

}  // namespace millrace::packaging
