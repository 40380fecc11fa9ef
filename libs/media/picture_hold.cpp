#include "media/picture_hold.hpp"

#include <algorithm>

namespace millrace::media {
namespace {

constexpr std::int32_t kLongestMs = PictureHold::kLongestUs / 1000;

}  // namespace

// The first track is on its way there.
bool PictureHold::is_awaited(std::uint32_t shown_ms) const {
  const auto ahead_ms = static_cast<std::int32_t>(shown_ms - leader_ms_);
  return ahead_ms > 0 && ahead_ms <= kLongestMs;
}

bool PictureHold::take(const Frame& frame) {
  const std::uint32_t shown_ms = frame.timestamp_ms + static_cast<std::uint32_t>(frame.composition_offset_ms);
  if (frame.track == kVideoTrack) {
    // A key frame is shown before all that is decoded behind it.
    const std::uint32_t reached_ms = frame.key ? shown_ms : frame.timestamp_ms;
    const auto step_ms = static_cast<std::int32_t>(reached_ms - leader_ms_);
    if (!leader_seen_ || step_ms > 0 || step_ms < -kLongestMs) leader_ms_ = reached_ms;
    leader_seen_ = true;
    leader_arrival_us_ = frame.arrival_us;
    return false;
  }
  std::vector<Held>& held = held_[frame.track % kMaxTracks];
  const bool waits =
      frame.key && leader_seen_ && frame.arrival_us - leader_arrival_us_ < kLongestUs && is_awaited(shown_ms);
  if (held.empty() && !waits) return false;
  held.push_back({shown_ms, frame.key, frame.arrival_us});
  return true;
}

std::optional<std::uint8_t> PictureHold::next(std::int64_t now_us) {
  for (std::uint8_t track = 0; track < kMaxTracks; ++track) {
    std::vector<Held>& held = held_[track];
    if (held.empty()) continue;
    const Held& oldest = held.front();
    const bool waits = oldest.key && is_awaited(oldest.shown_ms) && now_us - oldest.arrival_us < kLongestUs &&
                       held.size() <= kMostHeld;
    if (waits) continue;
    held.erase(held.begin());
    return track;
  }
  return std::nullopt;
}

std::size_t PictureHold::release(std::uint8_t track) {
  std::vector<Held>& held = held_[track % kMaxTracks];
  const std::size_t count = held.size();
  held.clear();
  return count;
}

}  // namespace millrace::media
