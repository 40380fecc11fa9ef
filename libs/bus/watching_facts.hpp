// What auth publishes about who may watch, put into a playback::Revocations: the same for every service that
// shows streams. Of other events nothing is taken. Any thread.
#pragma once

#include "playback/revocations.hpp"

namespace millrace::bus::v1 {
class Event;
class Snapshot;
}  // namespace millrace::bus::v1

namespace millrace::bus {

// Nothing is forgotten because auth has gone, or because a snapshot of a new auth does not name it yet. What
// an instance of auth has not named since its newest start is forgotten when it says that it has named all.
void apply(playback::Revocations& revocations, const v1::Event& event);
void apply(playback::Revocations& revocations, const v1::Snapshot& snapshot);

}  // namespace millrace::bus
