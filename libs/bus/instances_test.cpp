// Several instances of a service: each with its own facts, counted and asked by itself.
#include <gtest/gtest.h>

#include <array>
#include <future>
#include <memory>
#include <thread>

#include "bus/node.hpp"
#include "bus/testing.hpp"

namespace millrace::bus {
namespace {

using namespace std::chrono_literals;
using testing::BusDirectory;
using testing::fact;
using testing::free_ports;
using testing::kPatience;
using testing::retraction;
using testing::started;

// Facts as "instance/key=value", of all instances of a service.
class InstancesView {
 public:
  EventHandler handler() {
    return {.on_snapshot =
                [this](const v1::Snapshot& snapshot) {
                  change([&] {
                    auto& facts = facts_[snapshot.instance()];
                    facts.clear();
                    for (const v1::Event& event : snapshot.events())
                      facts[event.key()] = event.stream_published().stream_id();
                  });
                },
            .on_event =
                [this](const v1::Event& event) {
                  change([&] {
                    auto& facts = facts_[event.instance()];
                    if (event.retracted()) {
                      facts.erase(event.key());
                    } else {
                      facts[event.key()] = event.stream_published().stream_id();
                    }
                  });
                },
            .on_lost = [this](const PeerName& name) { change([&] { lost_.insert(to_string(name)); }); }};
  }
  std::string text() {
    const std::lock_guard lock(mutex_);
    return text_locked();
  }
  // The text, once it is this, or after the patience.
  std::string when(const std::string& wanted) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [&] { return text_locked() == wanted; });
    return text_locked();
  }
  bool wait_for_loss(const std::string& name) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return lost_.contains(name); });
  }

 private:
  std::string text_locked() const {
    std::string text;
    for (const auto& [instance, facts] : facts_) {
      for (const auto& [key, value] : facts)
        text.append(instance).append("/").append(key).append("=").append(value).append(" ");
    }
    return text;
  }
  void change(const std::function<void()>& apply) {
    {
      const std::lock_guard lock(mutex_);
      apply();
    }
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::map<std::string, std::string>> facts_;
  std::set<std::string> lost_;
};

NodeLimits quick() {
  NodeLimits limits;
  limits.lost_after = 600ms;
  limits.resolve_interval = 50ms;
  return limits;
}

std::unique_ptr<Node> instance(const BusDirectory& directory, const std::string& service,
                               const std::string& name) {
  return started({service, directory.endpoints(name), quick()});
}

// A fact that is auth's to publish; the view shows its key.
v1::Event up(const std::string& key) {
  v1::Event event;
  event.set_key(key);
  event.mutable_stream_barred()->set_barred(true);
  return event;
}

std::string ask(Node& node, const PeerName& name, std::chrono::milliseconds timeout = kPatience) {
  v1::Request request;
  // What auth may ask of ingest, or else ingest of auth.
  if (name.service == "ingest") {
    request.mutable_close_stream();
  } else {
    request.mutable_authorize_play();
  }
  std::promise<std::string> answer;
  node.request(name, std::move(request), timeout, [&](const Result<v1::Reply>& reply) {
    answer.set_value(reply ? reply->stream().stream_id() : std::string(reply.error().code));
  });
  return answer.get_future().get();
}

void answer_as(Node& node, const std::string& name) {
  node.serve([name](const v1::Request&, const Responder& responder) {
    v1::Reply reply;
    reply.mutable_stream()->set_stream_id(name);
    responder(std::move(reply));
  });
}

TEST(Instances, KeepTheirFactsApart) {
  const BusDirectory directory;
  InstancesView view;
  const auto subscriber = started(directory.config("metrics", quick()));
  subscriber->subscribe("ingest", view.handler());
  const auto first = instance(directory, "ingest", "0");
  auto second = instance(directory, "ingest", "1");
  first->publish(fact("stream/a", "1"));
  second->publish(fact("stream/b", "2"));
  EXPECT_EQ(view.when("0/stream/a=1 1/stream/b=2 "), "0/stream/a=1 1/stream/b=2 ");
  // A restart of one replaces its own facts, and no other's.
  second.reset();
  second = instance(directory, "ingest", "1");
  second->publish(fact("stream/c", "3"));
  EXPECT_EQ(view.when("0/stream/a=1 1/stream/c=3 "), "0/stream/a=1 1/stream/c=3 ");
  first->publish(retraction("stream/a"));
  EXPECT_EQ(view.when("1/stream/c=3 "), "1/stream/c=3 ");
}

