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

}  // namespace

std::optional<http::Response> PlaybackGate::closed(playback::Standing standing) const {
  if (standing == playback::Standing::kBarred)
    return refusal(404, "packaging.not_found", "there is no such thing");
  if (standing != playback::Standing::kUnknown) return std::nullopt;
  http::Response response =
      refusal(503, "packaging.starting", "who may watch is not known yet: try again shortly");
  response.headers.set("Retry-After", "1");
  return response;
}

PlaybackGate::Decision PlaybackGate::judge(const http::Request& request, std::string_view stream_id,
                                           WallTime now, std::int64_t grace_s) const {
  std::optional<playback::Claims> claims = keys_.verify(request.parameter(kParameter));
  const playback::Verdict verdict = playback::judge(claims, stream_id, request.peer_address, now, grace_s);
  if (verdict != playback::Verdict::kGood) return {{}, refusal(verdict)};
  if (revocations.is_revoked(*claims))
    return {{}, refusal(403, "packaging.revoked", "the playback token was taken back")};
  return {std::move(claims), {}};
}

}  // namespace millrace::packaging
