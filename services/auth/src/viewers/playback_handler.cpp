#include "viewers/playback_handler.hpp"

#include <algorithm>

#include "base/ids.hpp"
#include "base/log.hpp"
#include "base/reply_codes.hpp"
#include "bus/v1/bus.pb.h"
#include "sessions/request_text.hpp"

namespace millrace::auth {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::size_t kKeyBytes = 16;
// What is longer fails like any other wrong one, at a bounded cost.
constexpr std::size_t kMaxKeyLength = 256;

std::string key_text(std::string_view key) {
  return "viewer key " + std::string(key.substr(0, kMaxKeyLength));
}

void fill(const ViewerRecord& viewer, v1::Viewer& message) {
  message.set_viewer_id(viewer_id_text(viewer.id));
  message.set_stream_id(viewer.stream_id);
  message.set_label(viewer.label);
  message.set_max_devices(viewer.max_devices);
  message.set_active_devices(viewer.active_devices);
  message.set_expires_wall_us(viewer.expires_wall.us());
  message.set_created_wall_us(viewer.created_wall.us());
}

Error unknown_viewer() {
  return {reply_codes::kUnknownViewer, "there is no such viewer key"};
}

void grant(const playback::TokenKeys& keys, playback::Claims claims, WallTime expires,
           v1::PlaybackGrant& message) {
  claims.expires_s = static_cast<std::uint32_t>(std::min<std::int64_t>(expires.seconds(), UINT32_MAX));
  message.set_granted(true);
  message.set_token(keys.sign(claims));
  message.set_expires_wall_us(std::int64_t{claims.expires_s} * kSecond);
}

// "192.0.2.1:5000", "[::1]:5000", or without the port.
std::string_view address_of(std::string_view peer) {
  if (peer.starts_with('[')) return peer.substr(1, std::min(peer.find(']'), peer.size()) - 1);
  return std::count(peer.begin(), peer.end(), ':') == 1 ? peer.substr(0, peer.find(':')) : peer;
}

}  // namespace

bool may_play(const PlaybackDependencies& dependencies, std::string_view token, std::string_view stream_id,
              std::string_view peer, WallTime wall) {
  const std::optional<playback::Claims> claims = dependencies.keys.verify(token);
  return playback::judge(claims, stream_id, address_of(peer), wall) == playback::Verdict::kGood &&
         !dependencies.revocations.is_revoked(*claims) && !dependencies.revocations.is_barred(stream_id);
}

Result<void> PlaybackHandler::open(Now now) {
  const Result<std::vector<Lease>> leases = viewers_.taken_back(now.wall);
  if (!leases) return tl::unexpected<Error>(leases.error());
  tick(now);
  published_.clear();
  for (const Lease& lease : *leases) take_back(lease);
  return {};
}

bool PlaybackHandler::handle(const PendingRequestPtr& pending, Now now) {
  switch (pending->request().payload_case()) {
    case bus::v1::Request::kSignPlayback:
    case bus::v1::Request::kCreateViewer:
    case bus::v1::Request::kListViewers:
    case bus::v1::Request::kRevokeViewer:
    case bus::v1::Request::kRedeemViewerKey:
      break;
    default:
      return false;
  }
  Result<bus::v1::Reply> result = answer(pending->request(), now);
  bus::v1::Reply reply;
  if (result) {
    reply = std::move(*result);
  } else {
    set_error(result.error(), reply);
  }
  pending->answer(std::move(reply));
  return true;
}

Result<bus::v1::Reply> PlaybackHandler::answer(const bus::v1::Request& request, Now now) {
  switch (request.payload_case()) {
    case bus::v1::Request::kCreateViewer:
      return create(request.create_viewer(), now);
    case bus::v1::Request::kListViewers:
      return list(request.list_viewers(), now);
    case bus::v1::Request::kRevokeViewer:
      return revoke(request.revoke_viewer(), now);
    default:
      break;
  }
  if (dependencies_.keys.empty()) return fail(reply_codes::kPlaybackOff, "PLAYBACK_SECRET is not set");
  return request.has_sign_playback() ? sign(request.sign_playback(), now)
                                     : redeem(request.redeem_viewer_key(), now);
}

Result<bus::v1::Reply> PlaybackHandler::sign(const v1::SignPlayback& ask, Now now) {
  playback::Claims claims;
  claims.stream_id = ask.stream_id();
  if (!ask.network().empty()) claims.network = playback::Network::parse(ask.network());
  if (!is_valid_id(claims.stream_id) || claims.network.has_value() == ask.network().empty())
    return fail(reply_codes::kPlaybackRequest, "this is no stream or no network");
  const std::int64_t seconds =
      ask.lifetime_seconds() <= 0 ? kUsualSeconds : std::min(ask.lifetime_seconds(), kMaxSeconds);
  bus::v1::Reply reply;
  grant(dependencies_.keys, std::move(claims), now.wall + seconds * kSecond, *reply.mutable_playback_grant());
  return reply;
}

Result<bus::v1::Reply> PlaybackHandler::create(const v1::CreateViewer& ask, Now now) {
  const WallTime expires = WallTime::from_us(ask.expires_wall_us());
  const bool valid = is_valid_id(ask.stream_id()) && ask.label().size() <= kMaxLabel &&
                     ask.max_devices() >= 1 && ask.max_devices() <= kMaxDevices &&
                     (!expires.is_set() || expires > now.wall);
  if (!valid) return fail(reply_codes::kPlaybackRequest, "a label is too long, or a number out of bounds");
  const Secret key("vk_" + random_hex(kKeyBytes));
  ViewerRecord viewer;
  viewer.id = random_u64() | 1;
  viewer.stream_id = ask.stream_id();
  viewer.label = ask.label();
  viewer.key_lookup = vault_.lookup(key_text(key.reveal()));
  viewer.max_devices = ask.max_devices();
  viewer.expires_wall = expires;
  viewer.created_wall = now.wall;
  const Result<bool> added = viewers_.add(viewer);
  if (!added) return tl::unexpected<Error>(added.error());
  if (!*added) return fail(reply_codes::kTooManyViewers, "the stream has as many viewer keys as it may have");
  bus::v1::Reply reply;
  fill(viewer, *reply.mutable_viewer());
  reply.mutable_viewer()->set_key(key.reveal());
  return reply;
}

