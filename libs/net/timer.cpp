#include "net/timer.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <utility>

namespace millrace::net {

struct Timer::State {
  explicit State(boost::asio::io_context& context) : timer(context) {}
  boost::asio::steady_timer timer;
  std::function<void()> callback;
  std::uint64_t round = 0;  // an expiry of an earlier one is ignored
};

Timer::Timer(boost::asio::io_context& context) : state_(std::make_shared<State>(context)) {}

Timer::~Timer() {
  cancel();
}

void Timer::start(std::int64_t delay_us, std::function<void()> callback) {
  state_->callback = std::move(callback);
  const std::uint64_t round = ++state_->round;
  state_->timer.expires_after(std::chrono::microseconds(delay_us));
  state_->timer.async_wait([state = state_, round](const boost::system::error_code&) {
    if (state->round != round || !state->callback) return;
    const auto due = std::exchange(state->callback, nullptr);
    due();
  });
}

void Timer::cancel() {
  ++state_->round;
  state_->callback = nullptr;
  state_->timer.cancel();
}

bool Timer::running() const {
  return static_cast<bool>(state_->callback);
}

}  // namespace millrace::net
