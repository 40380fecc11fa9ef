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

void Revocations::set(Streams& streams, std::size_t max, std::string_view stream_id, bool member) {
  const std::unique_lock lock(mutex_);
  if (member && streams.size() < max) {
    streams.emplace(stream_id);
  } else if (const auto known = streams.find(stream_id); !member && known != streams.end()) {
    streams.erase(known);
  }
}

void Revocations::set_private(std::string_view stream_id, bool is_private) {
  set(private_, kMaxPrivate, stream_id, is_private);
}

void Revocations::set_barred(std::string_view stream_id, bool is_barred) {
  set(barred_, kMaxBarred, stream_id, is_barred);
}

bool Revocations::is_revoked(const Claims& claims) const {
  if (!claims.viewer) return false;
  const std::shared_lock lock(mutex_);
  return viewers_.contains({claims.viewer->id, 0}) ||
         viewers_.contains({claims.viewer->id, claims.viewer->lease});
}

Standing Revocations::standing(std::string_view stream_id) const {
  if (!is_complete()) return Standing::kUnknown;
  const std::shared_lock lock(mutex_);
  if (barred_.find(stream_id) != barred_.end()) return Standing::kBarred;
  return private_.find(stream_id) != private_.end() ? Standing::kPrivate : Standing::kPublic;
}

bool Revocations::is_barred(std::string_view stream_id) const {
  const std::shared_lock lock(mutex_);
  return barred_.find(stream_id) != barred_.end();
}

std::size_t Revocations::size() const {
  const std::shared_lock lock(mutex_);
  return viewers_.size() + private_.size() + barred_.size();
}

}  // namespace millrace::playback
