#include "view_watchers.hpp"

#include <numeric>

namespace millrace::packaging {

std::shared_ptr<const void> ViewWatchers::add(std::string_view stream_id, Wake wake) {
  auto token = std::make_shared<const Wake>(std::move(wake));
  const std::lock_guard lock(mutex_);
  Entries& entries = entries_[std::string(stream_id)];
  // Before it grows: those that have gone while nobody was notified.
  if (entries.size() == entries.capacity())
    std::erase_if(entries, [](const auto& entry) { return entry.expired(); });
  entries.push_back(token);
  return token;
}

void ViewWatchers::notify(std::string_view stream_id) {
  std::vector<std::shared_ptr<const Wake>> woken;
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(stream_id);
    if (found == entries_.end()) return;
    for (const auto& entry : found->second) {
      if (auto wake = entry.lock()) woken.push_back(std::move(wake));
    }
    // Those that have gone since the last time.
    std::erase_if(found->second, [](const auto& entry) { return entry.expired(); });
    if (found->second.empty()) entries_.erase(found);
  }
  for (const auto& wake : woken) (*wake)();
}

void ViewWatchers::notify_all() {
  std::vector<std::string> streams;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [stream_id, entries] : entries_) streams.push_back(stream_id);
  }
  for (const std::string& stream_id : streams) notify(stream_id);
}

std::size_t ViewWatchers::size() const {
  const std::lock_guard lock(mutex_);
  return std::accumulate(entries_.begin(), entries_.end(), std::size_t{0},
                         [](std::size_t count, const auto& entry) { return count + entry.second.size(); });
}

}  // namespace millrace::packaging
