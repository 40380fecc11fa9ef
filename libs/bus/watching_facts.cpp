#include "bus/watching_facts.hpp"

#include "bus/v1/bus.pb.h"

namespace millrace::bus {

void hear(playback::Revocations& heard, const v1::Event& event) {
  if (event.has_playback_revoked() && !event.retracted()) {
    const auth::v1::PlaybackRevoked& revoked = event.playback_revoked();
    heard.revoke({revoked.viewer(), revoked.lease()}, revoked.until_wall_seconds());
  } else if (event.has_visibility_changed()) {
    const auth::v1::VisibilityChanged& changed = event.visibility_changed();
    heard.set_private(changed.stream_id(), changed.is_private() && !event.retracted());
  } else if (event.has_stream_barred()) {
    const auth::v1::StreamBarred& barred = event.stream_barred();
    heard.set_barred(barred.stream_id(), barred.barred() && !event.retracted());
  } else if (event.has_watching_facts() && event.watching_facts().complete()) {
    heard.set_complete();
  }
}

// In the end what says that it is all: facts have no order.
void hear(playback::Revocations& heard, const v1::Snapshot& snapshot) {
  for (const v1::Event& event : snapshot.events()) {
    if (!event.has_watching_facts()) hear(heard, event);
  }
  for (const v1::Event& event : snapshot.events()) {
    if (event.has_watching_facts()) hear(heard, event);
  }
}

}  // namespace millrace::bus
