#include "vod_access.hpp"

#include "recordings/file_names.hpp"
#include "recordings/private_mark.hpp"

namespace millrace::api {
namespace {

VodAccess::Decision refused(int status, std::string_view code, std::string_view detail) {
  VodAccess::Decision decision{VodAccess::Answer::kRefused, http::Response::problem(status, code, detail)};
  decision.refusal.headers.set("Cache-Control", "no-store");
  if (status == 401) decision.refusal.headers.set("WWW-Authenticate", "Bearer");
  return decision;
}

VodAccess::Decision refused(playback::Verdict verdict) {
  using playback::Verdict;
  switch (verdict) {
    case Verdict::kExpired:
      return refused(401, "token_expired", "The playback token has run out.");
    case Verdict::kOtherStream:
      return refused(403, "other_stream", "The playback token is for another stream.");
    case Verdict::kWrongAddress:
      return refused(403, "other_address", "The playback token is for another address.");
    default:
      return refused(401, "recording_private",
                     "This recording is private: its owner's or a playback token is needed.");
  }
}

}  // namespace

VodAccess::Decision VodAccess::judge(const http::Request& request, std::string_view name,
                                     WallTime wall) const {
  const auto recording = recordings::parse_finished_name(name);
  if (!recording) return {};
  const auto known = directory_.remembered(recording->stream_id, StreamDirectory::Clock::now());
  const bool marked = recordings::is_marked_private(vod_directory_, name);
  const bool deleted =
      known && !*known && taken_back_.standing(recording->stream_id) != playback::Standing::kPublic;
  const bool is_private = marked || deleted || (known && *known && (*known)->is_private);
  if (!is_private && known) return {};
  Decision by_token = judge_token(request, recording->stream_id, wall);
  if (by_token.answer == Answer::kGranted) return by_token;
  if (!is_private || request.headers.contains("Authorization")) return {Answer::kAsk, {}};
  return by_token;
}

VodAccess::Decision VodAccess::judge_token(const http::Request& request, std::string_view stream_id,
                                           WallTime wall) const {
  const auto claims = keys_.verify(request.parameter(kParameter));
  const playback::Verdict verdict = playback::judge(claims, stream_id, request.peer_address, wall);
  if (verdict != playback::Verdict::kGood) return refused(verdict);
  const playback::Standing standing = taken_back_.standing(stream_id);
  if (standing == playback::Standing::kUnknown) {
    Decision decision = refused(503, "starting", "Which playback tokens are good is not known yet.");
    decision.refusal.headers.set("Retry-After", "1");
    return decision;
  }
  if (standing == playback::Standing::kBarred || taken_back_.is_revoked(*claims))
    return refused(403, "token_revoked", "The playback token was taken back.");
  return {Answer::kGranted, {}};
}

}  // namespace millrace::api
