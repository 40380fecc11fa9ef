// A single-shot timer on one I/O thread. Owner: whatever it wakes up; its thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace millrace::net {

class Timer {
 public:
  explicit Timer(boost::asio::io_context& context);
  ~Timer();  // cancels: the callback does not run any more
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Replaces what was set before. The callback may destroy the timer. What it throws is survived
  // (IoThreads): a handler that wants to be called again starts the timer first.
  void start(std::int64_t delay_us, std::function<void()> callback);
  void cancel();
  bool running() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace millrace::net
