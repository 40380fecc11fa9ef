#include "publication/change_budget.hpp"

#include <algorithm>
#include <utility>

#include "media/mp4_track.hpp"

namespace millrace::publication {

void ChangeBudget::Bucket::take(std::int64_t now_us) {
  full_us = std::max(full_us, now_us) + every_us;
}

bool ChangeBudget::take(const media::TrackConfiguration& description, ByteView bytes, std::int64_t now_us) {
  Track& track = tracks_[description.track % media::kMaxTracks];
  auto next = media::mp4_track(description, bytes);
  if (next && !track.file) {
    track.file = std::move(next->track);
    return true;
  }
  if (next && mp4::take_description(*track.file, next->track)) return true;
  if (!track.bucket.has_room(now_us) || !all_.has_room(now_us)) return false;
  track.bucket.take(now_us);
  all_.take(now_us);
  // What no file holds leaves the file as it is.
  if (next) track.file = std::move(next->track);
  return true;
}

bool ChangeBudget::allows(const media::TrackConfiguration& description, ByteView bytes,
                          std::int64_t now_us) const {
  const Track& track = tracks_[description.track % media::kMaxTracks];
  if (track.bucket.has_room(now_us) && all_.has_room(now_us)) return true;
  const auto next = media::mp4_track(description, bytes);
  if (!next) return false;
  if (!track.file) return true;
  mp4::Track copy = *track.file;
  return mp4::take_description(copy, next->track).has_value();
}

}  // namespace millrace::publication
