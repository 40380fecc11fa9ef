// What owners and operators change of a stream while it may be live: its key, ban, privacy, settings, and
// whether it is held off for a while. Stored or remembered first; then what is live by the old rule is cut or
// ingest gets the new limits. One owner, one thread at a time; calls block for transactions.
#pragma once

#include <cstdint>
#include <string>

#include "now.hpp"
#include "pending_request.hpp"
#include "streams/access_policy.hpp"
#include "streams/channel_repository.hpp"
#include "streams/close_orders.hpp"
#include "streams/decisions.hpp"
#include "streams/limit_orders.hpp"
#include "streams/standing_announcer.hpp"

namespace millrace::auth {

class StreamCommands {
 public:
  static constexpr std::int64_t kMaxHoldUs = 3600LL * 1'000'000;

  // All outlive this.
  StreamCommands(Decisions& decisions, ChannelRepository& channels, const AccessPolicy& policy,
                 CloseOrders& closes, LimitOrders& limits, StandingAnnouncer& announcer)
      : decisions_(decisions),
        channels_(channels),
        policy_(policy),
        closes_(closes),
        limits_(limits),
        announcer_(announcer) {}

  // Answers RegenerateKey, SetBanned, SetPrivate, UpdateSettings and HoldStream. False: it is none of them.
  bool handle(PendingRequest& pending, Now now);

 private:
  // A stream under its new rule: what SetBanned and SetPrivate left behind.
  struct Flagged {
    v1::Stream stream;
    Epoch epoch{};
    bool barred = false;
  };

  Result<v1::Stream> regenerate_key(const v1::RegenerateKey& ask, Now now);
  Result<v1::Stream> set_banned(const v1::SetBanned& ask, Now now);
  Result<v1::Stream> set_private(const v1::SetPrivate& ask, Now now);
  Result<Flagged> set_flag(const std::string& stream_id, bool ban, bool value);
  Result<v1::Stream> update_settings(const v1::UpdateSettings& ask, Now now);
  Result<v1::Stream> hold(const v1::HoldStream& ask, Now now);
  // Of a stream of the store: where others decide, another's channel may have the same name.
  void revoke_own(const RevokedStream& revoked, Now now);

  Decisions& decisions_;
  ChannelRepository& channels_;
  const AccessPolicy& policy_;
  CloseOrders& closes_;
  LimitOrders& limits_;
  StandingAnnouncer& announcer_;
};

}  // namespace millrace::auth
