// A viewer key in exchange for a token, or a device's lease given back: the same questions.
#pragma once

#include "base/ids.hpp"
#include "handlers/playback_documents.hpp"
#include "json_body.hpp"

namespace millrace::api {

// auth's grant, or the answer to give instead. Keys travel in bodies only, so that no log of addresses has
// them.
inline OrAnswer<auth::v1::PlaybackGrant> redeem_viewer_key(const Call& call, const Context& context,
                                                           bool release) {
  constexpr std::size_t kMaxKey = 128;
  constexpr std::size_t kMaxDevice = 64;
  const std::string_view stream_id = call.parameter("streamId");
  if (!is_valid_id(stream_id)) return tl::unexpected(unknown_stream());
  JsonBody body = JsonBody::parse(call.body);
  bus::v1::Request request;
  auth::v1::RedeemViewerKey& redeem = *request.mutable_redeem_viewer_key();
  redeem.set_stream_id(std::string(stream_id));
  redeem.set_viewer_key(body.required_text("viewerKey", kMaxKey));
  redeem.set_device(body.required_text("device", kMaxDevice));
  redeem.set_peer_address(call.peer_address);
  redeem.set_release(release);
  if (!body.fault() && redeem.device().empty()) body.fail("device", "must not be empty");
  body.refuse_others();
  if (body.fault()) return tl::unexpected(body.refusal(400));
  auto reply = ask_about_playback(call, context, std::move(request));
  if (!reply) return tl::unexpected(std::move(reply.error()));
  const auth::v1::PlaybackGrant& grant = reply->playback_grant();
  if (grant.granted()) return grant;
  if (grant.wait()) {
    http::Response response = http::Response::problem(429, "too_many_attempts",
                                                      "This address was wrong too often. Try again shortly.");
    response.headers.add("Retry-After", "1");
    return tl::unexpected(std::move(response));
  }
  if (grant.device_limit()) {
    return tl::unexpected(http::Response::problem(
        403, "device_limit",
        "As many devices as this key allows are watching. Stop one of them, or try again later."));
  }
  return tl::unexpected(
      http::Response::problem(403, "viewer_key", "This viewer key does not open the stream."));
}

}  // namespace millrace::api
