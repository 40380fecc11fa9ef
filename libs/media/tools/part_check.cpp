#include "media/tools/part_check.hpp"

#include "media/part_target.hpp"

namespace millrace::media {

void PartCheck::add(const SampleRecord& record, const TrackConfiguration* configuration) {
  if (record.track >= tracks_.size()) return;
  const bool is_data = configuration != nullptr && configuration->kind == TrackKind::kData;
  if (record.part != 0 && (is_data || target_us_ == 0))
    return problem_(record, "has a part where there are none");
  if (is_data) return;
  std::optional<Track>& track = tracks_.at(record.track);
  if (track) check_number(record, *track);
  const bool begins = !track || record.part != track->part;
  if (begins && track) check_length(record, *track);
  if (begins) {
    Track next;
    if (track) next.start_dts = record.dts;
    track = next;
  }
  track->part = record.part;
  track->media_sequence = record.media_sequence;
  track->discontinuity_sequence = record.discontinuity_sequence;
  track->timescale = configuration != nullptr ? configuration->timescale : 0;
  track->last_dts = record.dts;
  track->has_key_picture |= configuration != nullptr && configuration->kind == TrackKind::kVideo &&
                            (record.flags & kSampleKey) != 0;
}

void PartCheck::check_number(const SampleRecord& record, const Track& track) {
  const std::string step = "part " + std::to_string(record.part) + " after " + std::to_string(track.part);
  if (record.part != track.part && record.part != track.part + 1) return problem_(record, step);
  if (record.part != 0 && record.part == track.part && record.media_sequence != track.media_sequence)
    problem_(record, step + " in another segment");
}

// next: the first record of the part behind it. Times of another clock or timescale say nothing.
void PartCheck::check_length(const SampleRecord& next, const Track& track) {
  constexpr std::int64_t kMicroseconds = 1'000'000;
  if (track.part == 0 || !track.start_dts || track.timescale == 0) return;
  if (next.discontinuity_sequence != track.discontinuity_sequence) return;
  const auto length_us = [&](std::int64_t end) {
    return (end - *track.start_dts) / track.timescale * kMicroseconds +
           (end - *track.start_dts) % track.timescale * kMicroseconds / track.timescale;
  };
  const std::string what = "part " + std::to_string(track.part) + " before it has " +
                           std::to_string(length_us(next.dts)) + " us of " + std::to_string(target_us_);
  if (length_us(track.last_dts) > target_us_) return problem_(next, what);
  const bool is_last = next.media_sequence != track.media_sequence;
  const bool is_short = length_us(next.dts) * 100 < std::int64_t{target_us_} * kLeastPartPercent;
  if (length_us(next.dts) > target_us_ || (is_short && !is_last && !track.has_key_picture))
    warning_(next, what);
}

}  // namespace millrace::media
