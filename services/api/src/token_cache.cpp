#include "token_cache.hpp"

namespace millrace::api {

std::optional<Identity> TokenCache::find(const std::string& token, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(token);
  if (entry == entries_.end()) return std::nullopt;
  if (now >= entry->second.until) {
    entries_.erase(entry);
    return std::nullopt;
  }
  return entry->second.identity;
}

void TokenCache::remember(const std::string& token, Identity identity, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (entries_.size() >= kCapacity) entries_.clear();
  entries_[token] = {std::move(identity), now + kLifetime};
}

}  // namespace millrace::api
