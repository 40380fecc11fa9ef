// Work that a thread's io_context runs when asked to. Asking takes memory that was set aside when the task
// was made, so it never fails: for stops, destructors and clean-up, which must not depend on there being
// memory.
//
//   StandingTask clean_up(context, [this] { retired_.clear(); });
//   clean_up.request();
//
// Requests are signals, not messages: any number of them before the work begins run it once.
#pragma once

#include <functional>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace millrace::net {

class StandingTask {
 public:
  // Work that was requested may still run after this object has gone, as long as the context runs: what work
  // refers to outlives the context's thread. The context outlives this.
  StandingTask(boost::asio::io_context& context, std::function<void()> work);
  ~StandingTask();
  StandingTask(const StandingTask&) = delete;
  StandingTask& operator=(const StandingTask&) = delete;

  // Any thread. Runs the work on the context's thread, behind what waits there already.
  void request() noexcept;

  struct State;

 private:
  boost::asio::io_context& context_;
  std::shared_ptr<State> state_;
};

}  // namespace millrace::net
