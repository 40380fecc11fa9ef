#include "viewer_counter.hpp"

#include "net/ip_network.hpp"

namespace millrace::packaging {
namespace {

std::size_t count_of(const std::unordered_map<std::uint64_t, std::size_t>& counts, std::uint64_t key) {
  const auto found = counts.find(key);
  return found == counts.end() ? 0 : found->second;
}

void take_one(std::unordered_map<std::uint64_t, std::size_t>& counts, std::uint64_t key) {
  const auto found = counts.find(key);
  if (found != counts.end() && --found->second == 0) counts.erase(found);
}

}  // namespace

ViewerCounter::Key ViewerCounter::viewer_key(Key address, std::string_view user_agent) const {
  return siphash({key_[0] ^ address, key_[1]}, as_bytes(user_agent));
}

ViewerCounter::Stream& ViewerCounter::stream(std::string_view stream_id) {
  const auto found = streams_.find(stream_id);
  return found != streams_.end() ? found->second : streams_.try_emplace(std::string(stream_id)).first->second;
}

bool ViewerCounter::has_room(const Stream& watched, Key address) const {
  return viewers_ < limits_.viewers && watched.viewers.size() < limits_.of_stream &&
         count_of(of_address_, address) < limits_.of_address;
}

void ViewerCounter::seen(std::string_view stream_id, std::string_view address, std::string_view user_agent,
                         std::int64_t now_us, std::int64_t expires_us) {
  const Key from = siphash(key_, as_bytes(net::customer_of(address)));
  Key key = viewer_key(from, user_agent);
  const std::lock_guard lock(mutex_);
  Stream& watched = stream(stream_id);
  watched.changed = true;
  auto known = watched.viewers.find(key);
  if (known == watched.viewers.end() && count_of(watched.of_address, from) >= limits_.of_address_and_stream) {
    key = from;  // the one that all further user agents share
    known = watched.viewers.find(key);
  }
  if (known != watched.viewers.end()) {
    known->second.expiry_us = now_us + expires_us;
  } else if (has_room(watched, from)) {
    watched.viewers.emplace(key, Viewer{from, now_us + expires_us});
    ++watched.of_address[from];
    ++of_address_[from];
    ++viewers_;
    ++watched.began;
  }
}

// A viewer of that address is no longer counted.
void ViewerCounter::left(Stream& watched, Key address) {
  take_one(watched.of_address, address);
  take_one(of_address_, address);
  --viewers_;
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

std::vector<StreamViewers> ViewerCounter::collect(std::int64_t now_us, const IsKnown& is_known) {
  std::vector<StreamViewers> result;
  const std::lock_guard lock(mutex_);
  for (auto& [stream_id, watched] : streams_) {
    const bool had_some = !watched.viewers.empty();
    std::erase_if(watched.viewers, [&, &stream = watched](const auto& entry) {
      if (entry.second.expiry_us > now_us) return false;
      left(stream, entry.second.address);
      return true;
    });
    if (!had_some && !watched.changed) continue;
    watched.changed = false;
    watched.active_us = now_us;
    result.push_back({stream_id, static_cast<std::uint32_t>(watched.viewers.size()), watched.sent_bytes,
                      watched.began, watched.segment_latency_us});
  }
  std::erase_if(streams_, [&](const auto& entry) {
    const bool rests = entry.second.viewers.empty() && now_us - entry.second.active_us >= kKeepUs;
    return rests && !is_known(entry.first);
  });
  return result;
}

void ViewerCounter::forget(std::string_view stream_id) {
  const std::lock_guard lock(mutex_);
  const auto found = streams_.find(stream_id);
  if (found == streams_.end()) return;
  for (const auto& [key, viewer] : found->second.viewers) left(found->second, viewer.address);
  streams_.erase(found);
}

std::size_t ViewerCounter::streams() const {
  const std::lock_guard lock(mutex_);
  return streams_.size();
}

std::size_t ViewerCounter::viewers() const {
  const std::lock_guard lock(mutex_);
  return viewers_;
}

}  // namespace millrace::packaging
