#include "streams/live_view.hpp"

#include <utility>

namespace millrace::auth {

std::vector<LivePublication> LiveView::replace(const std::string& instance,
                                               const std::vector<LivePublication>& all) {
  const std::lock_guard lock(mutex_);
  std::erase_if(live_, [&](const auto& entry) { return entry.second.instance == instance; });
  std::vector<LivePublication> past;
  for (const LivePublication& publication : all) {
    if (auto older = put(publication)) past.push_back(*std::move(older));
  }
  known_ = true;
  instances_.insert(instance);
  lost_.erase(instance);
  none_since_us_ = 0;
  return past;
}

std::vector<LivePublication> LiveView::add(const LivePublication& publication) {
  const std::lock_guard lock(mutex_);
  auto older = put(publication);
  return older ? std::vector<LivePublication>{*std::move(older)} : std::vector<LivePublication>{};
}

// The older one of two instances, if there are two. The mutex is held.
std::optional<LivePublication> LiveView::put(const LivePublication& publication) {
  const auto [known, added] = live_.try_emplace(publication.stream_id, publication);
  if (added) return std::nullopt;
  const bool elsewhere = known->second.instance != publication.instance;
  if (elsewhere && known->second.epoch > publication.epoch) return publication;
  LivePublication older = std::exchange(known->second, publication);
  return elsewhere ? std::optional(std::move(older)) : std::nullopt;
}

void LiveView::remove(std::string_view stream_id, PublicationId publication_id) {
  const std::lock_guard lock(mutex_);
  const auto found = live_.find(stream_id);
  if (found != live_.end() && found->second.publication_id == publication_id) live_.erase(found);
}

std::optional<LivePublication> LiveView::find(std::string_view stream_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = live_.find(stream_id);
  return found == live_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<LivePublication> LiveView::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<LivePublication> all;
  for (const auto& [id, publication] : live_) all.push_back(publication);
  return all;
}

bool LiveView::known() const {
  const std::lock_guard lock(mutex_);
  return known_;
}

void LiveView::lost(const std::string& instance, std::int64_t now_us) {
  const std::lock_guard lock(mutex_);
  if (instances_.erase(instance) > 0) lost_.emplace(instance, now_us);
  if (instances_.empty() && none_since_us_ == 0) none_since_us_ = now_us;
}

std::vector<LivePublication> LiveView::take_lost_before(std::int64_t then_us) {
  const std::lock_guard lock(mutex_);
  std::vector<LivePublication> taken;
  std::erase_if(lost_, [&](const auto& lost) {
    if (lost.second >= then_us) return false;
    std::erase_if(live_, [&](const auto& entry) {
      if (entry.second.instance != lost.first) return false;
      taken.push_back(entry.second);
      return true;
    });
    return true;
  });
  return taken;
}

std::int64_t LiveView::none_since_us() const {
  const std::lock_guard lock(mutex_);
  return none_since_us_;
}

}  // namespace millrace::auth
