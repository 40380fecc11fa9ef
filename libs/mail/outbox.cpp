#include "mail/outbox.hpp"

#include <algorithm>

namespace millrace::mail {
namespace {

bool sooner(const Outbox::Entry& a, const Outbox::Entry& b) {
  return a.due_us < b.due_us;
}

}  // namespace

bool Outbox::add(Message message, std::int64_t now_us) {
  if (entries_.size() >= limits_.waiting) return false;
  entries_.push_back({.message = std::move(message),
                      .tries = 0,
                      .due_us = now_us,
                      .until_us = now_us + limits_.deadline_us});
  return true;
}

std::optional<Outbox::Entry> Outbox::take(std::int64_t now_us) {
  const auto first = std::min_element(entries_.begin(), entries_.end(), sooner);
  if (first == entries_.end() || first->due_us > now_us) return std::nullopt;
  Entry entry = std::move(*first);
  entries_.erase(first);
  return entry;
}

bool Outbox::retry(Entry entry, std::int64_t now_us) {
  ++entry.tries;
  entry.due_us = now_us + (limits_.first_retry_us << (2 * std::min(entry.tries - 1, 10U)));
  if (entry.tries >= limits_.tries || entry.due_us > entry.until_us || entries_.size() >= limits_.waiting)
    return false;
  entries_.push_back(std::move(entry));
  return true;
}

std::optional<std::int64_t> Outbox::next_due_us() const {
  const auto first = std::min_element(entries_.begin(), entries_.end(), sooner);
  if (first == entries_.end()) return std::nullopt;
  return first->due_us;
}

}  // namespace millrace::mail