TEST(Instances, LoseTheirFactsWhenTheirAddressIsGone) {
  const BusDirectory directory;
  InstancesView view;
  const auto subscriber = started(directory.config("metrics", quick()));
  subscriber->subscribe("ingest", view.handler());
  const auto first = instance(directory, "ingest", "0");
  auto second = instance(directory, "ingest", "b");
  first->publish(fact("stream/a", "1"));
  second->publish(fact("stream/b", "2"));
  ASSERT_EQ(view.when("0/stream/a=1 b/stream/b=2 "), "0/stream/a=1 b/stream/b=2 ");
  EXPECT_EQ(subscriber->instances("ingest"), (std::vector<std::string>{"0", "b"}));
  second.reset();
  EXPECT_TRUE(view.wait_for_loss("ingest.b"));
  EXPECT_EQ(view.when("0/stream/a=1 "), "0/stream/a=1 ");
  EXPECT_EQ(subscriber->instances("ingest"), (std::vector<std::string>{"0"}));
}

// Its sockets stay, as those of a killed process do.
TEST(Instances, LoseTheirFactsWhenTheyStayAway) {
  const BusDirectory directory;
  InstancesView view;
  NodeLimits limits = quick();
  limits.release_after = 500ms;
  const auto subscriber = started(directory.config("metrics", limits));
  subscriber->subscribe("ingest", view.handler());
  auto first = instance(directory, "ingest", "0");  // its address is always looked at
  const auto second = instance(directory, "ingest", "b");
  first->publish(fact("stream/a", "1"));
  second->publish(fact("stream/b", "2"));
  ASSERT_EQ(view.when("0/stream/a=1 b/stream/b=2 "), "0/stream/a=1 b/stream/b=2 ");
  first.reset();
  EXPECT_EQ(view.when("b/stream/b=2 "), "b/stream/b=2 ");
  first = instance(directory, "ingest", "0");
  first->publish(fact("stream/a", "3"));
  EXPECT_EQ(view.when("0/stream/a=3 b/stream/b=2 "), "0/stream/a=3 b/stream/b=2 ");
}

TEST(Instances, LoseTheFactsOfTheirFormerName) {
  const BusDirectory near;
  const BusDirectory far;
  EndpointsConfig config;
  config.directory = near.path();
  config.bind = "tcp://127.0.0.1:" + std::to_string(free_ports());
  config.instance = "before";
  const auto named = [&] { return started({"ingest", endpoints(config).value(), quick()}); };
  auto server = named();
  server->publish(fact("stream/a", "1"));
  EndpointsConfig away;
  away.directory = far.path();
  away.addresses["ingest"] = config.bind;
  NodeLimits limits = quick();
  limits.release_after = 500ms;
  InstancesView view;
  const auto subscriber = started({"metrics", endpoints(away).value(), limits});
  subscriber->subscribe("ingest", view.handler());
  ASSERT_EQ(view.when("before/stream/a=1 "), "before/stream/a=1 ");
  server.reset();
  config.instance = "after";
  server = named();
  server->publish(fact("stream/b", "2"));
  EXPECT_TRUE(view.wait_for_loss("ingest.before"));
  EXPECT_EQ(view.when("after/stream/b=2 "), "after/stream/b=2 ");
  EXPECT_EQ(subscriber->instances("ingest"), std::vector<std::string>{"after"});
}

// On two machines, where no lock keeps them apart.
TEST(Instances, AreHeardOnceWhenTwoProcessesHaveOneName) {
  const BusDirectory one;
  const BusDirectory other;
  const BusDirectory far;
  const auto at = [](const BusDirectory& directory, std::uint16_t port) {
    EndpointsConfig config;
    config.directory = directory.path();
    config.bind = "tcp://127.0.0.1:" + std::to_string(port);
    return started({"ingest", endpoints(config).value(), quick()});
  };
  const std::uint16_t first_port = free_ports();
  const std::uint16_t second_port = free_ports();
  EndpointsConfig config;
  config.directory = far.path();
  config.addresses["ingest"] =
      "tcp://127.0.0.1:" + std::to_string(first_port) + ",tcp://127.0.0.1:" + std::to_string(second_port);
  InstancesView view;
  const auto subscriber = started({"metrics", endpoints(config).value(), quick()});
  auto first = at(one, first_port);
  first->publish(fact("stream/a", "1"));
  subscriber->subscribe("ingest", view.handler());
  ASSERT_EQ(view.when("0/stream/a=1 "), "0/stream/a=1 ");
  const auto second = at(other, second_port);
  second->publish(fact("stream/b", "2"));
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatience);
  while (subscriber->statistics().twins == 0 && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(10ms);
  EXPECT_GT(subscriber->statistics().twins, 0u);
  EXPECT_EQ(view.text(), "0/stream/a=1 ");
  first.reset();
  EXPECT_EQ(view.when("0/stream/b=2 "), "0/stream/b=2 ") << "the other one has the name now";
}

