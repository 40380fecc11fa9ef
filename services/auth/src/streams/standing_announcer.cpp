#include "streams/standing_announcer.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace millrace::auth {
namespace {

// The first `limit` of the streams, each by its own event. beyond: what the log says where there are more.
Result<void> announce_each(const Result<std::vector<std::string>>& ids, std::size_t limit,
                           std::string_view beyond, const StandingAnnouncer::Announce& announce) {
  if (!ids) return tl::unexpected<Error>(ids.error());
  if (ids->size() > limit) log::warning(beyond, {{"limit", limit}});
  for (std::size_t i = 0; i < std::min(limit, ids->size()); ++i) announce((*ids)[i], true);
  return {};
}

}  // namespace

// By the rule of whoever decides: the other table may hold flags of before a change of PUBLISH_AUTH.
Result<void> StandingAnnouncer::announce_all() {
  const bool store = policy_.decides == Decides::kStore;
  if (private_) {
    Result<void> announced = announce_each(
        store ? decisions_.list_private(kMaxPrivate + 1) : channels_.list_private(kMaxPrivate + 1),
        kMaxPrivate,
        "more streams are private than are named at the start: what is live of the others counts as when it "
        "began",
        private_);
    if (!announced) return announced;
  }
  if (!barred_) return {};
  return announce_each(
      store ? decisions_.list_barred(kMaxBarred + 1) : channels_.list_banned(kMaxBarred + 1), kMaxBarred,
      "more streams are barred than are named at the start: what the media log has of the others can be "
      "watched",
      barred_);
}

}  // namespace millrace::auth
