// Who may have the objects of a private stream: judged by the token in the request's query and by what auth
// broadcasts, without a question to anybody. Thread-safe; outlives the HTTP server.
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

  struct Decision {
    std::optional<playback::Claims> claims;  // of a token that is good
    std::optional<http::Response> refusal;   // the answer otherwise
  };
  // nullopt: what is shown is judged further; a private stream's then needs a good token.
  std::optional<http::Response> closed(playback::Standing standing) const;
  Decision judge(const http::Request& request, std::string_view stream_id, WallTime now,
                 std::int64_t grace_s = 0) const;
  // For what goes on for long.
  bool still_good(const playback::Claims& claims, WallTime now) const {
    return now.seconds() < std::int64_t{claims.expires_s} && !revocations.is_revoked(claims);
  }

  playback::Revocations revocations;

 private:
  const playback::TokenKeys keys_;
};

}  // namespace millrace::packaging
