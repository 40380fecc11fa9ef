// Which mail is tried when, and when it is given up. Pure: no thread, clock or socket. Times are monotonic
// microseconds, passed in.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "mail/message.hpp"

namespace millrace::mail {

struct OutboxLimits {
  std::size_t waiting = 256;  // mails; a further one is refused
  unsigned tries = 6;
  std::int64_t first_retry_us = 5'000'000;        // after the first failure; four times as long after each
  std::int64_t deadline_us = 3600LL * 1'000'000;  // since it was added
};

class Outbox {
 public:
  explicit Outbox(OutboxLimits limits = {}) : limits_(limits) {}

  struct Entry {
    Message message;
    unsigned tries = 0;
    std::int64_t due_us = 0;
    std::int64_t until_us = 0;
  };

  // False when there is no room.
  bool add(Message message, std::int64_t now_us);
  // The mail that has been due longest, out of the box; nullopt when none is.
  std::optional<Entry> take(std::int64_t now_us);
  // It could not be sent, but may be later. False: given up.
  bool retry(Entry entry, std::int64_t now_us);
  // When take() has something; nullopt when it is empty.
  std::optional<std::int64_t> next_due_us() const;
  std::size_t size() const { return entries_.size(); }

 private:
  OutboxLimits limits_;
  std::vector<Entry> entries_;
};

}  // namespace millrace::mail
