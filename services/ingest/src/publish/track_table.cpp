#include "publish/track_table.hpp"

#include <algorithm>

namespace millrace::ingest {

namespace {

std::uint8_t first_of_kind(rtmp::MessageType type) {
  return type == rtmp::MessageType::kVideo ? media::kVideoTrack : media::kAudioTrack;
}

}  // namespace

TrackSlot* TrackTable::find(rtmp::MessageType type, std::uint8_t track_id) {
  const auto found = std::find_if(slots_.begin(), slots_.end(), [&](const TrackSlot& slot) {
    return slot.used && slot.type == type && slot.track_id == track_id;
  });
  return found == slots_.end() ? nullptr : &*found;
}

TrackSlot* TrackTable::find_or_make(rtmp::MessageType type, std::uint8_t track_id) {
  if (TrackSlot* slot = find(type, track_id); slot != nullptr) return slot;
  TrackSlot& first = slots_.at(first_of_kind(type));
  if (!first.used) {
    first.used = true;
    first.type = type;
    first.track_id = track_id;
    return &first;
  }
  for (std::size_t i = media::kDataTrack + 1U; i < slots_.size(); ++i) {
    TrackSlot& slot = slots_.at(i);
    if (slot.used) continue;
    slot.used = true;
    slot.type = type;
    slot.track_id = track_id;
    // Without a multitrack header a track is number 0: if another has that number, it takes the first one's.
    slot.player_track_id = track_id != 0 ? track_id : first.track_id;
    return &slot;
  }
  return nullptr;
}

bool TrackTable::any_promising() const {
  return std::any_of(slots_.begin(), slots_.end(), [](const TrackSlot& slot) {
    return slot.used && !slot.refused && (slot.format || slot.incomplete);
  });
}

}  // namespace millrace::ingest
