#include "vod_cuts.hpp"

#include <algorithm>
#include <optional>

#include "errors.hpp"

namespace millrace::api {
namespace {

using mp4::FinishedTrack;

constexpr std::int64_t kMicroseconds = 1'000'000;
// A key frame that comes so much before its time will do: the next one may be a group of pictures away.
constexpr std::int64_t kEarlyUs = 500'000;

std::int64_t to_us(std::int64_t time, std::uint32_t timescale) {
  return time / timescale * kMicroseconds + time % timescale * kMicroseconds / timescale;
}

// Of presentation: the last sample in decode order is shown as long after its decoding as the first one is.
std::int64_t end_us(const FinishedTrack& track) {
  const std::int64_t offset = track.presentation_time(0) - track.decode_time(0);
  return to_us(track.end() + offset, track.track().timescale);
}

std::uint32_t first_at_us(const FinishedTrack& track, std::int64_t us) {
  return track.first_at(ticks_of(track, std::max<std::int64_t>(us, 0)));
}

const FinishedTrack& leading(std::span<const FinishedTrack> tracks) {
  const auto picture = std::find_if(tracks.begin(), tracks.end(), [](const FinishedTrack& track) {
    return track.track().type == mp4::TrackType::kVideo;
  });
  return picture == tracks.end() ? tracks.front() : *picture;
}

// The beginnings of the leading track's segments: key frames where they come in time.
std::vector<std::int64_t> leading_starts(const FinishedTrack& track) {
  std::vector<std::int64_t> starts{presentation_us(track, 0)};
  for (std::uint32_t sample = 0; starts.size() <= VodCuts::kMostSegments;) {
    const std::int64_t begin = to_us(track.decode_time(sample), track.track().timescale);
    std::uint32_t next = track.next_key(first_at_us(track, begin + VodCuts::kSegmentUs - kEarlyUs));
    const std::uint32_t latest = first_at_us(track, begin + VodCuts::kLongestUs);
    if (next > latest) next = std::max(latest, sample + 1);
    if (next >= track.samples()) break;
    starts.push_back(std::max(presentation_us(track, next), starts.back() + 1));
    sample = next;
  }
  return starts;
}

// When the next sample of any track is decoded, then or later; nullopt: there is none.
std::optional<std::int64_t> next_sample_us(std::span<const FinishedTrack> tracks, std::int64_t us) {
  std::optional<std::int64_t> next;
  for (const FinishedTrack& track : tracks) {
    const std::uint32_t sample = first_at_us(track, us);
    if (sample == track.samples()) continue;
    const std::int64_t time = to_us(track.decode_time(sample), track.track().timescale);
    next = next ? std::min(*next, time) : time;
  }
  return next;
}

// Where the leading track has nothing for long, others may have: they are cut by the clock there. A pause
// of all of them is one long segment.
std::vector<std::int64_t> fill(std::span<const FinishedTrack> tracks,
                               const std::vector<std::int64_t>& starts) {
  std::vector<std::int64_t> filled;
  for (std::size_t i = 0; i + 1 < starts.size(); ++i) {
    filled.push_back(starts[i]);
    const std::int64_t last = starts[i + 1] - (VodCuts::kLongestUs - VodCuts::kSegmentUs);
    for (std::int64_t time = starts[i] + VodCuts::kSegmentUs; time < last; time += VodCuts::kSegmentUs) {
      const std::optional<std::int64_t> next = next_sample_us(tracks, time);
      if (!next || filled.size() > VodCuts::kMostSegments) break;
      // Not step by step: a pause may be as long as somebody's file says.
      if (*next > time) time += (*next - time) / VodCuts::kSegmentUs * VodCuts::kSegmentUs;
      if (time < last) filled.push_back(time);
    }
  }
  filled.push_back(starts.back());
  return filled;
}

VodCuts::Track cut(const FinishedTrack& track, const std::vector<std::int64_t>& starts) {
  VodCuts::Track out;
  out.first.push_back(0);
  // Goes on from segment to segment: what is presented before this one is no beginning of a later one.
  std::uint32_t key = track.next_key(0);
  for (std::size_t segment = 1; segment + 1 < starts.size(); ++segment) {
    std::uint32_t first = first_at_us(track, starts[segment]);
    // Pictures are decoded before they are shown: the key frame of this time may stand a little before it.
    if (key < out.first.back()) key = track.next_key(out.first.back());
    while (key < track.samples() && presentation_us(track, key) < starts[segment])
      key = track.next_key(key + 1);
    if (key < track.samples() && presentation_us(track, key) < starts[segment + 1]) first = key;
    out.first.push_back(std::max(first, out.first.back()));
  }
  out.first.push_back(track.samples());
  for (std::size_t segment = 0; segment + 1 < out.first.size(); ++segment) {
    if (out.first[segment] < out.first[segment + 1] && !track.is_key(out.first[segment]))
      out.independent = false;
  }
  return out;
}

tl::unexpected<Error> too_long() {
  return fail(api::errors::kVodSegments, "it is longer than a week");
}

bool is_bounded(const FinishedTrack& track, const VodCuts::Track& cuts) {
  for (std::size_t segment = 0; segment + 1 < cuts.first.size(); ++segment) {
    if (cuts.first[segment + 1] - cuts.first[segment] > VodCuts::kMostSamples) return false;
    std::uint64_t bytes = 0;
    for (std::uint32_t sample = cuts.first[segment]; sample < cuts.first[segment + 1]; ++sample)
      bytes += track.size(sample);
    if (bytes > VodCuts::kMostBytes) return false;
  }
  return true;
}

}  // namespace

std::int64_t presentation_us(const FinishedTrack& track, std::uint32_t sample) {
  return to_us(track.presentation_time(sample), track.track().timescale);
}

std::int64_t ticks_of(const FinishedTrack& track, std::int64_t us) {
  const std::int64_t within = std::clamp(us, -VodCuts::kMostUs, VodCuts::kMostUs);
  const std::int64_t timescale = track.track().timescale;
  const std::int64_t rest = within % kMicroseconds * timescale;
  const std::int64_t up = rest < 0 ? 1 - kMicroseconds : kMicroseconds - 1;
  return within / kMicroseconds * timescale + (rest + up) / kMicroseconds;
}

Result<VodCuts> VodCuts::make(std::span<const FinishedTrack> tracks) {
  for (const FinishedTrack& track : tracks) {
    if (track.end() / track.track().timescale >= kMostUs / kMicroseconds) return too_long();
  }
  VodCuts cuts;
  cuts.starts_us = leading_starts(leading(tracks));
  std::int64_t end = cuts.starts_us.back() + 1;
  for (const FinishedTrack& track : tracks) {
    // The others may begin before the leading one.
    cuts.starts_us.front() = std::min(cuts.starts_us.front(), presentation_us(track, 0));
    end = std::max(end, end_us(track));
  }
  cuts.starts_us.push_back(end);
  if (end - cuts.starts_us.front() > kMostUs) return too_long();
  cuts.starts_us = fill(tracks, cuts.starts_us);
  if (cuts.segments() > kMostSegments) return fail(api::errors::kVodSegments, "too many segments");
  for (const FinishedTrack& track : tracks) {
    cuts.tracks.push_back(cut(track, cuts.starts_us));
    if (!is_bounded(track, cuts.tracks.back()))
      return fail(api::errors::kVodSegments, "a segment is too large");
  }
  return cuts;
}

}  // namespace millrace::api
