// What the bus promises when whole processes stop, die, overflow or talk nonsense: the state is right
// afterwards.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <future>
#include <memory>
#include <random>
#include <thread>
#include <zmq.hpp>

#include "bus/testing.hpp"

namespace millrace::bus {
namespace {

using namespace std::chrono_literals;
using testing::BusDirectory;
using testing::fact;
using testing::FactView;
using testing::kPatience;
using testing::retraction;

// A bus_peer, killed at the end.
class PeerProcess {
 public:
  PeerProcess(const std::string& role, const std::string& directory, int high_water) {
    int to_child[2];
    int from_child[2];
    // A peer that died is an answer, not the end of the test.
    ::signal(SIGPIPE, SIG_IGN);
    if (::pipe2(to_child, O_CLOEXEC) != 0 || ::pipe2(from_child, O_CLOEXEC) != 0)
      throw std::runtime_error("pipe");
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, to_child[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, from_child[1], STDOUT_FILENO);
    std::string program = BUS_PEER_PROGRAM;
    std::string limit = std::to_string(high_water);
    std::string first = role;
    std::string second = directory;
    char* arguments[] = {program.data(), first.data(), second.data(), limit.data(), nullptr};
    if (::posix_spawn(&pid_, program.c_str(), &files, nullptr, arguments, environ) != 0)
      throw std::runtime_error("spawn");
    posix_spawn_file_actions_destroy(&files);
    ::close(to_child[0]);
    ::close(from_child[1]);
    input_ = ::fdopen(to_child[1], "w");
    output_ = ::fdopen(from_child[0], "r");
    EXPECT_EQ(answer(), "ready");
  }
  ~PeerProcess() {
    kill();
    ::fclose(input_);
    ::fclose(output_);
  }
  PeerProcess(const PeerProcess&) = delete;
  PeerProcess& operator=(const PeerProcess&) = delete;

