// Requests of others that we serve: which caller waits until when, and the remembered answers of idempotent
// commands. No socket, no clock, no thread.
//
// A command whose key is known is not run again: its sender joins those who wait for the first run, or gets
// the remembered answer at once. A run that was abandoned (nobody can answer it any more) is forgotten, so
// that a retry runs.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bus/outstanding.hpp"
#include "bus/v1/bus.pb.h"

namespace millrace::bus {

// A reply on its way to one peer.
struct OutgoingReply {
  std::string peer;
  v1::Reply reply;
};

class CallTable {
 public:
  struct Config {
    std::size_t max_waiting = 4096;
    std::size_t max_answers = 4096;
    std::int64_t answer_memory_us = 60'000'000;
  };
  explicit CallTable(Config config) : config_(config) {}

  enum class Admission : std::uint8_t { kRun, kJoined, kAnswered, kOverloaded, kExpired, kBadKey };
  struct Admitted {
    Admission admission;
    std::uint64_t call = 0;  // kRun: what answer() and abandon() want
    v1::Reply reply;         // kAnswered: the remembered answer, with this request's id
  };
  Admitted admit(const std::string& peer, const v1::Request& request, std::int64_t deadline_us,
                 std::int64_t now_us);

  // To everybody who still waits. Empty when the call is over.
  std::vector<OutgoingReply> answer(std::uint64_t call, const v1::Reply& reply);
  void abandon(std::uint64_t call);
  // "bus.deadline" to one whose time is over; call until nullopt.
  std::optional<OutgoingReply> take_due(std::int64_t now_us);
  void forget_old_answers(std::int64_t now_us);

  std::int64_t next_due_us() const { return deadlines_.next_us(); }
  std::size_t waiting() const { return waiters_.size(); }
  std::size_t answers() const { return memories_.size(); }

 private:
  struct Waiter {
    std::uint64_t call;
    std::string peer;
    std::uint64_t request_id;
    std::int64_t deadline_us;
  };
  struct Memory {
    std::uint64_t call;
    std::optional<v1::Reply> reply;  // empty while it runs
    std::int64_t forget_us;
  };
  struct Call {
    std::string key;  // empty: not idempotent
    std::vector<std::uint64_t> waiters;
  };

  void wait(std::uint64_t call, const std::string& peer, std::uint64_t request_id, std::int64_t deadline_us);
  void remember(const std::string& key, std::uint64_t call, std::int64_t now_us);
  void forget_oldest();

  Config config_;
  std::uint64_t last_id_ = 0;
  std::unordered_map<std::uint64_t, Call> calls_;
  std::unordered_map<std::uint64_t, Waiter> waiters_;
  DeadlineQueue deadlines_;
  std::unordered_map<std::string, Memory> memories_;
  std::deque<std::pair<std::string, std::uint64_t>> memory_order_;  // key and call, oldest first
};

}  // namespace millrace::bus
