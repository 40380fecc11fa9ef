#include "identities/key_cache.hpp"

#include <algorithm>

namespace millrace::auth {

KeyCache::Found KeyCache::find(std::string_view kid, KeyAlgorithm algorithm, std::int64_t now_us) const {
  const bool good = keys_ && now_us - came_us_ < kMaxAgeUs;
  if (good) {
    if (const PublicKey* key = keys_->find(kid, algorithm)) return {Finding::kKey, key};
  }
  if (fetching_) return {Finding::kFetching};
  if (now_us >= demand_us_) return {Finding::kFetch};
  return {good && !failing_ ? Finding::kNoSuchKey : Finding::kUnavailable};
}

void KeyCache::fetched(KeySet keys, std::chrono::seconds lifetime, std::int64_t now_us) {
  keys_ = std::move(keys);
  came_us_ = now_us;
  const std::int64_t lifetime_us =
      std::min<std::int64_t>(lifetime.count(), kLongestRefreshUs / 1'000'000) * 1'000'000;
  due_us_ = now_us + std::max(lifetime_us, kShortestRefreshUs);
  demand_us_ = now_us + kDemandEveryUs;
  retry_us_ = kFirstRetryUs;
  fetching_ = false;
  failing_ = false;
}

void KeyCache::failed(std::int64_t now_us) {
  due_us_ = now_us + retry_us_;
  demand_us_ = now_us + std::min(retry_us_, kDemandEveryUs);
  retry_us_ = std::min(2 * retry_us_, kLongestRetryUs);
  fetching_ = false;
  failing_ = true;
}

}  // namespace millrace::auth
