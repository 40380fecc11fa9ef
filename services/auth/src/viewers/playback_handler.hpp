// Who may watch private streams: owners' signed URLs, viewer keys, their devices, and what is taken back.
// Sans-IO but for the database; one owner, one thread at a time.
//
//   viewer key ──redeem──> lease of a device (database) ──> token ──> packaging, API: checked there
//   revoke, release ──> database ──> event, retained until the last token of it has run out
#pragma once

#include <chrono>
#include <functional>
#include <map>

#include "base/wall_time.hpp"
#include "pending_request.hpp"
#include "playback/playback_token.hpp"
#include "playback/revocations.hpp"
#include "streams/failure_limiter.hpp"
#include "streams/key_vault.hpp"
#include "streams/request_handler.hpp"
#include "viewers/viewer_repository.hpp"

namespace millrace::auth {

// What the handler reaches others by; outlives it. Functions: any thread.
struct PlaybackDependencies {
  playback::TokenKeys keys = playback::TokenKeys::create(Secret()).value();
  std::chrono::seconds lifetime{300};  // of a viewer's token and of its device's lease
  std::function<void(const bus::v1::Event&)> publish{};
  playback::Revocations revocations{};  // what this process knows of them itself
};

class PlaybackHandler {
 public:
  static constexpr std::int64_t kUsualSeconds = 3600;  // of a URL that an owner signs
  static constexpr std::int64_t kMaxSeconds = 24 * kUsualSeconds;
  static constexpr std::uint32_t kMaxDevices = 100;
  static constexpr std::size_t kMaxLabel = 64;
  static constexpr std::size_t kMaxDevice = 64;

  PlaybackHandler(ViewerRepository& viewers, const KeyVault& vault, PlaybackDependencies& dependencies)
      : viewers_(viewers), vault_(vault), dependencies_(dependencies) {}

  // Tells again what was taken back before the start. Errors: those of the store.
  Result<void> open(Now now);
  // True when it has answered; other requests are not its business.
  bool handle(const PendingRequestPtr& pending, Now now);
  void tick(Now now);

 private:
  Result<bus::v1::Reply> answer(const bus::v1::Request& request, Now now);
  Result<bus::v1::Reply> sign(const v1::SignPlayback& ask, Now now);
  Result<bus::v1::Reply> create(const v1::CreateViewer& ask, Now now);
  Result<bus::v1::Reply> list(const v1::ListViewers& ask, Now now);
  Result<bus::v1::Reply> revoke(const v1::RevokeViewer& ask, Now now);
  Result<bus::v1::Reply> redeem(const v1::RedeemViewerKey& ask, Now now);
  Result<bus::v1::Reply> release(const ViewerRecord& viewer, const std::string& device_lookup, Now now);
  void take_back(const Lease& lease);
  void publish(bus::v1::Event event);

  ViewerRepository& viewers_;
  const KeyVault& vault_;
  PlaybackDependencies& dependencies_;
  FailureLimiter failures_{FailureLimits{}};
  std::multimap<WallTime, bus::v1::Event> published_;  // by when they are retracted
};

// May a player with this token watch this stream? peer: as RequestHandler gets it, with a port.
bool may_play(const PlaybackDependencies& dependencies, std::string_view token, std::string_view stream_id,
              std::string_view peer, WallTime wall);

}  // namespace millrace::auth
