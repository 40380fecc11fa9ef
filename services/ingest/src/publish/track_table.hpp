// The tracks of one publication: which of its Enhanced RTMP tracks is which track of the log, and what is
// known of it. Tracks keep their place for the publication's life.
//
//   first video -> 0, first audio -> 1, data -> 2, whatever else comes -> 3 to 15 in order of appearance
//
// Owner: a Publication.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "codecs/colour.hpp"
#include "publication/track_format.hpp"
#include "rtmp/media_tag.hpp"

namespace millrace::ingest {

struct TrackSlot {
  bool used = false;
  rtmp::MessageType type{};
  std::uint8_t track_id = 0;  // on the publisher's wire
  // The track's number for players; absent for the first of its kind, which goes without a multitrack header.
  std::optional<std::uint8_t> player_track_id;
  // The newest: in force, or with the track's next sample.
  std::optional<publication::TrackFormat> format;
  // The newest sequence header as received: encoders repeat it, also when the pictures say otherwise by now.
  Bytes header;
  // Its frames were reported to the publisher as unusable, and none came that is.
  bool refused = false;
  // A header that does not state all: the size of the picture, or the parameter sets. The first key frame
  // completes it.
  std::optional<publication::TrackFormat> incomplete;
  // Whole, but one change more than the budget has: the frames from here on are of it. Taken with the first
  // one to begin at when there is room; until then nothing is in force.
  std::optional<publication::TrackFormat> waiting;
  // What key frames have said of HDR since the newest configuration.
  codecs::HdrMetadata hdr;
  std::uint8_t captions = 0;  // that its pictures have had by now

  bool has(media::Codec codec) const { return format && format->description.codec == codec; }
  // What its frames are of, as far as is known; null when they are of another codec.
  const publication::TrackFormat* told(media::Codec codec) const {
    const std::optional<publication::TrackFormat>& newest = waiting ? waiting : format;
    return newest && newest->description.codec == codec ? &*newest : nullptr;
  }
};

class TrackTable {
 public:
  // Null when there is none.
  TrackSlot* find(rtmp::MessageType type, std::uint8_t track_id);
  // The track, made if need be; null when all places are taken.
  TrackSlot* find_or_make(rtmp::MessageType type, std::uint8_t track_id);
  // Of the log.
  TrackSlot& slot(std::uint8_t track) { return slots_[track % media::kMaxTracks]; }
  std::uint8_t track_of(const TrackSlot& slot) const {
    return static_cast<std::uint8_t>(&slot - slots_.data());
  }
  // Something that can be played is known, and nothing against it.
  bool any_promising() const;

 private:
  std::array<TrackSlot, media::kMaxTracks> slots_;
};

}  // namespace millrace::ingest