  std::string tell(const std::string& line) {
    std::fputs((line + "\n").c_str(), input_);
    std::fflush(input_);
    return answer();
  }
  // The facts it shows, once they are these, or after the patience.
  std::string facts_when(const std::string& wanted) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    for (;;) {
      std::string facts = tell("facts");
      if (facts == wanted || std::chrono::steady_clock::now() > end) return facts;
      std::this_thread::sleep_for(10ms);
    }
  }
  void signal(int number) const { ::kill(pid_, number); }
  // Until the last of its threads stands still.
  void stop() const {
    signal(SIGSTOP);
    ::waitpid(pid_, nullptr, WUNTRACED);
  }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  std::string answer() {
    char line[65536];
    if (std::fgets(line, sizeof line, output_) == nullptr) return "gone";
    std::string text = line;
    if (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
  }

  pid_t pid_ = 0;
  FILE* input_ = nullptr;
  FILE* output_ = nullptr;
};

std::unique_ptr<Node> started(const BusDirectory& directory, const std::string& instance,
                              int high_water = 1000) {
  NodeLimits limits;
  limits.high_water = high_water;
  return testing::started(directory.config(instance, limits));
}

constexpr int kSmallHighWater = 20;

// Far more than a high-water mark of 20 and the socket's own buffer hold.
void flood(Node& publisher, int events) {
  const std::string value(2000, 'x');
  for (int i = 0; i < events; ++i) publisher.publish(fact("stream/flood", value));
}

// Publishes while the subscriber is stopped, so much that most of it is lost, with changes of all kinds in
// between.
void expect_right_after_stop(std::chrono::milliseconds stopped) {
  const BusDirectory directory;
  const auto publisher = started(directory, "ingest", kSmallHighWater);
  publisher->publish(fact("stream/kept", "1"));
  publisher->publish(fact("stream/gone", "1"));
  publisher->publish(fact("stream/changed", "1"));
  PeerProcess subscriber("subscribe", directory.path(), kSmallHighWater);
  const std::string before = "stream/changed=1;stream/gone=1;stream/kept=1;";
  ASSERT_EQ(subscriber.facts_when(before), before);
  subscriber.signal(SIGSTOP);
  publisher->publish(fact("stream/changed", "2"));
  publisher->publish(retraction("stream/gone"));
  flood(*publisher, 3000);
  publisher->publish(fact("stream/new", "1"));
  publisher->publish(retraction("stream/flood"));
  std::this_thread::sleep_for(stopped);
  subscriber.signal(SIGCONT);
  const std::string after = "stream/changed=2;stream/kept=1;stream/new=1;";
  EXPECT_EQ(subscriber.facts_when(after), after);
  publisher->publish(fact("stream/new", "2"));
  const std::string later = "stream/changed=2;stream/kept=1;stream/new=2;";
  EXPECT_EQ(subscriber.facts_when(later), later);
}

TEST(BusProcesses, AreRightAfterASubscriberWasStoppedAndEverythingOverflowed) {
  expect_right_after_stop(0ms);
}

TEST(BusProcesses, AreRightAfterASubscriberWasStoppedForTenSeconds) {
  expect_right_after_stop(10s);
}

TEST(BusProcesses, AreRightAfterThePublisherWasKilledAndStartedAgain) {
  const BusDirectory directory;
  FactView view;
  const auto subscriber = started(directory, "packaging");
  subscriber->subscribe("ingest", view.handler());
  for (int round = 0; round < 5; ++round) {
    PeerProcess publisher("publish", directory.path(), 1000);
    const std::string own = "stream/" + std::to_string(round);
    publisher.tell("fact " + own + " first");
    publisher.tell("fact stream/all " + std::to_string(round));
    EXPECT_TRUE(view.wait_for({{own, "first"}, {"stream/all", std::to_string(round)}})) << round;
    publisher.tell("fact " + own + " second");
    EXPECT_TRUE(view.wait_for({{own, "second"}, {"stream/all", std::to_string(round)}})) << round;
    // In the middle of things: what it says now may or may not arrive.
    publisher.tell("fact stream/last words");
    publisher.kill();
  }
}

TEST(BusProcesses, NoticeAKilledPublisherAsLost) {
  const BusDirectory directory;
  FactView view;
  NodeLimits limits;
  limits.lost_after = 500ms;
  const auto subscriber = Node::start(directory.config("packaging", limits));
  ASSERT_TRUE(subscriber);
  (*subscriber)->subscribe("ingest", view.handler());
  {
    PeerProcess publisher("publish", directory.path(), 1000);
    publisher.tell("fact stream/a 1");
    EXPECT_TRUE(view.wait_for({{"stream/a", "1"}}));
  }
  EXPECT_TRUE(view.wait_for_losses(1));
  EXPECT_EQ(view.facts(), (FactView::Facts{{"stream/a", "1"}})) << "old facts stay until there are new ones";
}

TEST(BusProcesses, AreRightAfterTheHighWaterMarkWasReached) {
  const BusDirectory directory;
  FactView view;
  std::promise<void> blocked;
  std::promise<void> released;
  std::once_flag once;
  const auto publisher = started(directory, "ingest", kSmallHighWater);
  const auto subscriber = started(directory, "packaging", kSmallHighWater);
  EventHandler handler = view.handler();
  const auto show = handler.on_event;
  handler.on_event = [&](const v1::Event& event) {
    std::call_once(once, [&] {
      blocked.set_value();
      released.get_future().wait();
    });
    show(event);
  };
  subscriber->subscribe("ingest", handler);
  ASSERT_TRUE(view.wait_for_snapshots(1));
  publisher->publish(fact("stream/a", "1"));
  // The first event may have been part of the snapshot; go on until one arrives as an event.
  auto is_blocked = blocked.get_future();
  while (is_blocked.wait_for(10ms) != std::future_status::ready) publisher->publish(fact("stream/a", "1"));
  flood(*publisher, 3000);
  publisher->publish(fact("stream/a", "2"));
  publisher->publish(retraction("stream/flood"));
  released.set_value();
  EXPECT_TRUE(view.wait_for({{"stream/a", "2"}}));
  EXPECT_GT(subscriber->statistics().gaps, 0u);
}

TEST(BusProcesses, AreRightAfterTheQueueToTheBusThreadOverflowed) {
  const BusDirectory directory;
  FactView view;
  NodeLimits limits;
  limits.queue = 1;
  const auto publisher = Node::start(directory.config("ingest", limits));
  ASSERT_TRUE(publisher);
  const auto subscriber = started(directory, "packaging");
  subscriber->subscribe("ingest", view.handler());
  ASSERT_TRUE(view.wait_for_snapshots(1));
  for (int i = 0; i < 2000; ++i)
    (*publisher)->publish(fact("stream/" + std::to_string(i % 10), std::to_string(i)));
  FactView::Facts right;
  for (int i = 1990; i < 2000; ++i) right["stream/" + std::to_string(i % 10)] = std::to_string(i);
  EXPECT_TRUE(view.wait_for(right));
  EXPECT_GT((*publisher)->statistics().dropped, 0u);
}

// Connects to a socket file without ZeroMQ and writes random bytes until the other side hangs up or all are
// written.
void write_noise(const std::string& path, unsigned seed) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    std::mt19937 random(seed);
    std::string noise(20'000, '\0');
    for (char& byte : noise) byte = static_cast<char>(random());
    // Some begin like a greeting of ZMTP 3.
    if (seed % 2 == 0) noise.replace(0, 12, std::string("\xFF\0\0\0\0\0\0\0\1\x7F\3\0", 12));
    ::send(fd, noise.data(), noise.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  ::close(fd);
}

v1::Request get_stream() {
  v1::Request request;
  request.mutable_get_stream()->set_name("x");
  return request;
}

TEST(BusProcesses, AnswerAfterNoiseAndMalformedMessages) {
  const BusDirectory directory;
  const auto server = started(directory, "auth");
  server->serve([](const v1::Request&, const Responder& responder) { responder({}); });
  zmq::context_t context;
  zmq::socket_t stranger(context, zmq::socket_type::dealer);
  stranger.set(zmq::sockopt::linger, 0);
  stranger.connect("ipc://" + directory.path() + "/auth.commands");
  stranger.send(zmq::str_buffer("\xFF\xFF not a request"), zmq::send_flags::none);
  stranger.send(zmq::str_buffer("two"), zmq::send_flags::sndmore);
  stranger.send(zmq::str_buffer("parts"), zmq::send_flags::none);
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (server->statistics().malformed < 2 && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(5ms);
  ASSERT_EQ(server->statistics().malformed, 2u);
  for (unsigned seed = 0; seed < 20; ++seed) {
    for (const char* socket : {"events", "commands", "pointers"}) {
      write_noise(directory.path() + "/auth." + socket, seed);
    }
  }
  // Too large: the connection is closed.
  stranger.send(zmq::buffer(std::string(2'000'000, 'x')), zmq::send_flags::none);
  std::promise<bool> answered;
  const auto client = started(directory, "api");
  client->request("auth", get_stream(), kPatience,
                  [&](const Result<v1::Reply>& reply) { answered.set_value(reply.has_value()); });
  EXPECT_TRUE(answered.get_future().get());
}

TEST(BusProcesses, AreRightAfterAnImpostorPublishedNonsense) {
  const BusDirectory directory;
  FactView view;
  const auto subscriber = started(directory, "packaging");
  subscriber->subscribe("ingest", view.handler());
  {
    zmq::context_t context;
    zmq::socket_t impostor(context, zmq::socket_type::pub);
    impostor.set(zmq::sockopt::linger, 0);
    impostor.bind("ipc://" + directory.path() + "/ingest.events");
    v1::Event foreign = fact("stream/foreign", "x");
    foreign.set_service("somebody");
    foreign.set_sequence(7);
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (subscriber->statistics().malformed < 10 && std::chrono::steady_clock::now() < end) {
      impostor.send(zmq::str_buffer("\x01\x02\x03 nonsense"), zmq::send_flags::none);
      impostor.send(zmq::buffer(foreign.SerializeAsString()), zmq::send_flags::none);
      std::this_thread::sleep_for(5ms);
    }
    EXPECT_GE(subscriber->statistics().malformed, 10u);
  }
  const auto publisher = started(directory, "ingest");
  publisher->publish(fact("stream/a", "1"));
  EXPECT_TRUE(view.wait_for({{"stream/a", "1"}}));
}

// What a publisher of a release before instances sends: each message has a service, and no instance.
TEST(BusProcesses, HearAPublisherThatKnowsOfNoInstances) {
  const BusDirectory directory;
  FactView view;
  zmq::context_t context;
  zmq::socket_t events(context, zmq::socket_type::pub);
  zmq::socket_t commands(context, zmq::socket_type::router);
  for (zmq::socket_t* socket : {&events, &commands}) socket->set(zmq::sockopt::linger, 0);
  commands.set(zmq::sockopt::rcvtimeo, static_cast<int>(std::chrono::milliseconds(kPatience).count()));
  events.bind("ipc://" + directory.path() + "/ingest.events");
  commands.bind("ipc://" + directory.path() + "/ingest.commands");
  const auto of_ingest = [](v1::Event event, std::uint64_t sequence) {
    event.set_service("ingest");
    event.set_boot_id(5);
    event.set_sequence(sequence);
    return event;
  };
  const auto subscriber = started(directory, "packaging");
  subscriber->subscribe("ingest", view.handler());
  zmq::message_t peer;
  zmq::message_t body;
  ASSERT_TRUE(commands.recv(peer) && commands.recv(body));
  v1::Request request;
  ASSERT_TRUE(request.ParseFromArray(body.data(), static_cast<int>(body.size())));
  v1::Reply reply;
  reply.set_id(request.id());
  reply.mutable_snapshot()->set_service("ingest");
  reply.mutable_snapshot()->set_boot_id(5);
  reply.mutable_snapshot()->set_sequence(1);
  *reply.mutable_snapshot()->add_events() = of_ingest(fact("stream/a", "1"), 1);
  commands.send(peer, zmq::send_flags::sndmore);
  commands.send(zmq::buffer(reply.SerializeAsString()), zmq::send_flags::none);
  ASSERT_TRUE(view.wait_for({{"stream/a", "1"}}));
  events.send(zmq::buffer(of_ingest(fact("stream/b", "2"), 2).SerializeAsString()), zmq::send_flags::none);
  EXPECT_TRUE(view.wait_for({{"stream/a", "1"}, {"stream/b", "2"}}));
  EXPECT_EQ(subscriber->instances("ingest"), std::vector<std::string>{"0"});
}

TEST(BusProcesses, DropCommandsThatLayInTheQueueOfAStoppedProcess) {
  const BusDirectory directory;
  PeerProcess server("publish", directory.path(), 1000);
  std::promise<std::string> first;
  std::promise<std::string> second;
  const auto client = started(directory, "api");
  client->request("ingest", get_stream(), kPatience,
                  [&](const Result<v1::Reply>& reply) { first.set_value(std::string(reply.error().code)); });
  EXPECT_EQ(first.get_future().get(), "bus.not_serving");
  server.stop();
  client->request("ingest", get_stream(), 100ms,
                  [&](const Result<v1::Reply>& reply) { second.set_value(std::string(reply.error().code)); });
  EXPECT_EQ(second.get_future().get(), "bus.deadline");
  server.signal(SIGCONT);
  EXPECT_EQ(server.tell("fact stream/a 1"), "ok");
}

}  // namespace
}  // namespace millrace::bus
