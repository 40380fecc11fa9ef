#include "bus/withdrawals.hpp"

#include <algorithm>
#include <limits>

namespace millrace::bus {

void Withdrawals::lost(const PeerName& name, std::int64_t due_us) {
  gone(name, true, due_us);
}

void Withdrawals::gone(const PeerName& name, bool reported_lost, std::int64_t due_us) {
  const auto [known, added] = entries_.try_emplace(name, Entry{reported_lost, due_us});
  if (added) return;
  known->second.reported_lost = known->second.reported_lost || reported_lost;
  known->second.due_us = std::min(known->second.due_us, due_us);
}

std::optional<Withdrawals::Withdrawal> Withdrawals::take_due(std::int64_t now_us) {
  const auto due = std::find_if(entries_.begin(), entries_.end(),
                                [&](const auto& entry) { return entry.second.due_us <= now_us; });
  if (due == entries_.end()) return std::nullopt;
  const Withdrawal taken{due->first, due->second.reported_lost};
  entries_.erase(due);
  return taken;
}

std::int64_t Withdrawals::next_due_us() const {
  std::int64_t due_us = std::numeric_limits<std::int64_t>::max();
  for (const auto& [name, entry] : entries_) due_us = std::min(due_us, entry.due_us);
  return due_us;
}

}  // namespace millrace::bus
