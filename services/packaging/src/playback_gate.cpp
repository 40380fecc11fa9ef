#include "playback_gate.hpp"

namespace millrace::packaging {
namespace {

http::Response refusal(int status, std::string_view code, std::string_view detail) {
  http::Response response = http::Response::problem(status, code, detail);
  response.headers.set("Cache-Control", "no-store");
  // RFC 9110 15.5.2: a 401 names a way in.
  if (status == 401) response.headers.set("WWW-Authenticate", "PlaybackToken realm=\"millrace\"");
  return response;
}

http::Response refusal(playback::Verdict verdict) {
  using playback::Verdict;
  switch (verdict) {
    case Verdict::kExpired:
      return refusal(401, "packaging.token_expired", "the playback token has run out");
    case Verdict::kOtherStream:
      return refusal(403, "packaging.other_stream", "the playback token is for another stream");
    case Verdict::kWrongAddress:
      return refusal(403, "packaging.other_address", "the playback token is for another address");
    default:
      return refusal(401, "packaging.private", "this stream is private: a playback token is needed");
  }
}

std::optional<http::Response> closed_by(playback::Standing standing) {
  if (standing == playback::Standing::kBarred)
    return refusal(404, "packaging.not_found", "there is no such thing");
  if (standing != playback::Standing::kUnknown) return std::nullopt;
  http::Response response =
      refusal(503, "packaging.starting", "who may watch is not known yet: try again shortly");
  response.headers.set("Retry-After", "1");
  return response;
}

bool is_public_by(playback::Standing standing, bool is_marked) {
  return standing == playback::Standing::kPublic && !is_marked;
}

}  // namespace

std::optional<http::Response> PlaybackGate::closed(std::string_view stream_id) const {
  return closed_by(revocations.standing(stream_id));
}

PlaybackGate::Access PlaybackGate::admit(const http::Request& request, std::string_view stream_id,
                                         bool is_marked, WallTime now, std::int64_t grace_s) const {
  const playback::Standing standing = revocations.standing(stream_id);
  if (auto closed = closed_by(standing)) return {false, {}, std::move(closed)};
  const bool is_public = is_public_by(standing, is_marked);
  const std::string_view token = request.parameter(kParameter);
  if (is_public && token.empty()) return {true, {}, {}};
  std::optional<playback::Claims> claims = keys_.verify(token);
  std::optional<http::Response> refused = refusal_of(request, stream_id, claims, now, grace_s);
  if (refused) claims.reset();
  if (is_public) refused.reset();
  return {is_public, std::move(claims), std::move(refused)};
}

std::optional<http::Response> PlaybackGate::refusal_of(const http::Request& request,
                                                       std::string_view stream_id,
                                                       const std::optional<playback::Claims>& claims,
                                                       WallTime now, std::int64_t grace_s) const {
  const playback::Verdict verdict = playback::judge(claims, stream_id, request.peer_address, now, grace_s);
  if (verdict != playback::Verdict::kGood) return refusal(verdict);
  if (revocations.is_revoked(*claims))
    return refusal(403, "packaging.revoked", "the playback token was taken back");
  return std::nullopt;
}

bool PlaybackGate::may_go_on(std::string_view stream_id, bool is_marked,
                             const std::optional<playback::Claims>& claims, WallTime now) const {
  const playback::Standing standing = revocations.standing(stream_id);
  if (closed_by(standing)) return false;
  if (is_public_by(standing, is_marked)) return true;
  return claims && now.seconds() < std::int64_t{claims->expires_s} && !revocations.is_revoked(*claims);
}

}  // namespace millrace::packaging
