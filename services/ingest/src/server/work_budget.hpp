// Holds work that unauthenticated peers can cause (TLS handshakes) to a share of a thread's time, so that a
// flood of it delays nobody's media: what is beyond waits for the next window.
//
// Sans-IO, plain data; one thread at a time.
#pragma once

#include <cstdint>

namespace millrace::ingest {

class WorkBudget {
 public:
  WorkBudget(std::int64_t window_us, std::int64_t allowed_us)
      : window_us_(window_us), allowed_us_(allowed_us) {}

  // Whether something may be done now.
  bool open(std::int64_t now_us) {
    if (now_us - since_us_ >= window_us_) {
      since_us_ = now_us;
      spent_us_ = 0;
    }
    return spent_us_ < allowed_us_;
  }
  void spend(std::int64_t cost_us) { spent_us_ += cost_us; }
  // Until open() can be true again.
  std::int64_t next_us(std::int64_t now_us) const { return since_us_ + window_us_ - now_us; }

 private:
  std::int64_t window_us_;
  std::int64_t allowed_us_;
  std::int64_t since_us_ = INT64_MIN / 2;
  std::int64_t spent_us_ = 0;
};

}  // namespace millrace::ingest
