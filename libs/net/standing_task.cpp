#include "net/standing_task.hpp"

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstddef>
#include <new>

namespace millrace::net {

struct StandingTask::State {
  explicit State(std::function<void()> run) : work(std::move(run)) {}

  const std::function<void()> work;
  std::atomic<bool> waiting{false};  // true: the memory is in use
  alignas(std::max_align_t) std::array<std::byte, 256> memory{};
};

namespace {

using StatePtr = std::shared_ptr<StandingTask::State>;

// Of one operation of Asio's, in the state's own memory.
template <class T>
struct OwnMemory {
  using value_type = T;

  explicit OwnMemory(StatePtr of) : state(std::move(of)) {}
  template <class Other>
  explicit OwnMemory(const OwnMemory<Other>& other) : state(other.state) {}

  T* allocate(std::size_t count) {
    if (count * sizeof(T) > state->memory.size()) throw std::bad_alloc();
    return reinterpret_cast<T*>(state->memory.data());
  }
  void deallocate(T*, std::size_t) noexcept {}

  template <class Other>
  bool operator==(const OwnMemory<Other>& other) const {
    return state == other.state;
  }

  StatePtr state;
};

// Asio has let go of the operation's memory before it calls this.
struct Run {
  using allocator_type = OwnMemory<void>;
  allocator_type get_allocator() const noexcept { return allocator_type(state); }
  void operator()() const {
    state->waiting.store(false, std::memory_order_release);
    state->work();
  }

  StatePtr state;
};

}  // namespace

StandingTask::StandingTask(boost::asio::io_context& context, std::function<void()> work)
    : context_(context), state_(std::make_shared<State>(std::move(work))) {}

StandingTask::~StandingTask() = default;

void StandingTask::request() noexcept {
  if (!state_->waiting.exchange(true, std::memory_order_acq_rel)) boost::asio::post(context_, Run{state_});
}

}  // namespace millrace::net
