#include "bus/watching_facts.hpp"

#include <algorithm>
#include <cstdint>

#include "base/log.hpp"
#include "bus/v1/bus.pb.h"

namespace millrace::bus {
namespace {

constexpr std::int64_t kMostSeconds = 1LL << 40;

playback::AuthStart start_of(const v1::Event& event) {
  return {.instance = event.instance(), .boot = event.boot_id()};
}

// Once, with the first that did not fit: what auth names is bounded and says so there, too.
void warn_of_no_room(const playback::Revocations& revocations, std::uint64_t before) {
  if (before == 0 && revocations.not_taken() > 0)
    log::warning("more private or barred streams than can be kept",
                 {{"most", std::to_string(playback::Revocations::kMaxBarred)}});
}

}  // namespace

void apply(playback::Revocations& revocations, const v1::Event& event) {
  const std::uint64_t before = revocations.not_taken();
  if (event.has_playback_revoked() && !event.retracted()) {
    const auth::v1::PlaybackRevoked& revoked = event.playback_revoked();
    // Any number may come: one that microseconds can count.
    const std::int64_t until_s = std::clamp<std::int64_t>(revoked.until_wall_seconds(), 0, kMostSeconds);
    revocations.revoke({revoked.viewer(), revoked.lease()}, WallTime::from_seconds(until_s));
  } else if (event.has_visibility_changed()) {
    const auth::v1::VisibilityChanged& changed = event.visibility_changed();
    revocations.set_private(changed.stream_id(), changed.is_private() && !event.retracted(), start_of(event));
  } else if (event.has_stream_barred()) {
    const auth::v1::StreamBarred& barred = event.stream_barred();
    revocations.set_barred(barred.stream_id(), barred.barred() && !event.retracted(), start_of(event));
  } else if (event.has_watching_facts() && event.watching_facts().complete()) {
    revocations.set_complete(start_of(event));
  }
  warn_of_no_room(revocations, before);
}

// In the end what says that it is all: facts have no order.
void apply(playback::Revocations& revocations, const v1::Snapshot& snapshot) {
  for (const v1::Event& event : snapshot.events()) {
    if (!event.has_watching_facts()) apply(revocations, event);
  }
  for (const v1::Event& event : snapshot.events()) {
    if (event.has_watching_facts()) apply(revocations, event);
  }
}

}  // namespace millrace::bus
