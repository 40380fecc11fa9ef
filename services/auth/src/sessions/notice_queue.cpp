#include "sessions/notice_queue.hpp"

#include <algorithm>
#include <limits>

namespace millrace::auth {

std::vector<NoticeQueue::Key> NoticeQueue::add(Key key, std::int64_t now_us, std::int64_t give_up_us) {
  std::vector<Key> given_up;
  if (notices_.size() >= limits_.notices) {
    const auto oldest = std::min_element(notices_.begin(), notices_.end(), [](const auto& a, const auto& b) {
      return std::pair(a.second.running, a.second.number) < std::pair(b.second.running, b.second.number);
    });
    if (oldest->second.running) --running_[oldest->first.hook];
    given_up.push_back(oldest->first);
    notices_.erase(oldest);
  }
  notices_.try_emplace(key, Notice{.due_us = now_us, .give_up_us = give_up_us, .number = ++number_});
  return given_up;
}

std::vector<NoticeQueue::Key> NoticeQueue::take(std::int64_t now_us) {
  std::vector<Key> due;
  for (auto& [key, notice] : notices_) {
    if (notice.running || notice.due_us > now_us || running_[key.hook] >= limits_.running) continue;
    notice.running = true;
    ++running_[key.hook];
    due.push_back(key);
  }
  return due;
}

bool NoticeQueue::done(Key key, bool acknowledged, std::int64_t now_us, double spread) {
  const auto found = notices_.find(key);
  if (found == notices_.end() || !found->second.running) return false;
  Notice& notice = found->second;
  --running_[key.hook];
  if (acknowledged || now_us >= notice.give_up_us) {
    notices_.erase(found);
    return true;
  }
  notice.running = false;
  const unsigned doublings = std::min(notice.attempts++, 16U);
  const std::int64_t pause = std::min(limits_.first_pause_us << doublings, limits_.longest_pause_us);
  const std::int64_t half = pause / 2;
  notice.due_us = now_us + half + static_cast<std::int64_t>(spread * static_cast<double>(pause - half));
  return false;
}

std::int64_t NoticeQueue::next_due_us() const {
  std::int64_t next = std::numeric_limits<std::int64_t>::max();
  for (const auto& [key, notice] : notices_) {
    if (!notice.running) next = std::min(next, notice.due_us);
  }
  return next;
}

}  // namespace millrace::auth
