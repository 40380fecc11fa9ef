// One player: its place in the stream as plain values, and by what its group reaches it.
//
// Owner: its connection; the shard's thread only.
#pragma once

#include <cstdint>
#include <string_view>

#include "media/log_follower.hpp"
#include "play/player_run.hpp"
#include "server/role_connection.hpp"

namespace millrace::ingest {

class PlayerGroup;

// A player whose socket is full and that is behind. From the oldest key frame it has further to come.
inline constexpr media::SkipPolicy kPlayerSkips{.slow_us = 4'000'000,
                                                .hopeless_us = 12'000'000,
                                                .skip_again_us = 20'000'000,
                                                .catch_up_us = 10'000'000,
                                                .catch_up_oldest_us = 30'000'000};

// Where a player begins; ?cache= of its URL: "no" the next key frame, "clear" the oldest.
using PlayFrom = media::LogBeginning;
// The last cache parameter of a query; kNewestKey when there is none that we know.
PlayFrom play_from(std::string_view query);

// Plain values: with them and the log another process could go on.
struct PlayerState {
  // chunk_size: 0 for whole messages.
  PlayerState(std::uint32_t stream, PlayFrom begin, std::uint32_t chunk_size, std::int64_t now_us)
      : message_stream_id(stream), from(begin), waiting_since_us(now_us), progress_us(now_us) {
    intake.chunk_size = chunk_size;
  }
  bool in_message() const { return follower.place().in_message(); }

  std::uint32_t message_stream_id;
  std::uint64_t tag = 0;         // of the key it was let in with
  PlayFrom from;                 // until it has begun
  bool paused = false;           // gets nothing once the message is out
  bool blocked = false;          // the socket is full
  bool notified_end = false;     // got the status that the publisher left
  bool skip_wanted = false;      // too far behind: to the newest key frame when this message is sent
  std::uint64_t not_before = 0;  // kNextKey: first record that it may begin with
  media::LogFollower follower{kPlayerSkips};
  PlayerIntake intake;
  std::uint16_t taken = 0;  // bits of the tracks with sound or picture that it gets, and that it can't take
  std::uint16_t withheld = 0;
  std::uint16_t told_withheld = 0;
  std::int64_t started_us = 0;
  std::int64_t waiting_since_us;  // for a publisher
  std::int64_t progress_us;
};

struct Player : PlayerState {
  Player(RoleConnection& owner, const PlayerState& state)
      : PlayerState(state), connection(owner), outbox(owner.outbox()) {}

  // It gets a status and is closed.
  void end(std::string_view code, std::string_view description);

  RoleConnection& connection;
  Outbox& outbox;                // the connection's
  PlayerGroup* group = nullptr;  // while it plays
};

}  // namespace millrace::ingest