TEST(Instances, AnswerWhatIsAddressedToThem) {
  const BusDirectory directory;
  InstancesView view;
  const auto first = instance(directory, "ingest", "0");
  const auto second = instance(directory, "ingest", "1");
  answer_as(*first, "first");
  answer_as(*second, "second");
  first->publish(fact("up", "0"));
  second->publish(fact("up", "1"));
  const auto client = started(directory.config("auth", quick()));
  EXPECT_EQ(ask(*client, {"ingest", "1"}), "bus.unknown_instance") << "not heard of yet";
  client->subscribe("ingest", view.handler());
  ASSERT_EQ(view.when("0/up=0 1/up=1 "), "0/up=0 1/up=1 ");
  EXPECT_EQ(ask(*client, {"ingest", "0"}), "first");
  EXPECT_EQ(ask(*client, {"ingest", "1"}), "second");
  EXPECT_EQ(ask(*client, {"ingest", "2"}), "bus.unknown_instance");
  EXPECT_EQ(ask(*client, {"nobody", "0"}), "bus.unknown_service");
}

TEST(Instances, AreAskedInTheirOrderAndOnlyWhileTheyAreThere) {
  const BusDirectory directory;
  InstancesView view;
  auto first = instance(directory, "auth", "0");
  const auto second = instance(directory, "auth", "1");
  answer_as(*first, "first");
  answer_as(*second, "second");
  first->publish(up("0"));
  second->publish(up("1"));
  const auto client = started(directory.config("ingest", quick()));
  client->subscribe("auth", view.handler());
  ASSERT_EQ(view.when("0/0= 1/1= "), "0/0= 1/1= ");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask(*client, {"auth", ""}), "first");
  first.reset();
  ASSERT_TRUE(view.wait_for_loss("auth"));
  EXPECT_EQ(ask(*client, {"auth", ""}), "second");
  first = instance(directory, "auth", "0");
  answer_as(*first, "first again");
  first->publish(up("2"));
  ASSERT_EQ(view.when("0/2= 1/1= "), "0/2= 1/1= ");
  EXPECT_EQ(ask(*client, {"auth", ""}), "first again");
}

TEST(Instances, AreAskedByNameWhereTheyAreNow) {
  const std::array<BusDirectory, 3> directories;
  std::array<std::string, 2> at;
  for (std::string& address : at) address = "tcp://127.0.0.1:" + std::to_string(free_ports());
  const auto ingest_at = [&](std::size_t place) {
    EndpointsConfig config;
    config.directory = directories[place].path();
    config.instance = "1";
    config.bind = at[place];
    auto node = started({"ingest", endpoints(config).value(), quick()});
    answer_as(*node, std::to_string(place));
    node->publish(fact("up", std::to_string(place)));
    return node;
  };
  EndpointsConfig config;
  config.directory = directories[2].path();
  config.addresses["ingest"] = at[0] + "," + at[1];
  InstancesView view;
  const auto client = started({"auth", endpoints(config).value(), quick()});
  client->subscribe("ingest", view.handler());
  auto ingest = ingest_at(0);
  ASSERT_EQ(view.when("1/up=0 "), "1/up=0 ");
  EXPECT_EQ(ask(*client, {"ingest", "1"}), "0");
  ingest.reset();
  // One that is asked while it is away waits for it, and not for its former address.
  std::promise<std::string> waiting;
  v1::Request close;
  close.mutable_close_stream();
  client->request(PeerName{"ingest", "1"}, std::move(close), kPatience, [&](const Result<v1::Reply>& reply) {
    waiting.set_value(reply ? reply->stream().stream_id() : std::string(reply.error().code));
  });
  ingest = ingest_at(1);
  ASSERT_EQ(view.when("1/up=1 "), "1/up=1 ");
  EXPECT_EQ(ask(*client, {"ingest", "1"}), "1");
  EXPECT_EQ(waiting.get_future().get(), "1");
  ingest.reset();
  ingest = ingest_at(0);
  ASSERT_EQ(view.when("1/up=0 "), "1/up=0 ");
  EXPECT_EQ(ask(*client, {"ingest", "1"}), "0") << "and back again";
}

