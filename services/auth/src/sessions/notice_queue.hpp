// What hooks still have to be sent, and when it is tried next: at least once, with growing pauses, until it
// is acknowledged or given up. Sans-IO; one owner; times are monotonic microseconds.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "hooks/hook.hpp"

namespace millrace::auth {

class NoticeQueue {
 public:
  struct Limits {
    std::size_t notices = 10'000;  // the oldest one is given up beyond
    std::size_t running = 16;      // at once and hook, so that decisions find a place
    std::int64_t first_pause_us = 1'000'000;
    std::int64_t longest_pause_us = 60'000'000;
  };
  struct Key {
    std::uint64_t id;  // of the publication or play
    HookKind hook;
    auto operator<=>(const Key&) const = default;  // NOLINT(modernize-use-nullptr): false
  };

  NoticeQueue() : NoticeQueue(Limits()) {}
  explicit NoticeQueue(Limits limits) : limits_(limits) {}

  // give_up_us: how long it is tried. Returns what had to be given up for it.
  std::vector<Key> add(Key key, std::int64_t now_us, std::int64_t give_up_us);
  // Those to be sent now; each is running until done() is called.
  std::vector<Key> take(std::int64_t now_us);
  // spread: 0 to 1, random: the pause is between half and the whole of its length. True: it is over,
  // acknowledged or given up.
  bool done(Key key, bool acknowledged, std::int64_t now_us, double spread);
  // When take() has something by itself; INT64_MAX when it never has.
  std::int64_t next_due_us() const;
  std::size_t size() const { return notices_.size(); }

 private:
  struct Notice {
    std::int64_t due_us;
    std::int64_t give_up_us;
    std::uint64_t number;  // order of arrival
    unsigned attempts = 0;
    bool running = false;
  };
  Limits limits_;
  std::map<Key, Notice> notices_;
  std::map<HookKind, std::size_t> running_;
  std::uint64_t number_ = 0;
};

}  // namespace millrace::auth
