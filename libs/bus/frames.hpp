// How the bus thread reads messages from its sockets.
#pragma once

#include <atomic>

#include "bus/counted_warning.hpp"
#include "bus/mailbox.hpp"
#include "bus/socket.hpp"

namespace millrace::bus {

// Messages taken from one socket before the others have their turn.
inline constexpr int kBurst = 256;

// Counts the frame; false: malformed.
template <class Message>
bool parse(const Frame& frame, Message& message, Counters& counters) {
  const bool good =
      frame.well_formed && message.ParseFromArray(frame.body.data(), static_cast<int>(frame.body.size()));
  if (good) {
    counters.received.fetch_add(1, std::memory_order_relaxed);
  } else {
    warn_and_count(counters.malformed, "bus message malformed");
  }
  return good;
}

inline std::int64_t to_us(std::chrono::milliseconds time) {
  return time.count() * 1000;
}

}  // namespace millrace::bus