TEST(Instances, RefuseASecondProcessOfTheSameNameOnly) {
  const BusDirectory directory;
  const auto first = instance(directory, "ingest", "1");
  const auto other = instance(directory, "ingest", "2");
  EXPECT_NE(other, nullptr);
  const Result<std::unique_ptr<Node>> twin = Node::start({"ingest", directory.endpoints("1"), {}});
  ASSERT_FALSE(twin);
  EXPECT_EQ(twin.error().code, "bus.in_use");
}

TEST(Instances, AreReachedOverIpcAndTcpAtTheSameTime) {
  const BusDirectory near;
  const BusDirectory far;
  const std::string at = "[::1]:" + std::to_string(free_ports());
  EndpointsConfig config;
  config.directory = near.path();
  config.bind = "tcp://" + at;
  const auto server = started({"ingest", endpoints(config).value(), quick()});
  server->publish(fact("stream/a", "1"));
  InstancesView by_ipc;
  const auto neighbour = started(near.config("metrics", quick()));
  neighbour->subscribe("ingest", by_ipc.handler());
  config = {};
  config.directory = far.path();
  // The same one at two addresses is heard of once.
  config.addresses["ingest"] = "tcp://" + at + ",ipc://" + near.path() + "/ingest";
  InstancesView by_both;
  const auto stranger = started({"metrics", endpoints(config).value(), quick()});
  stranger->subscribe("ingest", by_both.handler());
  EXPECT_EQ(by_ipc.when("0/stream/a=1 "), "0/stream/a=1 ");
  EXPECT_EQ(by_both.when("0/stream/a=1 "), "0/stream/a=1 ");
  server->publish(fact("stream/b", "2"));
  EXPECT_EQ(by_both.when("0/stream/a=1 0/stream/b=2 "), "0/stream/a=1 0/stream/b=2 ");
  EXPECT_EQ(stranger->instances("ingest").size(), 1u);
}

TEST(Instances, AreFoundAgainWhenTheirNameStandsForAnotherAddress) {
  const BusDirectory directory;
  const std::uint16_t port = free_ports();
  std::mutex mutex;
  std::vector<std::string> numbers{"127.0.0.1"};
  const auto server_at = [&](const std::string& number) {
    EndpointsConfig config;
    config.directory = directory.path();
    config.bind = "tcp://" + number + ":" + std::to_string(port);
    return started({"ingest", endpoints(config).value(), quick()});
  };
  const BusDirectory far;
  EndpointsConfig config;
  config.directory = far.path();
  config.addresses["ingest"] = "tcp://moves.localhost:" + std::to_string(port);
  InstancesView view;
  const auto client = started({"auth", endpoints(config).value(), quick(), [&](const std::string&) {
                                 const std::lock_guard lock(mutex);
                                 return numbers;
                               }});
  client->subscribe("ingest", view.handler());
  auto server = server_at("127.0.0.1");
  server->publish(fact("stream/a", "1"));
  ASSERT_EQ(view.when("0/stream/a=1 "), "0/stream/a=1 ");
  server.reset();
  server = server_at("127.0.0.2");
  server->publish(fact("stream/b", "2"));
  answer_as(*server, "moved");
  {
    const std::lock_guard lock(mutex);
    numbers = {"127.0.0.2"};
  }
  EXPECT_EQ(view.when("0/stream/b=2 "), "0/stream/b=2 ");
  EXPECT_EQ(ask(*client, {"ingest", "0"}), "moved");
  // A name that can't be looked up for a while changes nothing.
  {
    const std::lock_guard lock(mutex);
    numbers.clear();
  }
  std::this_thread::sleep_for(300ms);
  EXPECT_EQ(ask(*client, {"ingest", "0"}), "moved");
}

}  // namespace
}  // namespace millrace::bus
