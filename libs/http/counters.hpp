// The server's counters: written by its threads, read by anyone.
#pragma once

#include <atomic>

#include "http/server.hpp"

namespace millrace::http {

struct Counters {
  using Counter = std::atomic<std::uint64_t>;
  Counter accepted{0}, pending{0}, requests{0};
  Counter responses_2xx{0}, responses_3xx{0}, responses_4xx{0}, responses_5xx{0};
  Counter sent_bytes{0}, refused_connections{0}, bad_requests{0};
  Counter read_timeouts{0}, write_timeouts{0}, answer_timeouts{0}, aborted{0}, torn{0};

  void count_response(int status);
  // All but connections, which the places count, and out_of_descriptors, which the listener counts.
  Statistics statistics() const;
};

inline void add(Counters::Counter& counter, std::uint64_t count = 1) {
  counter.fetch_add(count, std::memory_order_relaxed);
}

}  // namespace millrace::http
