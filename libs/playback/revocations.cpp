#include "playback/revocations.hpp"

#include <mutex>

namespace millrace::playback {

void Revocations::revoke(const Viewer& viewer, WallTime until) {
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
  viewers_.emplace(key, until);
  by_end_.emplace(until, key);
}

void Revocations::set(Streams& streams, std::size_t max, std::string_view stream_id, bool member,
                      const AuthStart& from) {
  const std::unique_lock lock(mutex_);
  if (streams.told.size() < kMaxInstances || streams.told.contains(from.instance)) {
    Streams::Told& told = streams.told[from.instance];
    if (told.boot != from.boot) told = {.boot = from.boot};
    ++told.count;
  }
  const auto known = streams.named.find(stream_id);
  if (known != streams.named.end()) {
    known->second = from;
    if (member) return;
    streams.named.erase(known);
    ++changes_;
  } else if (member && streams.named.size() < max) {
    streams.named.emplace(stream_id, from);
    ++changes_;
  } else if (member) {
    ++not_taken_;
  }
}

void Revocations::forget_earlier(Streams& streams, const AuthStart& from) {
  const auto told = streams.told.find(from.instance);
  if (told == streams.told.end() ? streams.told.size() >= kMaxInstances
                                 : told->second.boot == from.boot && told->second.count >= kMaxEntries)
    return;
  changes_ += std::erase_if(streams.named, [&](const auto& stream) {
    return stream.second.instance == from.instance && stream.second.boot != from.boot;
  });
}

void Revocations::set_complete(const AuthStart& from) {
  const std::unique_lock lock(mutex_);
  forget_earlier(private_, from);
  forget_earlier(barred_, from);
  complete_ = true;
}

void Revocations::set_private(std::string_view stream_id, bool is_private, const AuthStart& from) {
  set(private_, kMaxPrivate, stream_id, is_private, from);
}

void Revocations::set_barred(std::string_view stream_id, bool is_barred, const AuthStart& from) {
  set(barred_, kMaxBarred, stream_id, is_barred, from);
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
  if (barred_.named.contains(stream_id)) return Standing::kBarred;
  return private_.named.contains(stream_id) ? Standing::kPrivate : Standing::kPublic;
}

bool Revocations::is_barred(std::string_view stream_id) const {
  const std::shared_lock lock(mutex_);
  return barred_.named.contains(stream_id);
}

std::size_t Revocations::size() const {
  const std::shared_lock lock(mutex_);
  return viewers_.size() + private_.named.size() + barred_.named.size();
}

}  // namespace millrace::playback
