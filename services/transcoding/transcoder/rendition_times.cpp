#include "rendition_times.hpp"

#include <algorithm>

namespace millrace::transcoding {
std::int64_t RenditionTimes::to_us(std::int64_t ticks) const {
  return ticks * 1'000'000 / track_.timescale;
}

media::SampleRecord RenditionTimes::place(const SourceNote& note, std::int64_t dts, std::int64_t now_us) {
  media::SampleRecord record{};
  record.dts = last_ ? std::max(dts, last_->dts + 1) : dts;
  const std::int64_t offset = note.pts - record.dts;
  record.composition_offset = static_cast<std::int32_t>(offset);
  record.presented_wall = note.presented - to_us(offset);
  record.arrival_us = now_us;
  record.origin_arrival_us = note.origin_arrival_us;
  record.media_sequence = note.media_sequence;
  record.discontinuity_sequence = note.discontinuity_sequence;
  record.wire_timestamp_ms = note.wire_timestamp_ms - static_cast<std::uint32_t>(to_us(offset) / 1000);
  const bool begins = !last_ || last_->media_sequence != record.media_sequence;
  // What a writer before this one has said of the first is not known; the numbers are what counts.
  const bool broken =
      last_ ? last_->discontinuity_sequence != record.discontinuity_sequence : note.discontinuity;
  if (begins) record.flags |= media::kSampleSegmentStart;
  if (broken) record.flags |= media::kSampleDiscontinuity;
  record.part = parts_.place({.track = track_.track,
                              .picture = track_.picture,
                              .follows = !broken,
                              .timescale = track_.timescale,
                              .dts = record.dts,
                              .duration = track_.duration,
                              .time_us = to_us(record.dts),
                              .media_sequence = record.media_sequence});
  last_ = record;
  return record;
}

}  // namespace millrace::transcoding
