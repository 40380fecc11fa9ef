#include "media/part_target.hpp"

#include <algorithm>
#include <cstdlib>
#include <numeric>

namespace millrace::media {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;
constexpr std::int64_t kNsPerUs = 1'000;
constexpr std::int64_t kNsPerSecond = 1'000'000'000;
constexpr std::int64_t kFinePercent = 100 - kLeastPartPercent;
// A step that is further from the usual one is none of an even track: a part of it, or what whole
// milliseconds make of two equal ones.
constexpr std::int64_t kUnevenShare = 8;
constexpr std::int64_t kRoundedNs = 1'200'000;
// One in so many steps may be another: a frame is missing.
constexpr std::int64_t kStrayShare = 8;
constexpr std::int64_t kLongestStepNs = 3'600 * kNsPerSecond;
// Players' tolerance for holes is 100 ms.
constexpr std::int64_t kShortTailNs = 120 * kNsPerMs;

// What a track's steps come to.
struct Cadence {
  bool even = false;
  bool counted = false;
  std::int64_t count = 0;
  std::int64_t frame_ns = 0;    // of an even one: the mean
  std::int64_t off_ns = 0;      // how far its steps are from that, at most
  std::int64_t longest_ns = 0;  // of all steps
  std::int64_t waited_ns = 0;

  // By how much so many frames may be longer than so often the mean: either end of a part is off, and the
  // mean is what the stamps of the first and the last frame say.
  std::int64_t room_ns(std::int64_t frames) const {
    return counted ? 0 : off_ns + kNsPerMs + frames * kNsPerMs / count;
  }
  // Of an even one: in a part of that target.
  std::int64_t frames_in(std::int64_t target_ns) const {
    std::int64_t frames = target_ns / frame_ns;
    while (frames > 0 && frames * frame_ns + room_ns(frames) > target_ns) --frames;
    return frames;
  }
};

Cadence cadence_of(const TrackSteps& track) {
  Cadence cadence;
  cadence.counted = track.counted;
  cadence.waited_ns = track.waited_ns;
  std::vector<std::int64_t> steps = track.steps_ns;
  if (steps.empty()) return cadence;
  std::sort(steps.begin(), steps.end());
  cadence.longest_ns = steps.back();
  const std::int64_t usual_ns = steps[steps.size() / 2];
  const std::int64_t tolerance_ns = std::max(kRoundedNs, usual_ns / kUnevenShare);
  const auto strays =
      std::erase_if(steps, [&](std::int64_t step_ns) { return std::abs(step_ns - usual_ns) > tolerance_ns; });
  const auto all = static_cast<std::int64_t>(track.steps_ns.size());
  cadence.count = static_cast<std::int64_t>(steps.size());
  cadence.frame_ns = std::accumulate(steps.begin(), steps.end(), std::int64_t{0}) / cadence.count;
  cadence.off_ns = std::max(steps.back() - cadence.frame_ns, cadence.frame_ns - steps.front());
  cadence.even = static_cast<std::int64_t>(strays) * kStrayShare <= all && cadence.frame_ns >= kNsPerMs;
  return cadence;
}

// Do whole frames of the track come to 85 to 100 % of the target?
bool fills(const Cadence& cadence, std::int64_t target_ns) {
  if (cadence.count == 0) return cadence.waited_ns <= target_ns;
  if (cadence.longest_ns * 100 <= target_ns * kFinePercent) return true;
  if (!cadence.even) return false;
  const std::int64_t filled_ns = cadence.frames_in(target_ns) * cadence.frame_ns - cadence.off_ns;
  return filled_ns * 100 >= target_ns * kLeastPartPercent;
}

// Do segments of the track end with a part that is very short? Where they are no whole number of frames they
// have one more or one less.
bool has_short_tail(const Cadence& cadence, std::int64_t target_ns, std::int64_t segment_ns) {
  if (!cadence.even) return false;
  const std::int64_t frames = cadence.frames_in(target_ns);
  if (frames == 0) return false;
  const auto is_short = [&](std::int64_t count) {
    const std::int64_t tail_ns = count % frames * cadence.frame_ns;
    return tail_ns > 0 && tail_ns < kShortTailNs;
  };
  const std::int64_t nearest = (segment_ns + cadence.frame_ns / 2) / cadence.frame_ns;
  const std::int64_t off_ns = std::abs(nearest * cadence.frame_ns - segment_ns);
  const std::int64_t least = off_ns <= kRoundedNs ? nearest : segment_ns / cadence.frame_ns;
  return is_short(least) || (off_ns > kRoundedNs && is_short(least + 1));
}

class Choice {
 public:
  Choice(const PartWish& wish, std::vector<Cadence> tracks)
      : tracks_(std::move(tracks)),
        wanted_ns_(std::int64_t{wish.wanted_us} * kNsPerUs),
        segment_ns_(wish.segment_us * kNsPerUs),
        most_ns_(std::min(2 * wanted_ns_, std::int64_t{wish.longest_us} * kNsPerUs)) {}

