// Which streams are private and which are barred (nobody may watch them), for whoever shows what is in the
// media log: each change when it happens, and all of them at a start, as who shows the log may have started
// after it was announced last. One owner, one thread at a time.
#pragma once

#include <functional>
#include <string>

#include "playback/revocations.hpp"
#include "streams/access_policy.hpp"
#include "streams/channel_repository.hpp"
#include "streams/decisions.hpp"

namespace millrace::auth {

class StandingAnnouncer {
 public:
  // Named at a start; of more the rest is logged, not named.
  static constexpr std::size_t kMaxPrivate = playback::Revocations::kMaxEntries;
  // Likewise, the last changed first: more than the media log has streams, and than accounts are deleted in
  // the day that tokens live.
  static constexpr std::size_t kMaxBarred = playback::Revocations::kMaxEntries;

  using Announce = std::function<void(const std::string& stream_id, bool is_so)>;

  // Either function may be empty. The others outlive this.
  StandingAnnouncer(Decisions& decisions, ChannelRepository& channels, const AccessPolicy& policy,
                    Announce announce_private, Announce announce_barred)
      : decisions_(decisions),
        channels_(channels),
        policy_(policy),
        private_(std::move(announce_private)),
        barred_(std::move(announce_barred)) {}

  // Errors: those of the store.
  Result<void> announce_all();
  void announce_private(const std::string& stream_id, bool is_private) const {
    if (private_) private_(stream_id, is_private);
  }
  void announce_barred(const std::string& stream_id, bool is_barred) const {
    if (barred_) barred_(stream_id, is_barred);
  }

 private:
  Decisions& decisions_;
  ChannelRepository& channels_;
  const AccessPolicy& policy_;
  const Announce private_;
  const Announce barred_;
};

}  // namespace millrace::auth
