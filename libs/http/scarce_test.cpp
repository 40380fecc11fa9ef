// What answers and callbacks owe to others when there is no memory: this program's own operator new refuses
// once, where a test says; and its own epoll_ctl has no memory to watch connections with.
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
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
#include "http/server.hpp"
#include "http/test_client.hpp"
#include "http/upstream.hpp"

namespace {

constexpr std::size_t kDequeBlock = 512;  // what a std::deque takes at a time
constexpr std::size_t kAnySize = SIZE_MAX;
thread_local std::size_t refused_size = 0;  // the next of this size on this thread; 0: none
std::atomic<int> refused{0};
std::atomic<int> unwatched{0};  // so many connections the kernel has no memory to watch

}  // namespace

// The kernel's, but for connections while it is out of memory.
extern "C" int epoll_ctl(int set, int operation, int fd, epoll_event* event) noexcept {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  const bool connected = ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0;
  if (operation == EPOLL_CTL_ADD && connected && unwatched.fetch_sub(1) > 0) {
    errno = ENOMEM;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_epoll_ctl, set, operation, fd, event));
}

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

// Closed, counted as refused, and its place is free for the next one.
TEST(Scarce, AConnectionThatTheKernelCannotWatchKeepsNoPlace) {
  constexpr int kRefused = 5;
  ServerConfig config;
  config.limits.connections = 2;
  config.limits.connections_per_address = 2;
  auto server = Server::start(config, [](Request&&, const Responder& respond) {
    respond(Response::text(200, "text/plain", "here"));
  });
  ASSERT_TRUE(server) << server.error().message;
  unwatched = kRefused;
  for (int i = 0; i < kRefused; ++i) {
    testing::TestClient client((*server)->port());
    EXPECT_EQ(client.read_all(), "");
    EXPECT_TRUE(client.closed());
  }
  unwatched = 0;
  EXPECT_EQ((*server)->statistics().refused_connections, std::uint64_t{kRefused});
  for (int i = 0; i < 4000 && (*server)->statistics().connections > 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ((*server)->statistics().connections, 0U);
  testing::TestClient client((*server)->port());
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(testing::status_of(client.read_answer()), 200);
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

// Whoever stops or destroys one has nobody to tell that there was no memory for it.
TEST(Scarce, AnUpstreamIsTurnedAwayAndStoppedWithoutMemory) {
  UpstreamConfig config;
  config.deadline = std::chrono::minutes(5);
  Upstream upstream(config);
  Sender sender(upstream);
  sender.send();
  refused_size = kAnySize;
  upstream.connect_to(0);
  upstream.stop();
  EXPECT_EQ(refused_size, kAnySize) << "nothing was asked for";
  refused_size = 0;
  EXPECT_EQ(sender.answer(0), "http.stopped");
}

TEST(Scarce, AServerDrainsWithoutMemory) {
  auto server = Server::start({}, [](Request&&, const Responder&) {});
  ASSERT_TRUE(server.has_value());
  refused_size = kAnySize;
  (*server)->drain(std::chrono::seconds(1));
  EXPECT_EQ(refused_size, kAnySize) << "nothing was asked for";
  refused_size = 0;
}

}  // namespace
}  // namespace millrace::http
