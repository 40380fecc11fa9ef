// What happens when a socket cannot be had, as with no descriptor left: the context's bound stands for it.
#include "bus/link.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <thread>

#include "base/clock.hpp"
#include "bus/mailbox.hpp"
#include "bus/peers.hpp"
#include "bus/testing.hpp"

namespace millrace::bus {
namespace {

constexpr int kSockets = 3;

bool soon(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + testing::kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

class Sockets {
 public:
  Sockets() { context.set(zmq::ctxopt::max_sockets, kSockets); }
  void take(int count) {
    for (int i = 0; i < count; ++i) held_.emplace_back(context, zmq::socket_type::pair);
  }
  void release() { held_.clear(); }

  zmq::context_t context;

 private:
  std::vector<zmq::socket_t> held_;
};

TEST(BusLink, IsTriedAgainWhenThereWasNoSocket) {
  Sockets sockets;
  const NodeLimits limits;
  const Linker linker(sockets.context, limits, nullptr);
  Link link{.address = {.kind = Address::Kind::kIpc, .host = "/tmp/nobody"}};
  sockets.take(kSockets - 1);
  const Linker::Wanted wanted{.events = true, .commands = true, .pointers = false};
  linker.open("auth", link, wanted, 1000);
  EXPECT_TRUE(link.events.has_value());
  EXPECT_FALSE(link.commands.has_value());
  EXPECT_EQ(linker.next_due_us("auth", link), 1000 + 1'000'000);
  sockets.release();
  // ZeroMQ closes them on a thread of its own.
  EXPECT_TRUE(soon([&] {
    linker.open("auth", link, wanted, 1'001'000);
    return link.commands.has_value();
  }));
  EXPECT_EQ(linker.next_due_us("auth", link), kNever);
}

TEST(BusLink, PeersListenOnceThereIsASocketAgain) {
  const testing::BusDirectory directory;
  Sockets sockets;
  sockets.take(kSockets);
  const NodeConfig config = directory.config("");
  const auto mailbox = std::make_shared<Mailbox>(config, 1);
  Peers peers(sockets.context, config, nullptr, mailbox, [](const std::string&) {});
  const auto sockets_of = [&] {
    std::vector<zmq::pollitem_t> items;
    peers.add_to(items);
    return items.size();
  };
  peers.subscribe("auth", {});
  EXPECT_EQ(sockets_of(), 0U);
  const std::int64_t due = peers.next_due_us();
  ASSERT_NE(due, kNever);
  peers.expire(due);
  EXPECT_EQ(sockets_of(), 0U) << "there is still none";
  sockets.release();
  EXPECT_GT(peers.next_due_us(), due);
  EXPECT_TRUE(soon([&] {
    peers.expire(peers.next_due_us());
    return sockets_of() == 2;
  }));
}

TEST(BusLink, AnEventThatComesBeforeThereAreAllSocketsIsNoAccident) {
  const testing::BusDirectory directory;
  const auto auth = testing::started(directory.config("auth"));
  Sockets sockets;
  sockets.take(kSockets - 1);
  const NodeConfig config = directory.config("", {.connect_retry = std::chrono::milliseconds(10)});
  const auto mailbox = std::make_shared<Mailbox>(config, 1);
  Peers peers(sockets.context, config, nullptr, mailbox, [](const std::string&) {});
  int heard = 0;
  peers.subscribe("auth", {.on_snapshot = [&](const v1::Snapshot&) { ++heard; }});
  const auto publish = [&] {
    v1::Event event;
    event.set_key("fact");
    event.mutable_watching_facts()->set_complete(true);
    auth->publish(event);
    peers.serve();
    return mailbox->counters.received > 0;
  };
  EXPECT_TRUE(soon(publish));
  EXPECT_EQ(heard, 0) << "there is no socket to ask for a snapshot by";
  sockets.release();
  EXPECT_TRUE(soon([&] {
    peers.expire(monotonic_us());
    peers.serve();
    return heard > 0;
  }));
}

}  // namespace
}  // namespace millrace::bus
