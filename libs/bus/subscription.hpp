// The subscribing side of the Clone pattern: turns events that may be lost, repeated or of an older boot into
// a state that is right, for one instance. Bytes and times come in, callbacks go out; no socket, no clock,
// no thread.
//
//            snapshot, nothing missing behind it
//   catching up ───────────────────────────────> in step
//       ^  <───────────────────────────────────────┘
//       |       gap, new boot id
//       └── lost: silence while catching up or in step; ends with the next snapshot
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "bus/node.hpp"
#include "bus/v1/bus.pb.h"

namespace millrace::bus {

class Subscription {
 public:
  struct Config {
    std::string service;
    std::int64_t lost_after_us = 3'000'000;
    std::int64_t snapshot_retry_us = 500'000;
    std::size_t waiting_events = 20'000;  // while catching up; the oldest go first, another snapshot heals it
  };
  Subscription(Config config, EventHandler handler, std::int64_t now_us);

  // False: not an event of this service, or of another instance than its snapshot.
  bool receive(v1::Event event, std::int64_t now_us);
  bool receive(const v1::Snapshot& snapshot, std::int64_t now_us);
  // True: send a snapshot request now. At most one in snapshot_retry, however many gaps there are.
  bool wants_snapshot(std::int64_t now_us);
  void tick(std::int64_t now_us);
  // When tick or wants_snapshot have something to do by themselves.
  std::int64_t next_due_us() const;

  bool in_step() const { return in_step_; }
  bool lost() const { return lost_; }
  // Which one it is: empty until its first snapshot. Another one may turn up at the same address; then the
  // former is reported as lost.
  const std::string& instance() const { return instance_; }
  // Of the last snapshot; 0: none yet.
  std::uint64_t boot_id() const { return boot_id_; }
  std::uint64_t gaps() const { return gaps_; }
  std::uint64_t snapshots() const { return snapshots_; }

 private:
  void lose();
  bool follows(const v1::Event& event) const;
  void fall_behind(v1::Event event);
  void wait(v1::Event event);
  void catch_up();
  void deliver(const v1::Event& event);

  Config config_;
  EventHandler handler_;
  std::string instance_;
  bool in_step_ = false;
  bool lost_ = false;
  std::uint64_t boot_id_ = 0;
  std::uint64_t sequence_ = 0;
  std::deque<v1::Event> waiting_;
  std::int64_t heard_us_;
  std::int64_t ticked_us_;
  std::int64_t ask_us_;
  std::uint64_t gaps_ = 0;
  std::uint64_t snapshots_ = 0;
};

}  // namespace millrace::bus
