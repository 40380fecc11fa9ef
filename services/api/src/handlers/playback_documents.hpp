// What the routes of viewer keys and signed URLs have in common.
#pragma once

#include "auth/v1/playback.pb.h"
#include "base/reply_codes.hpp"
#include "base/wall_time.hpp"
#include "handlers/documents.hpp"
#include "peers.hpp"
#include "stream_access.hpp"

namespace millrace::api {

// auth's answer, or the one to give instead.
inline OrAnswer<bus::v1::Reply> ask_about_playback(const Call& call, const Context& context,
                                                   bus::v1::Request request) {
  Result<bus::v1::Reply> reply = context.peers.ask("auth", std::move(request), call.deadline);
  if (reply) return std::move(*reply);
  const std::string_view code = reply.error().code;
  if (code == reply_codes::kUnknownViewer)
    return tl::unexpected(http::Response::problem(404, "viewer_unknown", "There is no such viewer key."));
  if (code == reply_codes::kTooManyViewers) {
    return tl::unexpected(http::Response::problem(409, "too_many_viewers",
                                                  "The stream has as many viewer keys as it may have."));
  }
  if (code == reply_codes::kPlaybackRequest)
    return tl::unexpected(http::Response::problem(400, "bad_request", reply.error().message));
  if (code == reply_codes::kPlaybackOff) {
    return tl::unexpected(
        http::Response::problem(503, "playback_off", "The operator has set no secret for playback tokens."));
  }
  return tl::unexpected(unavailable("auth"));
}

// The token is part of the URLs: the answer is for the caller alone.
inline http::Response grant_response(std::string_view stream_id, const auth::v1::PlaybackGrant& grant,
                                     const Urls& urls) {
  const std::string query = "?token=" + grant.token();
  return json_response(200, text_of({{"streamId", stream_id},
                                     {"hlsUrl", urls.hls(stream_id) + query},
                                     {"flvUrl", urls.flv(stream_id) + query},
                                     {"rtmpUrl", urls.publish(stream_id) + query},
                                     {"token", grant.token()},
                                     {"expiresAt", rfc3339(WallTime::from_us(grant.expires_wall_us()))}}));
}

inline Json viewer_document(const auth::v1::Viewer& viewer) {
  Json document = {{"viewerId", viewer.viewer_id()},
                   {"label", viewer.label()},
                   {"maxDevices", viewer.max_devices()},
                   {"activeDevices", viewer.active_devices()},
                   {"createdAt", rfc3339(WallTime::from_us(viewer.created_wall_us()))},
                   {"expiresAt", nullptr}};
  if (viewer.expires_wall_us() != 0)
    document["expiresAt"] = rfc3339(WallTime::from_us(viewer.expires_wall_us()));
  if (!viewer.key().empty()) document["viewerKey"] = viewer.key();
  return document;
}

}  // namespace millrace::api
