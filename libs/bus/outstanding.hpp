// Our own requests that have no answer yet, each with a deadline. No socket, no clock, no thread.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bus/node.hpp"
#include "bus/v1/bus.pb.h"

namespace millrace::bus {

inline constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

// Ids in the order of their deadlines; removal when the answer comes first.
class DeadlineQueue {
 public:
  void add(std::int64_t deadline_us, std::uint64_t id) { entries_.emplace(deadline_us, id); }
  void remove(std::int64_t deadline_us, std::uint64_t id) { entries_.erase({deadline_us, id}); }
  std::optional<std::uint64_t> take_due(std::int64_t now_us);
  std::int64_t next_us() const { return entries_.empty() ? kNever : entries_.begin()->first; }

 private:
  std::set<std::pair<std::int64_t, std::uint64_t>> entries_;
};

struct OutstandingRequest {
  std::string service;
  std::string instance{};  // empty: any
  v1::Request request;     // its id is the key
  std::int64_t deadline_us = 0;
  Node::ReplyHandler handler;
};

class OutstandingRequests {
 public:
  void add(OutstandingRequest request);
  // nullptr when it is answered or expired; valid until the next change.
  const OutstandingRequest* find(std::uint64_t id) const;
  std::optional<OutstandingRequest> take(std::uint64_t id);
  std::optional<OutstandingRequest> take_due(std::int64_t now_us);
  std::vector<OutstandingRequest> take_all();
  std::int64_t next_due_us() const { return deadlines_.next_us(); }
  std::size_t size() const { return requests_.size(); }

 private:
  std::unordered_map<std::uint64_t, OutstandingRequest> requests_;
  DeadlineQueue deadlines_;
};

}  // namespace millrace::bus
