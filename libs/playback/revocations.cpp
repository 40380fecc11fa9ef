#include "playback/revocations.hpp"

#include <mutex>

namespace millrace::playback {

void Revocations::revoke(const Viewer& viewer, std::int64_t until_s) {
  const Key key(viewer.id, viewer.lease);
  const std::unique_lock lock(mutex_);
  if (const auto known = viewers_.find(key); known != viewers_.end()) {
    by_end_.erase({known->second, key});
    viewers_.erase(known);
  }
  while (viewers_.size() >= kMaxEntries) {
    viewers_.erase(by_end_.begin()->second);
    by_end_.erase(by_end_.begin());
  }
  viewers_.emplace(key, until_s);
  by_end_.emplace(until_s, key);
}

void Revocations::set_private(std::string_view stream_id, bool is_private) {
  const std::unique_lock lock(mutex_);
  if (is_private && private_.size() < kMaxPrivate) {
    private_.emplace(stream_id);
  } else if (const auto known = private_.find(stream_id); !is_private && known != private_.end()) {
    private_.erase(known);
  }
}

bool Revocations::is_revoked(const Claims& claims) const {
  if (!claims.viewer) return false;
  const std::shared_lock lock(mutex_);
  return viewers_.contains({claims.viewer->id, 0}) ||
         viewers_.contains({claims.viewer->id, claims.viewer->lease});
}

bool Revocations::is_private(std::string_view stream_id) const {
  const std::shared_lock lock(mutex_);
  return private_.find(stream_id) != private_.end();
}

std::size_t Revocations::size() const {
  const std::shared_lock lock(mutex_);
  return viewers_.size() + private_.size();
}

}  // namespace millrace::playback