Result<bus::v1::Reply> PlaybackHandler::list(const v1::ListViewers& ask, Now now) {
  const Result<std::vector<ViewerRecord>> viewers = viewers_.list(ask.stream_id(), now.wall);
  if (!viewers) return tl::unexpected<Error>(viewers.error());
  bus::v1::Reply reply;
  v1::ViewerList& list = *reply.mutable_viewer_list();
  for (const ViewerRecord& viewer : *viewers) fill(viewer, *list.add_viewers());
  return reply;
}

Result<bus::v1::Reply> PlaybackHandler::revoke(const v1::RevokeViewer& ask, Now now) {
  const std::optional<std::uint64_t> id = parse_viewer_id(ask.viewer_id());
  if (!id) return tl::unexpected(unknown_viewer());
  // The last token of it has run out a lifetime from now.
  const WallTime until = now.wall + std::chrono::microseconds(dependencies_.lifetime).count() + kSecond;
  const Result<std::optional<ViewerRecord>> viewer = viewers_.revoke(ask.stream_id(), *id, until);
  if (!viewer) return tl::unexpected<Error>(viewer.error());
  if (!*viewer) return tl::unexpected(unknown_viewer());
  log::info("viewer key revoked", {{"stream", ask.stream_id()}, {"viewer", ask.viewer_id()}});
  take_back({.viewer = *id, .id = 0, .until_wall = until});
  bus::v1::Reply reply;
  fill(**viewer, *reply.mutable_viewer());
  return reply;
}

// A wrong, an unknown, a revoked and another stream's key cost one HMAC and one statement each and get the
// same answer.
Result<bus::v1::Reply> PlaybackHandler::redeem(const v1::RedeemViewerKey& ask, Now now) {
  bus::v1::Reply reply;
  v1::PlaybackGrant& message = *reply.mutable_playback_grant();
  const std::string address = limiter_name(ask.peer_address());
  if (!failures_.may_try(address, now.monotonic_us)) {
    message.set_wait(true);
    return reply;
  }
  if (ask.device().empty() || ask.device().size() > kMaxDevice)
    return fail(reply_codes::kPlaybackRequest, "a device has 1 to 64 characters");
  const Result<std::optional<ViewerRecord>> viewer = viewers_.find(
      ask.stream_id().substr(0, kMaxStreamIdLength), vault_.lookup(key_text(ask.viewer_key())), now.wall);
  if (!viewer) return tl::unexpected<Error>(viewer.error());
  if (!*viewer) {
    failures_.failed(address, now.monotonic_us);
    return reply;
  }
  const std::string device = vault_.lookup("device " + viewer_id_text((*viewer)->id) + ask.device());
  if (ask.release()) return release(**viewer, device, now);
  if (dependencies_.revocations.is_barred((*viewer)->stream_id)) return reply;
  WallTime until = now.wall + std::chrono::microseconds(dependencies_.lifetime).count();
  if ((*viewer)->expires_wall.is_set()) until = std::min(until, (*viewer)->expires_wall);
  const Result<std::optional<Lease>> lease = viewers_.lease(**viewer, device, now.wall, until);
  if (!lease) return tl::unexpected<Error>(lease.error());
  if (!*lease) {
    message.set_device_limit(true);
    return reply;
  }
  grant(dependencies_.keys,
        {.stream_id = (*viewer)->stream_id,
         .network = {},
         .viewer = playback::Viewer{(*lease)->viewer, (*lease)->id}},
        until, message);
  return reply;
}

Result<bus::v1::Reply> PlaybackHandler::release(const ViewerRecord& viewer, const std::string& device_lookup,
                                                Now now) {
  const Result<std::optional<Lease>> lease = viewers_.release(viewer.id, device_lookup, now.wall);
  if (!lease) return tl::unexpected<Error>(lease.error());
  if (*lease) take_back(**lease);
  bus::v1::Reply reply;
  reply.mutable_playback_grant()->set_granted(true);
  return reply;
}

void PlaybackHandler::take_back(const Lease& lease) {
  // Whole seconds: up.
  const WallTime until = WallTime::from_seconds(lease.until_wall.seconds() + 1);
  dependencies_.revocations.revoke({lease.viewer, lease.id}, until);
  bus::v1::Event event;
  event.set_key("playback-revoked/" + viewer_id_text(lease.viewer) + "/" + viewer_id_text(lease.id));
  v1::PlaybackRevoked& revoked = *event.mutable_playback_revoked();
  revoked.set_viewer(lease.viewer);
  revoked.set_lease(lease.id);
  revoked.set_until_wall_seconds(until.seconds());
  publish(std::move(event));
}

void PlaybackHandler::publish(bus::v1::Event event) {
  dependencies_.publish(event);
  const WallTime until = WallTime::from_seconds(event.playback_revoked().until_wall_seconds());
  published_.emplace(until, std::move(event));
}

void PlaybackHandler::tick(Now now) {
  while (!published_.empty() && published_.begin()->first <= now.wall) {
    bus::v1::Event& event = published_.begin()->second;
    event.set_retracted(true);
    dependencies_.publish(event);
    published_.erase(published_.begin());
  }
}

}  // namespace millrace::auth
