#include "viewer_counter.hpp"

namespace millrace::packaging {
namespace {

std::size_t viewer_key(std::string_view address, std::string_view user_agent) {
  std::string text;
  text.reserve(address.size() + 1 + user_agent.size());
  text.append(address).append(1, '\n').append(user_agent);
  return std::hash<std::string>{}(text);
}

}  // namespace

ViewerCounter::Stream& ViewerCounter::stream(std::string_view stream_id) {
  const auto found = streams_.find(stream_id);
  return found != streams_.end() ? found->second : streams_.try_emplace(std::string(stream_id)).first->second;
}

void ViewerCounter::seen(std::string_view stream_id, std::string_view address, std::string_view user_agent,
                         std::int64_t now_us, std::int64_t expires_us) {
  const std::size_t key = viewer_key(address, user_agent);
  const std::lock_guard lock(mutex_);
  Stream& watched = stream(stream_id);
  watched.changed = true;
  const auto known = watched.expiry_us.find(key);
  if (known != watched.expiry_us.end()) {
    known->second = now_us + expires_us;
  } else if (viewers_ < limit_) {
    watched.expiry_us.emplace(key, now_us + expires_us);
    ++viewers_;
    ++watched.began;
  }
}

void ViewerCounter::sent(std::string_view stream_id, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  Stream& watched = stream(stream_id);
  watched.sent_bytes += bytes;
  watched.changed = true;
}

void ViewerCounter::segment(std::string_view stream_id, std::int64_t latency_us) {
  const std::lock_guard lock(mutex_);
  Stream& watched = stream(stream_id);
  watched.segment_latency_us = latency_us;
  watched.changed = true;
}

std::vector<StreamViewers> ViewerCounter::collect(std::int64_t now_us) {
  std::vector<StreamViewers> result;
  const std::lock_guard lock(mutex_);
  for (auto& [stream_id, watched] : streams_) {
    const std::size_t before = watched.expiry_us.size();
    std::erase_if(watched.expiry_us, [now_us](const auto& viewer) { return viewer.second <= now_us; });
    viewers_ -= before - watched.expiry_us.size();
    if (before == 0 && !watched.changed) continue;
    watched.changed = false;
    result.push_back({stream_id, static_cast<std::uint32_t>(watched.expiry_us.size()), watched.sent_bytes,
                      watched.began, watched.segment_latency_us});
  }
  return result;
}

void ViewerCounter::forget(std::string_view stream_id) {
  const std::lock_guard lock(mutex_);
  const auto found = streams_.find(stream_id);
  if (found == streams_.end()) return;
  viewers_ -= found->second.expiry_us.size();
  streams_.erase(found);
}

std::size_t ViewerCounter::viewers() const {
  const std::lock_guard lock(mutex_);
  return viewers_;
}

}  // namespace millrace::packaging
