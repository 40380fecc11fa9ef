#include "vod_presentation.hpp"

#include <algorithm>
#include <cmath>

#include "containers/mp4/init_segment.hpp"
#include "containers/mp4/movie_info.hpp"

namespace millrace::api {
namespace {

// What a segment has besides its samples' bytes, about: its boxes, and some for each sample.
constexpr std::uint64_t kBoxBytes = 160;
constexpr std::uint64_t kSampleBoxBytes = 16;

std::uint64_t bits_a_second(std::uint64_t bytes, std::int64_t duration_us) {
  const auto seconds = static_cast<double>(std::max<std::int64_t>(duration_us, 1)) * 1e-6;
  return static_cast<std::uint64_t>(static_cast<double>(bytes) * 8 / seconds);
}

}  // namespace

Result<VodPresentation> VodPresentation::create(std::vector<mp4::FinishedTrack> tracks) {
  Result<VodCuts> cuts = VodCuts::make(tracks);
  if (!cuts) return tl::unexpected(cuts.error());
  VodPresentation out;
  out.cuts_ = std::move(*cuts);
  out.tracks_ = std::move(tracks);
  std::size_t pictures = 0, sounds = 0;
  for (std::size_t number = 0; number < out.tracks_.size(); ++number) {
    Rendition rendition;
    rendition.number = number;
    rendition.codec = mp4::codec_name(out.tracks_[number].track());
    rendition.name =
        out.is_video(rendition) ? "v" + std::to_string(pictures++) : "a" + std::to_string(sounds++);
    out.measure(rendition);
    out.renditions_.push_back(std::move(rendition));
  }
  return out;
}

// Of segments shorter than half a usual one only where there is no other: a last frame alone is no rate.
void VodPresentation::measure(Rendition& rendition) {
  const std::vector<std::uint32_t>& first = cuts_.tracks[rendition.number].first;
  std::uint64_t all = 0;
  std::int64_t all_us = 0;
  for (std::size_t segment = 0; segment < segments(); ++segment) {
    std::uint64_t bytes = kBoxBytes + kSampleBoxBytes * (first[segment + 1] - first[segment]);
    for (std::uint32_t sample = first[segment]; sample < first[segment + 1]; ++sample)
      bytes += track(rendition).size(sample);
    const std::int64_t duration_us = segment_duration_us(rendition, segment);
    all += bytes;
    all_us += duration_us;
    longest_us_ = std::max(longest_us_, duration_us);
    if (duration_us >= VodCuts::kSegmentUs / 2)
      rendition.peak_bandwidth = std::max(rendition.peak_bandwidth, bits_a_second(bytes, duration_us));
  }
  rendition.average_bandwidth = bits_a_second(all, all_us);
  rendition.peak_bandwidth = std::max(rendition.peak_bandwidth, rendition.average_bandwidth);
}

const VodPresentation::Rendition* VodPresentation::find(std::string_view name) const {
  const auto found = std::find_if(renditions_.begin(), renditions_.end(),
                                  [&](const Rendition& rendition) { return rendition.name == name; });
  return found == renditions_.end() ? nullptr : &*found;
}

bool VodPresentation::has_segment(const Rendition& rendition, std::size_t number) const {
  const std::vector<std::uint32_t>& first = cuts_.tracks[rendition.number].first;
  return number < segments() && first[number] < first[number + 1];
}

std::int64_t VodPresentation::segment_start_us(const Rendition& rendition, std::size_t number) const {
  if (!has_segment(rendition, number)) return cuts_.starts_us[number];
  return presentation_us(track(rendition), cuts_.tracks[rendition.number].first[number]);
}

std::int64_t VodPresentation::segment_duration_us(const Rendition& rendition, std::size_t number) const {
  return segment_start_us(rendition, number + 1) - segment_start_us(rendition, number);
}

std::int64_t VodPresentation::segment_start_ticks(const Rendition& rendition, std::size_t number) const {
  if (!has_segment(rendition, number)) return ticks_of(track(rendition), cuts_.starts_us[number]);
  return track(rendition).presentation_time(cuts_.tracks[rendition.number].first[number]);
}

// By what all renditions share: their own samples begin a little later, one further than another.
VodPresentation::Range VodPresentation::segments_in(std::int64_t start_us, std::int64_t end_us) const {
  Range range;
  while (range.begin < segments() && cut_us(range.begin + 1) - cut_us(0) <= start_us) ++range.begin;
  range.end = range.begin;
  while (range.end < segments() && cut_us(range.end) - cut_us(0) < end_us) ++range.end;
  return range;
}

std::int64_t VodPresentation::cut_ticks(const Rendition& rendition, std::size_t number) const {
  return ticks_of(track(rendition), cut_us(number));
}

std::int64_t VodPresentation::listed_ticks(const Rendition& rendition, std::size_t number) const {
  return std::max({segment_start_ticks(rendition, number), cut_ticks(rendition, 0), std::int64_t{0}});
}

std::optional<std::size_t> VodPresentation::segment_at(const Rendition& rendition, std::int64_t ticks) const {
  for (std::size_t number = 0; number < segments(); ++number) {
    if (has_segment(rendition, number) && listed_ticks(rendition, number) == ticks) return number;
  }
  return std::nullopt;
}

std::uint32_t VodPresentation::frame_rate_millihertz(const Rendition& rendition) const {
  const mp4::FinishedTrack& all = track(rendition);
  const double seconds = static_cast<double>(all.end() - all.decode_time(0)) / all.track().timescale;
  const double millihertz = all.samples() * 1e3 / seconds;
  return millihertz < 1e6 ? static_cast<std::uint32_t>(std::lround(millihertz)) : 0;
}

Bytes VodPresentation::init_segment(const Rendition& rendition) const {
  return mp4::init_segment(std::span(&track(rendition).track(), 1));
}

VodPresentation::Segment VodPresentation::segment(const Rendition& rendition, std::size_t number) const {
  const std::vector<std::uint32_t>& first = cuts_.tracks[rendition.number].first;
  const mp4::TrackRun run = track(rendition).run(first[number], first[number + 1]);
  return {mp4::segment_header(static_cast<std::uint32_t>(number + 1), std::span(&run, 1)),
          track(rendition).bytes_of(first[number], first[number + 1])};
}

std::size_t VodPresentation::memory() const {
  std::size_t bytes = sizeof *this + cuts_.starts_us.capacity() * sizeof(std::int64_t);
  for (const mp4::FinishedTrack& track : tracks_) bytes += track.memory();
  for (const VodCuts::Track& track : cuts_.tracks) bytes += track.first.capacity() * sizeof(std::uint32_t);
  return bytes;
}

}  // namespace millrace::api
