// What answers and callbacks owe to others when there is no memory: this program's own operator new refuses
// once, where a test says.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <future>
#include <map>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "http/responder.hpp"
#include "http/upstream.hpp"

namespace {

constexpr std::size_t kDequeBlock = 512;  // what a std::deque takes at a time
constexpr std::size_t kAnySize = SIZE_MAX;
thread_local std::size_t refused_size = 0;  // the next of this size on this thread; 0: none
std::atomic<int> refused{0};

}  // namespace

[[gnu::noinline]] void* operator new(std::size_t size) {
  if (refused_size != 0 && (size == refused_size || refused_size == kAnySize)) {
    refused_size = 0;
    ++refused;
    throw std::bad_alloc();
  }
  void* const pointer = std::malloc(size);
  if (pointer == nullptr) throw std::bad_alloc();
  return pointer;
}

[[gnu::noinline]] void operator delete(void* pointer) noexcept {
  std::free(pointer);
}

[[gnu::noinline]] void operator delete(void* pointer, std::size_t /*size*/) noexcept {
  std::free(pointer);
}

namespace millrace::http {
namespace {

class Sender {
 public:
  explicit Sender(Upstream& upstream) : upstream_(upstream) {}
  void send(UpstreamRequest request = {}) {
    auto promise = std::make_shared<std::promise<std::string>>();
    answers_.push_back(promise->get_future());
    upstream_.send(std::move(request), [promise](const Result<Response>& answer) {
      promise->set_value(answer ? "answered" : std::string(answer.error().code));
    });
  }
  // Of the number-th that was sent.
  std::string answer(std::size_t number) { return answers_.at(number).get(); }
  std::size_t answered() const {
    return static_cast<std::size_t>(
        std::count_if(answers_.begin(), answers_.end(), [](const std::future<std::string>& answer) {
          return answer.valid() && answer.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
        }));
  }

 private:
  Upstream& upstream_;
  std::vector<std::future<std::string>> answers_;
};

// Its callback is called, and its place in the queue is free again.
TEST(Scarce, ARequestThatTheQueueHasNoMemoryForGetsAnError) {
  refused = 0;
  UpstreamConfig config;
  config.queue = 200;
  config.deadline = std::chrono::minutes(5);
  Upstream upstream(config);
  Sender sender(upstream);
  UpstreamRequest first;  // no connection is made for what nobody wants
  first.wanted = [] {
    refused_size = kDequeBlock;
    return false;
  };
  upstream.connect_to(1);
  sender.send(first);
  EXPECT_EQ(sender.answer(0), "http.unwanted");
  upstream.connect_to(0);
  for (std::size_t i = 0; i < config.queue; ++i) sender.send();
  for (int i = 0; i < 4000 && sender.answered() == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(sender.answered(), 1U);
  EXPECT_EQ(refused, 1);
  sender.send();
  EXPECT_EQ(sender.answered(), 1U) << "there is room for one more";
  sender.send();
  EXPECT_EQ(sender.answered(), 2U) << "and no second one";
  upstream.stop();
  std::map<std::string, std::size_t> codes;
  for (std::size_t i = 1; i <= config.queue + 2; ++i) ++codes[sender.answer(i)];
  EXPECT_EQ(codes, (std::map<std::string, std::size_t>{{"http.overloaded", 2}, {"http.stopped", 200}}));
}

// Its destructor must not throw: the process would end.
TEST(Scarce, AResponderIsDroppedWithoutMemoryForItsAnswer) {
  refused = 0;
  std::optional<Responder> respond(std::in_place,
                                   std::make_shared<Responder::State>(std::weak_ptr<Connection>{}, 1));
  refused_size = kAnySize;
  respond.reset();
  EXPECT_EQ(refused, 1);
  EXPECT_EQ(refused_size, 0U);
}

}  // namespace
}  // namespace millrace::http
