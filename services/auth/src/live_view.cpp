#include "live_view.hpp"

namespace millrace::auth {

void LiveView::replace(const std::vector<LivePublication>& all) {
  const std::lock_guard lock(mutex_);
  live_.clear();
  for (const LivePublication& publication : all) live_[publication.stream_id] = publication;
  known_ = true;
}

void LiveView::add(const LivePublication& publication) {
  const std::lock_guard lock(mutex_);
  live_[publication.stream_id] = publication;
}

void LiveView::remove(std::string_view stream_id, std::uint64_t publication_id) {
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

}  // namespace millrace::auth
