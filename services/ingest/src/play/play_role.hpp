// A connection's role from a play command on: asks whether it may, then is a player in the group of its
// stream, and is pinged.
//
//   asking ──accepted──> playing ──> over
//      └──refused, stopped, closed────^
//
// Owner: its Connection; the shard's thread only. What is posted names the request: an answer may come when
// the peer has given up and asked again.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "config.hpp"
#include "other_services.hpp"
#include "play/play_end.hpp"
#include "play/player.hpp"
#include "play/player_groups.hpp"
#include "rtmp/server_session.hpp"
#include "server/role_connection.hpp"
#include "server/server_counters.hpp"

namespace millrace::ingest {

// What players work with; all of it outlives them.
struct PlayContext {
  const IngestConfig& config;
  ServerCounters& counters;
  Authority& authority;
  Announcer& announcer;
  PlayerGroups& groups;
};

// Plain values; a player's place in the stream is in PlayerState.
struct PlayState {
  enum class Phase : std::uint8_t { kAsking, kPlaying, kOver };

  Phase phase = Phase::kOver;  // nothing was asked yet
  std::int64_t since_us = 0;   // in this phase
  std::uint32_t message_stream_id = 0;
  std::uint64_t play_id = 0;  // of the request
  PlayFrom from{};
  std::int64_t pinged_us = 0;
  std::uint64_t counted_from_bytes = 0;  // received before this phase, or the last ping
};

class PlayRole {
 public:
  // Between two pings: a player has nothing to send but commands, answers and acknowledgements.
  static constexpr std::uint64_t kMaxPlayerBytes = 256U << 10;
  static constexpr std::int64_t kDecisionUs = 10'000'000;  // auth has a deadline of its own

  PlayRole(RoleConnection& connection, const PlayContext& context);
  ~PlayRole();
  PlayRole(const PlayRole&) = delete;
  PlayRole& operator=(const PlayRole&) = delete;

  // Any thread: runs work with the role on its own, if it is still there.
  using Post = std::function<void(std::function<void(PlayRole&)>)>;
  void ask(rtmp::PlayRequested& request, const Post& post);

  bool asking() const { return state_.phase == PlayState::Phase::kAsking; }
  bool playing() const { return state_.phase == PlayState::Phase::kPlaying; }
  bool over() const { return state_.phase == PlayState::Phase::kOver; }
  const PlayState& state() const { return state_; }

  // The answer. end: tells of the player's end; null: nobody asked for it.
  void decide(std::uint64_t play_id, const Result<PlayDecision>& decision,
              const std::shared_ptr<PlayEnd>& end);
  void change(const rtmp::PlayChanged& action);
  // The peer has ended it.
  void stop();
  // The player, where there is one, gets a status and is closed.
  void terminate(std::string_view code, std::string_view description);
  // Over, without a word to the player.
  void end();

  // A part of a message is sent: nothing else may be before its rest.
  bool in_message() const { return player_ && player_->in_message(); }
  // Waits for the socket, whatever else is to be sent.
  bool blocked() const { return player_ && player_->blocked; }
  void on_writable();
  // Whether it has sent no more than it may.
  bool within_allowance() const;
  void tick(std::int64_t last_read_us);

 private:
  using Phase = PlayState::Phase;

  void enter(Phase phase);
  void refuse(std::string_view code, std::string_view description);
  void join(const PlayDecision& decision);

  RoleConnection& connection_;
  rtmp::ServerSession& session_;  // the connection's
  const PlayContext& context_;
  PlayState state_;
  std::optional<Player> player_;  // while it plays
  std::shared_ptr<PlayEnd> end_;
};

}  // namespace millrace::ingest
