#include "token_cache.hpp"

namespace millrace::api {

void TokenCache::enter(std::uint64_t epoch) {
  if (epoch <= epoch_) return;
  epoch_ = epoch;
  entries_.clear();
}

std::optional<Identity> TokenCache::find(const std::string& token, std::uint64_t epoch,
                                         Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  enter(epoch);
  const Entry* const entry = entries_.find(token);
  if (entry == nullptr) return std::nullopt;
  if (now >= entry->until) {
    entries_.erase(token);
    return std::nullopt;
  }
  return entry->identity;
}

void TokenCache::remember(const std::string& token, Identity identity, std::uint64_t epoch,
                          Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  enter(epoch);
  if (epoch < epoch_) return;
  entries_.put(token, {std::move(identity), now + kLifetime});
}

}  // namespace millrace::api
