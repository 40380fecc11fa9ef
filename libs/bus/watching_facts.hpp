// What auth publishes about who may watch, put into a playback::Revocations: the same for every service that
// shows streams. Of other events nothing is taken. Any thread.
#pragma once

#include "playback/revocations.hpp"

namespace millrace::bus::v1 {
class Event;
class Snapshot;
}  // namespace millrace::bus::v1

namespace millrace::bus {

// Nothing is forgotten because auth has gone, or because a snapshot of a new auth does not name it yet.
void hear(playback::Revocations& heard, const v1::Event& event);
void hear(playback::Revocations& heard, const v1::Snapshot& snapshot);

}  // namespace millrace::bus
