#include "streams/access_control.hpp"

#include <algorithm>
#include <span>

#include "base/log.hpp"

namespace millrace::auth {

template <class Part>
Poster<Part> AccessControl::post_to(Part AccessControl::*part) const {
  return [post = post_, part](std::function<void(Part&)> task) {
    post([part, task = std::move(task)](AccessControl& access) { task(access.*part); });
  };
}

AccessControl::AccessControl(Decisions& decisions, ChannelRepository& channels, SessionRepository& sessions,
                             const AccessDependencies& dependencies)
    : policy_(dependencies.policy),
      decisions_(decisions),
      channels_(channels),
      post_(dependencies.post),
      live_(*dependencies.live),
      sessions_(sessions),
      ends_(sessions_, plays_, policy_, *dependencies.metrics, post_to(&AccessControl::ends_),
            dependencies.now),
      closes_(dependencies.close, post_to(&AccessControl::closes_), dependencies.now),
      limits_(dependencies.limit, post_to(&AccessControl::limits_), dependencies.now),
      announcer_(decisions, channels, policy_, dependencies.announce_private, dependencies.announce_barred),
      publications_(
          sessions_, ends_, closes_, limits_, live_,
          [this](const std::vector<LivePublication>& live) { raise_epochs(live); },
          post_to(&AccessControl::ends_), dependencies.now),
      publish_(decisions, channels, sessions_, ends_, policy_, post_to(&AccessControl::publish_),
               dependencies.now),
      play_(decisions, channels, sessions_, plays_, ends_, policy_, post_to(&AccessControl::play_),
            dependencies.now),
      commands_(decisions, channels, policy_, closes_, limits_, announcer_) {}

Result<void> AccessControl::open(Now now) {
  std::uint32_t configured = 0;
  for (const HookPtr& hook : policy_.hooks) configured |= bit(hook->kind());
  const Result<std::vector<PublicationId>> ended = sessions_.load(configured);
  if (!ended) return tl::unexpected<Error>(ended.error());
  for (const PublicationId id : *ended) {
    if (const Session* const session = sessions_.find(id)) ends_.add(*session, now);
  }
  return catch_up(now);
}

Result<void> AccessControl::catch_up(Now now) {
  // By the rule of whoever decides: the other table's epochs are not those of what is live.
  const bool store = policy_.decides == Decides::kStore;
  constexpr std::size_t kMost = CloseOrders::kMaxFences;
  const Result<std::vector<RevokedStream>> revoked =
      store ? decisions_.list_revoked(kMost) : channels_.list_revoked(kMost);
  if (!revoked) return tl::unexpected<Error>(revoked.error());
  if (revoked->size() == kMost)
    log::warning("of revoked streams only those changed last are remembered", {{"limit", kMost}});
  closes_.remember(*revoked);
  if (live_.known()) publications_.snapshot(live_.all(), now);
  return announcer_.announce_all();
}

// An older copy of the database would count what comes next as older than what is live, and a change would
// revoke too little.
void AccessControl::raise_epochs(const std::vector<LivePublication>& live) {
  // A transaction has so long and no longer, however far away the database is.
  constexpr std::size_t kAtOnce = 100;
  std::span<const LivePublication> left(live);
  while (!left.empty()) {
    const auto some = left.first(std::min(left.size(), kAtOnce));
    left = left.subspan(some.size());
    const Result<void> raised = policy_.decides == Decides::kStore
                                    ? decisions_.raise_epochs(some)
                                    : channels_.raise_epochs(some, policy_.private_by_default);
    if (raised) continue;
    log::warning("epochs of what is live were not stored", {{"reason", raised.error().message}});
    return;
  }
}

bool AccessControl::handle(const PendingRequestPtr& pending, Now now) {
  const bool store = policy_.decides == Decides::kStore;
  switch (pending->request().payload_case()) {
    case bus::v1::Request::kAuthorizePublish:
      if (store && !any_wants(policy_.hooks, Occasion::kPublish)) return false;
      publish_.authorize(pending, now);
      return true;
    case bus::v1::Request::kAuthorizePlay:
      if (store && !any_wants(policy_.hooks, Occasion::kPlay)) return false;
      play_.authorize(pending, now);
      return true;
    default:
      return commands_.handle(*pending, now);
  }
}

void AccessControl::tick(Now now) {
  ends_.send(now);
  closes_.tick();
  limits_.tick();
  publications_.tick(now);
}

}  // namespace millrace::auth