  // And what lies between them, for the sake of the other tracks.
  void whole_frames(const Cadence& lead) {
    for (std::int64_t frames = 1; frames * lead.frame_ns <= most_ns_; ++frames) {
      const std::int64_t least_ns = frames * lead.frame_ns + lead.room_ns(frames);
      const std::int64_t beyond_ns = segment_ns_ > 0 ? lead.frame_ns : 1;
      for (std::int64_t more_ns = 0; more_ns < beyond_ns; more_ns += kNsPerMs)
        consider(least_ns + more_ns, more_ns);
    }
  }
  void any() {
    for (std::int64_t target_ns = wanted_ns_ / 2; target_ns <= most_ns_; target_ns += kNsPerMs)
      consider(target_ns, 0);
  }
  std::uint32_t best_us() const { return static_cast<std::uint32_t>(best_ns_ / kNsPerUs); }

 private:
  // slack_ns: that the lead's frames do not need.
  void consider(std::int64_t least_ns, std::int64_t slack_ns) {
    const std::int64_t target_ns = (least_ns + kNsPerMs - 1) / kNsPerMs * kNsPerMs;
    if (target_ns * 2 < wanted_ns_ || target_ns > most_ns_) return;
    const bool all = std::all_of(tracks_.begin(), tracks_.end(),
                                 [&](const Cadence& track) { return fills(track, target_ns); });
    if (!all) return;
    const bool tails =
        segment_ns_ > 0 && std::any_of(tracks_.begin(), tracks_.end(), [&](const Cadence& track) {
          return has_short_tail(track, target_ns, segment_ns_);
        });
    const std::int64_t off_ns = std::abs(target_ns - wanted_ns_) + slack_ns;
    if (best_ns_ != 0 && (tails == best_has_tails_ ? off_ns >= best_off_ns_ : tails)) return;
    best_ns_ = target_ns;
    best_off_ns_ = off_ns;
    best_has_tails_ = tails;
  }

  std::vector<Cadence> tracks_;
  std::int64_t wanted_ns_;
  std::int64_t segment_ns_;
  std::int64_t most_ns_;
  std::int64_t best_ns_ = 0;
  std::int64_t best_off_ns_ = 0;
  bool best_has_tails_ = false;
};

}  // namespace

std::uint32_t fitting_part_target_us(const PartWish& wish, const std::vector<TrackSteps>& tracks) {
  if (wish.wanted_us == 0 || tracks.empty()) return 0;
  std::vector<Cadence> cadences;
  cadences.reserve(tracks.size());
  for (const TrackSteps& track : tracks) cadences.push_back(cadence_of(track));
  const auto picture =
      std::find_if(tracks.begin(), tracks.end(), [](const TrackSteps& track) { return track.picture; });
  const auto lead = picture == tracks.end() ? tracks.begin() : picture;
  const Cadence& cadence = cadences[static_cast<std::size_t>(lead - tracks.begin())];
  Choice choice(wish, cadences);
  cadence.even ? choice.whole_frames(cadence) : choice.any();
  return choice.best_us();
}

void FirstFrames::add(const Frame& frame) {
  Track& track = tracks_[frame.track % kMaxTracks];
  const auto nanoseconds = [&](std::int64_t ticks) {
    const std::int64_t most = kLongestStepNs / kNsPerSecond * frame.timescale;
    return std::clamp<std::int64_t>(ticks, 0, most) * kNsPerSecond / frame.timescale;
  };
  const bool follows = track.any && frame.follows && track.timescale == frame.timescale;
  const bool counted = frame.duration > 0;
  if (track.steps.steps_ns.size() < kMostSteps && (counted || follows))
    track.steps.steps_ns.push_back(nanoseconds(counted ? frame.duration : frame.dts - track.last_dts));
  track.steps.picture = frame.picture;
  track.steps.counted = counted;
  track.any = true;
  track.timescale = frame.timescale;
  track.last_dts = frame.dts;
}

std::uint32_t FirstFrames::choose(const PartWish& wish, std::int64_t now_us) {
  std::vector<TrackSteps> seen;
  for (Track& track : tracks_) {
    if (!track.any) continue;
    const std::int64_t timescale = track.timescale;
    const std::int64_t last_us = track.last_dts / timescale * (kNsPerSecond / kNsPerUs) +
                                 track.last_dts % timescale * (kNsPerSecond / kNsPerUs) / timescale;
    track.steps.waited_ns =
        std::clamp<std::int64_t>(now_us - last_us, 0, kLongestStepNs / kNsPerUs) * kNsPerUs;
    seen.push_back(std::move(track.steps));
  }
  tracks_ = {};
  return fitting_part_target_us(wish, seen);
}

}  // namespace millrace::media
