// Who may have what is shown of a stream: the one rule for everything that is given of it, lists, objects,
// what is sent for long and the past. Judged by what auth broadcasts, by the mark of what is shown, and by
// the token in the request's query, without a question to anybody. Thread-safe; outlives the HTTP server.
//
//   401  no token, or it is not ours, or it has run out
//   403  the token is for another stream or another address, or it was taken back
//   404  the stream is barred, whatever the token: as if it had never been
//   503  what auth knows is not known yet: of no stream is anything shown, not even of one that seems public
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/wall_time.hpp"
#include "http/message.hpp"
#include "playback/playback_token.hpp"
#include "playback/revocations.hpp"

namespace millrace::packaging {

class PlaybackGate {
 public:
  static constexpr std::string_view kParameter = "token";
  // What a playlist listed just before the token ran out may still be fetched.
  static constexpr std::int64_t kSegmentGraceSeconds = 30;

  // Nobody is let in.
  PlaybackGate() : PlaybackGate(playback::TokenKeys::create(Secret()).value()) {}
  explicit PlaybackGate(playback::TokenKeys keys) : keys_(std::move(keys)) {}

  struct Access {
    bool is_public = false;                    // nobody needs a token
    std::optional<playback::Claims> claims{};  // of a token that is good, also where none is needed yet
    std::optional<http::Response> refusal{};   // the answer to who may not have it
  };
  // is_marked: what is shown says of itself that it is private (its media log, or a recording of it). So may
  // auth.
  Access admit(const http::Request& request, std::string_view stream_id, bool is_marked, WallTime now,
               std::int64_t grace_s = 0) const;
  // The same before anything is known of what is shown. nullopt: it is to be admitted.
  std::optional<http::Response> closed(std::string_view stream_id) const;
  // The same for who was admitted with these claims, to what goes on for long.
  bool may_go_on(std::string_view stream_id, bool is_marked, const std::optional<playback::Claims>& claims,
                 WallTime now) const;

  playback::Revocations revocations;

 private:
  std::optional<http::Response> refusal_of(const http::Request& request, std::string_view stream_id,
                                           const std::optional<playback::Claims>& claims, WallTime now,
                                           std::int64_t grace_s) const;

  const playback::TokenKeys keys_;
};

}  // namespace millrace::packaging
