#include "net/poller.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <future>
#include <stdexcept>
#include <thread>

#include "net/io_threads.hpp"
#include "net/timer.hpp"
#include "net/unique_fd.hpp"

namespace millrace::net {
namespace {

using namespace std::chrono_literals;

struct Pair {
  Pair() {
    std::array<int, 2> fds{-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()), 0);
    near.reset(fds[0]);
    far.reset(fds[1]);
  }
  UniqueFd near;
  UniqueFd far;
};

struct Recorder final : PollClient {
  void on_ready(bool readable, bool writable) override {
    reads += readable ? 1 : 0;
    writes += writable ? 1 : 0;
    std::array<char, 64> buffer{};
    while (readable && fd >= 0 && ::read(fd, buffer.data(), buffer.size()) > 0) {
    }
    if (poller != nullptr) poller->count_bytes(counts);
    if (throws) throw std::length_error("too long");
  }
  void on_exception() override { ++exceptions; }
  bool throws = false;
  int exceptions = 0;
  Poller* poller = nullptr;
  std::size_t counts = 0;
  int fd = -1;
  int reads = 0;
  int writes = 0;
};

TEST(Poller, TellsOfReadableSocketsAndOfTheEndOfEachDispatch) {
  boost::asio::io_context context;
  int dispatches = 0;
  auto poller = Poller::open(context, {0, [&] { ++dispatches; }});
  ASSERT_TRUE(poller);
  Pair a;
  Pair b;
  Recorder on_a;
  Recorder on_b;
  on_a.fd = a.near.get();
  on_b.fd = b.near.get();
  ASSERT_TRUE((*poller)->add(a.near.get(), on_a));
  ASSERT_TRUE((*poller)->add(b.near.get(), on_b));
  ASSERT_EQ(::write(a.far.get(), "x", 1), 1);
  while (dispatches == 0 && context.run_one_for(5s) > 0) {
  }
  EXPECT_EQ(on_a.reads, 1);
  EXPECT_EQ(on_b.reads, 0);
  EXPECT_EQ(on_a.writes, 0);
  (*poller)->remove(a.near.get());
  ASSERT_EQ(::write(a.far.get(), "x", 1), 1);
  b.far.reset();  // the end of the peer is something to read too
  while (dispatches == 1 && context.run_one_for(5s) > 0) {
  }
  EXPECT_EQ(on_a.reads, 1);
  EXPECT_EQ(on_b.reads, 1);
}

// Under load it must look at its own pace, not at every packet's.
TEST(Poller, DoesNotWakeForEachPacketWhileGathering) {
  boost::asio::io_context context;
  std::uint64_t dispatches = 0;
  auto poller = Poller::open(context, {5'000, [&] { ++dispatches; }});
  ASSERT_TRUE(poller);
  Pair pair;
  Recorder recorder;
  recorder.fd = pair.near.get();
  ASSERT_TRUE((*poller)->add(pair.near.get(), recorder));
  while (!(*poller)->statistics().gathering) {
    ASSERT_EQ(::write(pair.far.get(), "x", 1), 1);
    context.run_one_for(5s);
  }
  const std::uint64_t before = dispatches;
  std::uint64_t handlers = 0;
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(::write(pair.far.get(), "x", 1), 1);
    handlers += context.poll();
  }
  // What ran was the timer, if it was due; a packet by itself runs nothing.
  EXPECT_EQ(handlers, dispatches - before);
  const int reads = recorder.reads;
  while (recorder.reads == reads && context.run_one_for(5s) > 0) {
  }
  while ((*poller)->statistics().gathering && context.run_one_for(5s) > 0) {
  }
  ASSERT_EQ(::write(pair.far.get(), "x", 1), 1);  // calm again: at once
  const int calm_reads = recorder.reads;
  while (recorder.reads == calm_reads && context.run_one_for(5s) > 0) {
  }
  EXPECT_GT(recorder.reads, calm_reads);
}

TEST(Poller, DoesNotGatherWhatBringsMuchAtOnce) {
  boost::asio::io_context context;
  auto poller = Poller::open(context, {5'000, {}});
  ASSERT_TRUE(poller);
  Pair pair;
  Recorder recorder;
  recorder.fd = pair.near.get();
  recorder.poller = poller->get();
  recorder.counts = 256U << 10;
  ASSERT_TRUE((*poller)->add(pair.near.get(), recorder));
  for (int i = 0; i < 2000; ++i) {
    ASSERT_EQ(::write(pair.far.get(), "x", 1), 1);
    context.run_one_for(5s);
    ASSERT_FALSE((*poller)->statistics().gathering);
  }
  recorder.counts = 1;
  while (!(*poller)->statistics().gathering) {
    ASSERT_EQ(::write(pair.far.get(), "x", 1), 1);
    context.run_one_for(5s);
  }
}

TEST(Poller, TellsOfWritableSocketsOnlyWhileAsked) {
  boost::asio::io_context context;
  auto poller = Poller::open(context, {0, {}});
  ASSERT_TRUE(poller);
  Pair pair;
  Recorder recorder;
  recorder.fd = pair.near.get();
  ASSERT_TRUE((*poller)->add(pair.near.get(), recorder));
  context.poll();
  EXPECT_EQ(recorder.writes, 0);
  (*poller)->watch(pair.near.get(), recorder, true, true);
  while (recorder.writes == 0 && context.run_one_for(5s) > 0) {
  }
  (*poller)->watch(pair.near.get(), recorder, true, false);
  context.restart();
  context.poll();
  const int writes = recorder.writes;
  context.poll();
  EXPECT_EQ(recorder.writes, writes);
}

TEST(Timer, RunsItsNewestCallbackOnce) {
  boost::asio::io_context context;
  Timer timer(context);
  int first = 0;
  int second = 0;
  timer.start(1, [&] { ++first; });
  timer.start(2, [&] { ++second; });
  EXPECT_TRUE(timer.running());
  context.run();
  EXPECT_EQ(first, 0);
  EXPECT_EQ(second, 1);
  EXPECT_FALSE(timer.running());
}

TEST(Timer, IsSilentAfterItsEnd) {
  boost::asio::io_context context;
  bool ran = false;
  {
    Timer(context).start(0, [&] { ran = true; });
  }
  context.run();
  EXPECT_FALSE(ran);
}

TEST(IoThreads, RunPostedWorkEachOnItsOwnThread) {
  IoThreads threads("test", 2);
  std::array<std::thread::id, 2> ids;
  std::atomic<int> done{0};
  for (std::size_t i = 0; i < 2; ++i) {
    threads.post(i, [&, i] {
      ids.at(i) = std::this_thread::get_id();
      done.fetch_add(1);
      done.notify_all();
    });
  }
  threads.start();
  for (int seen = done.load(); seen < 2; seen = done.load()) done.wait(seen);
  EXPECT_NE(ids[0], ids[1]);
  threads.stop();
}

TEST(Poller, SurvivesAClientThatThrowsAndTellsTheOthers) {
  boost::asio::io_context context;
  int dispatches = 0;
  auto poller = Poller::open(context, {0, [&] {
                                         ++dispatches;
                                         throw std::runtime_error("after the dispatch");
                                       }});
  ASSERT_TRUE(poller);
  Pair a;
  Pair b;
  Recorder on_a;
  Recorder on_b;
  on_a.fd = a.near.get();
  on_b.fd = b.near.get();
  on_a.throws = true;
  ASSERT_TRUE((*poller)->add(a.near.get(), on_a));
  ASSERT_TRUE((*poller)->add(b.near.get(), on_b));
  for (int round = 1; round <= 2; ++round) {
    ASSERT_EQ(::write(a.far.get(), "x", 1), 1);
    ASSERT_EQ(::write(b.far.get(), "x", 1), 1);
    while ((on_a.reads < round || on_b.reads < round) && context.run_one_for(5s) > 0) {
    }
    EXPECT_EQ(on_a.exceptions, round);
    EXPECT_EQ(on_b.reads, round);
    EXPECT_EQ(on_b.exceptions, 0);
  }
  EXPECT_GE(dispatches, 2);
}

TEST(IoThreads, GoOnWhenWorkThrows) {
  IoThreads threads("test", 1);
  threads.start();
  threads.post(0, [] { throw std::length_error("too long"); });
  std::promise<void> done;
  Timer throws(threads.context(0));
  Timer then(threads.context(0));
  threads.post(0, [&] {
    throws.start(1, [&] {
      then.start(1, [&] { done.set_value(); });
      throw std::runtime_error("timer");
    });
  });
  done.get_future().wait();
  threads.stop();
}

}  // namespace
}  // namespace millrace::net
