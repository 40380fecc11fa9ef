// Who may watch private streams: owners' signed URLs, viewer keys, their devices, and what is taken back.
// Sans-IO but for the database; one owner, one thread at a time.
//
//   viewer key ──redeem──> lease of a device (database) ──> token ──> packaging, API: checked there
//   revoke, release ──> database ──> event, retained until the last token of it has run out
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <vector>

#include "failure_limiter.hpp"
#include "inquiry.hpp"
#include "key_vault.hpp"
#include "playback/playback_token.hpp"
#include "playback/revocations.hpp"
#include "request_handler.hpp"
#include "viewer_repository.hpp"

namespace millrace::auth {

// What the desk reaches others by; outlives it. Functions: any thread.
struct PlaybackOutside {
  playback::TokenKeys keys = playback::TokenKeys::create(Secret()).value();
  std::chrono::seconds lifetime{300};  // of a viewer's token and of its device's lease
  // Publishes; false: it cannot yet.
  std::function<bool(const bus::v1::Event&)> tell{};
  playback::Revocations revocations{};  // what this process knows of them itself
};

class PlaybackDesk {
 public:
  static constexpr std::int64_t kUsualSeconds = 3600;  // of a URL that an owner signs
  static constexpr std::int64_t kMaxSeconds = 24 * kUsualSeconds;
  static constexpr std::uint32_t kMaxDevices = 100;
  static constexpr std::size_t kMaxLabel = 64;
  static constexpr std::size_t kMaxDevice = 64;
  // Events that could not be published yet; the oldest is forgotten.
  static constexpr std::size_t kMaxUntold = 10'000;

  PlaybackDesk(ViewerRepository& viewers, const KeyVault& vault, PlaybackOutside& outside)
      : viewers_(viewers), vault_(vault), outside_(outside) {}

  // Tells again what was taken back before the start. Errors: those of the store.
  [[nodiscard]] Result<void> open(Now now);
  // True when it has answered; other requests are not its business.
  bool handle(const InquiryPtr& inquiry, Now now);
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
  void tell(bus::v1::Event event);

  ViewerRepository& viewers_;
  const KeyVault& vault_;
  PlaybackOutside& outside_;
  FailureLimiter failures_{FailureLimits{}};
  std::vector<bus::v1::Event> untold_;
  std::multimap<std::int64_t, bus::v1::Event> told_;  // by when they are retracted, wall-clock microseconds
};

// May a player with this token watch this stream? peer: as RequestHandler gets it, with a port.
bool may_play(const PlaybackOutside& outside, std::string_view token, std::string_view stream_id,
              std::string_view peer, std::int64_t wall_us);

}  // namespace millrace::auth
