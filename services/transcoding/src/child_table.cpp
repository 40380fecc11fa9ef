#include "child_table.hpp"

#include <algorithm>
#include <utility>

#include "backoff.hpp"

namespace millrace::transcoding {

bool ChildTable::is_stream_busy(const std::string& stream_id) const {
  return std::any_of(children_.begin(), children_.end(), [&](const auto& entry) {
    const Child& child = entry.second;
    return child.stream_id == stream_id &&
           (child.phase == Phase::kRunning || child.phase == Phase::kStarting);
  });
}

// What is not wanted is not new.
void ChildTable::note(const LivePublication& live, Time now) {
  const auto [entry, is_new] = live.wanted ? children_.try_emplace(live.publication)
                                           : std::pair(children_.find(live.publication), false);
  if (entry == children_.end()) return;
  Child& child = entry->second;
  child.live = true;
  child.wanted = live.wanted;
  child.last_live = now;
  if (!is_new) return;
  child.stream_id = live.stream_id;
  child.due = now;
}

std::vector<LivePublication> ChildTable::look(const std::vector<LivePublication>& live, Time now) {
  for (auto& [publication, child] : children_) child.live = child.wanted = false;
  for (const LivePublication& each : live) note(each, now);
  for (auto& [publication, child] : children_) {
    const bool useless = child.live ? !child.wanted : now - child.last_live >= kLongestEnd;
    child.unwanted = child.unwanted || (child.phase == Phase::kRunning && useless);
  }
  std::erase_if(children_, [](const auto& entry) {
    const Child& child = entry.second;
    return !child.live && (child.phase == Phase::kWaiting || child.phase == Phase::kGivenUp);
  });
  std::vector<LivePublication> starts;
  std::size_t busy = pids().size();
  for (auto& [publication, child] : children_) {
    if (child.phase != Phase::kWaiting || !child.wanted || now < child.due || busy >= most_) continue;
    if (is_stream_busy(child.stream_id)) continue;
    child.phase = Phase::kStarting;
    starts.push_back({child.stream_id, publication});
    ++busy;
  }
  return starts;
}

void ChildTable::started(PublicationId publication, int pid, Time now) {
  const auto found = children_.find(publication);
  if (found == children_.end()) return;
  found->second.phase = Phase::kRunning;
  found->second.pid = pid;
  found->second.began = now;
}

void ChildTable::failed(PublicationId publication, Time now) {
  const auto found = children_.find(publication);
  if (found == children_.end()) return;
  Child& child = found->second;
  if (child.phase == Phase::kRunning && now - child.began >= kLongLife) child.failures = 0;
  child.pid = 0;
  if (std::exchange(child.unwanted, false)) {
    child.phase = Phase::kWaiting;
    child.due = now;
    return;
  }
  if (++child.failures > kMostFailures) {
    child.phase = Phase::kGivenUp;
    return;
  }
  child.phase = Phase::kWaiting;
  child.due = now + delay_after(child.failures, kFirstDelay, kLongestDelay);
}

void ChildTable::give_up(PublicationId publication) {
  const auto found = children_.find(publication);
  if (found == children_.end()) return;
  found->second.phase = Phase::kGivenUp;
  found->second.pid = 0;
}

std::map<PublicationId, int> ChildTable::pids() const {
  std::map<PublicationId, int> all;
  for (const auto& [publication, child] : children_) {
    if (child.phase == Phase::kRunning) all.emplace(publication, child.pid);
  }
  return all;
}

std::map<PublicationId, int> ChildTable::unwanted() const {
  std::map<PublicationId, int> all;
  for (const auto& [publication, child] : children_) {
    if (child.phase == Phase::kRunning && child.unwanted) all.emplace(publication, child.pid);
  }
  return all;
}

bool ChildTable::is_given_up(PublicationId publication) const {
  const auto found = children_.find(publication);
  return found != children_.end() && found->second.phase == Phase::kGivenUp;
}

ChildTable::Counts ChildTable::counts() const {
  Counts counts;
  for (const auto& [publication, child] : children_) {
    counts.running += child.phase == Phase::kRunning ? 1 : 0;
    const bool waits = child.phase == Phase::kWaiting && child.wanted;
    counts.waiting += waits || child.phase == Phase::kStarting ? 1 : 0;
    counts.given_up += child.phase == Phase::kGivenUp ? 1 : 0;
  }
  return counts;
}

}  // namespace millrace::transcoding
