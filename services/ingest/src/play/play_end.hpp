// Tells auth that a player has gone, whichever way it went: with the last owner. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "other_services.hpp"

namespace millrace::ingest {

class PlayEnd {
 public:
  PlayEnd(Announcer& announcer, std::string stream_id, std::uint64_t play_id)
      : announcer_(announcer), stream_id_(std::move(stream_id)), play_id_(play_id) {}
  ~PlayEnd() { announcer_.play_ended(stream_id_, play_id_); }
  PlayEnd(const PlayEnd&) = delete;
  PlayEnd& operator=(const PlayEnd&) = delete;

 private:
  Announcer& announcer_;
  std::string stream_id_;
  std::uint64_t play_id_;
};

}  // namespace millrace::ingest
