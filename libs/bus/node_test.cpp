#include "bus/node.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <future>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "bus/testing.hpp"

namespace millrace::bus {
namespace {

using namespace std::chrono_literals;
using testing::BusDirectory;
using testing::fact;
using testing::FactView;
using testing::kPatience;
using testing::retraction;
using testing::started;

Result<v1::Reply> ask(Node& node, std::string_view service, v1::Request request,
                      std::chrono::milliseconds timeout = kPatience) {
  auto answer = std::make_shared<std::promise<Result<v1::Reply>>>();
  std::future<Result<v1::Reply>> future = answer->get_future();
  node.request(service, std::move(request), timeout,
               [answer](Result<v1::Reply> reply) { answer->set_value(std::move(reply)); });
  return future.get();
}

v1::Request get_stream(const std::string& name, const std::string& key = {}) {
  v1::Request request;
  request.mutable_get_stream()->set_name(name);
  request.set_idempotency_key(key);
  return request;
}

v1::Reply stream_reply(const std::string& id) {
  v1::Reply reply;
  reply.mutable_stream()->set_stream_id(id);
  return reply;
}

TEST(Node, ShowsFactsPublishedBeforeAndAfterTheSubscription) {
  const BusDirectory directory;
  FactView view;
  const auto publisher = started(directory.config("ingest"));
  publisher->publish(fact("stream/a", "a1"));
  publisher->publish(fact("stream/b", "b1"));
  const auto subscriber = started(directory.config("packaging"));
  subscriber->subscribe("ingest", view.handler());
  EXPECT_TRUE(view.wait_for({{"stream/a", "a1"}, {"stream/b", "b1"}}));
  publisher->publish(fact("stream/b", "b2"));
  publisher->publish(retraction("stream/a"));
  EXPECT_TRUE(view.wait_for({{"stream/b", "b2"}}));
}

TEST(Node, SubscribesBeforeThePublisherIsThere) {
  const BusDirectory directory;
  FactView view;
  NodeLimits limits;
  limits.lost_after = 300ms;
  const auto subscriber = started(directory.config("packaging", limits));
  subscriber->subscribe("ingest", view.handler());
  EXPECT_TRUE(view.wait_for_losses(1));
  const auto publisher = started(directory.config("ingest"));
  publisher->publish(fact("stream/a", "a1"));
  EXPECT_TRUE(view.wait_for({{"stream/a", "a1"}}));
}

TEST(Node, SeesARestartOfThePublisherAndItsNewFacts) {
  const BusDirectory directory;
  FactView view;
  const auto subscriber = started(directory.config("packaging"));
  subscriber->subscribe("ingest", view.handler());
  auto publisher = started(directory.config("ingest"));
  publisher->publish(fact("stream/a", "a1"));
  EXPECT_TRUE(view.wait_for({{"stream/a", "a1"}}));
  publisher.reset();
  publisher = started(directory.config("ingest"));
  publisher->publish(fact("stream/b", "b1"));
  EXPECT_TRUE(view.wait_for({{"stream/b", "b1"}}));
}

TEST(Node, AnswersRequestsAlsoOfThoseWhoAskedBeforeItWasThere) {
  const BusDirectory directory;
  std::promise<std::string> early;
  const auto client = started(directory.config("packaging"));
  client->request("auth", get_stream("early"), kPatience, [&](const Result<v1::Reply>& reply) {
    early.set_value(reply ? reply->stream().stream_id() : std::string(reply.error().code));
  });
  const auto server = started(directory.config("auth"));
  server->serve([](const v1::Request& request, const Responder& responder) {
    responder(stream_reply("id of " + request.get_stream().name()));
  });
  // Serving starts a moment after binding: until then it says so.
  const std::string answer = early.get_future().get();
  EXPECT_TRUE(answer == "id of early" || answer == "bus.not_serving") << answer;
  const Result<v1::Reply> reply = ask(*client, "auth", get_stream("x"));
  ASSERT_TRUE(reply) << reply.error().code;
  EXPECT_EQ(reply->stream().stream_id(), "id of x");
}

TEST(Node, GivesTheServersErrorCodeToTheClient) {
  const BusDirectory directory;
  const auto server = started(directory.config("auth"));
  server->serve([](const v1::Request&, const Responder& responder) {
    responder.fail({"auth.unknown_stream", "no such stream"});
    responder(stream_reply("a second answer is ignored"));
  });
  const auto client = started(directory.config("api"));
  const Result<v1::Reply> reply = ask(*client, "auth", get_stream("x"));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, "auth.unknown_stream");
  EXPECT_EQ(reply.error().message, "no such stream");
}

TEST(Node, EndsARequestAtItsDeadlineWhetherThePeerIsThereOrNot) {
  const BusDirectory directory;
  const auto client = started(directory.config("api"));
  EXPECT_EQ(ask(*client, "auth", get_stream("x"), 50ms).error().code, "bus.deadline");
  const auto server = started(directory.config("auth"));
  server->serve([](const v1::Request&, const Responder&) {});
  EXPECT_EQ(ask(*client, "auth", get_stream("x"), 50ms).error().code, "bus.deadline");
  EXPECT_EQ(client->statistics().deadlines, 2u);
}

TEST(Node, RefusesUnknownServicesAndMoreThanTheBoundOfRequests) {
  const BusDirectory directory;
  NodeLimits limits;
  limits.outstanding = 1;
  const auto client = started(directory.config("api", limits));
  EXPECT_EQ(ask(*client, "nobody", get_stream("x")).error().code, "bus.unknown_service");
  client->request("auth", get_stream("x"), kPatience, [](const Result<v1::Reply>&) {});
  EXPECT_EQ(ask(*client, "auth", get_stream("y")).error().code, "bus.overloaded");
  EXPECT_EQ(client->statistics().overloaded, 1u);
}

TEST(Node, GivesStoppedToWhatIsOutstandingAndToWhatComesLater) {
  const BusDirectory directory;
  std::string code;
  const auto client = started(directory.config("api"));
  client->request("auth", get_stream("x"), kPatience,
                  [&](const Result<v1::Reply>& reply) { code = reply.error().code; });
  client->stop();
  EXPECT_EQ(code, "bus.stopped");
  EXPECT_EQ(ask(*client, "auth", get_stream("x")).error().code, "bus.stopped");
}

TEST(Node, CarriesOutAnIdempotentCommandOnce) {
  const BusDirectory directory;
  std::atomic<int> effects{0};
  const auto server = started(directory.config("auth"));
  server->serve([&](const v1::Request&, const Responder& responder) {
    responder(stream_reply("run " + std::to_string(++effects)));
  });
  const auto client = started(directory.config("api"));
  EXPECT_EQ(ask(*client, "auth", get_stream("x", "once"))->stream().stream_id(), "run 1");
  EXPECT_EQ(ask(*client, "auth", get_stream("x", "once"))->stream().stream_id(), "run 1");
  EXPECT_EQ(ask(*client, "auth", get_stream("x", "other"))->stream().stream_id(), "run 2");
  EXPECT_EQ(ask(*client, "auth", get_stream("x"))->stream().stream_id(), "run 3");
  EXPECT_EQ(server->statistics().repeated, 1u);
}

TEST(Node, AnswersFromAnyThreadAfterTheHandlerReturned) {
  // What handlers use outlives the nodes: they may run until those have stopped.
  const BusDirectory directory;
  constexpr int kRequests = 50;
  std::atomic<int> right{0};
  std::promise<void> done;
  std::atomic<int> left{kRequests};
  std::vector<std::thread> workers;
  const auto server = started(directory.config("auth"));
  server->serve([&](const v1::Request& request, const Responder& responder) {
    workers.emplace_back([responder, name = request.get_stream().name()] { responder(stream_reply(name)); });
  });
  const auto client = started(directory.config("api"));
  for (int i = 0; i < kRequests; ++i) {
    const std::string name = std::to_string(i);
    client->request("auth", get_stream(name), kPatience, [&, name](const Result<v1::Reply>& reply) {
      if (reply && reply->stream().stream_id() == name) ++right;
      if (--left == 0) done.set_value();
    });
  }
  EXPECT_EQ(done.get_future().wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(right, kRequests);
  server->stop();
  for (std::thread& worker : workers) worker.join();
}

TEST(Node, OutlivesHandlersThatThrow) {
  const BusDirectory directory;
  const auto server = started(directory.config("auth"));
  server->serve([](const v1::Request& request, const Responder& responder) {
    if (request.get_stream().name() == "bad") throw std::runtime_error("handler");
    responder(stream_reply("good"));
  });
  const auto client = started(directory.config("api"));
  client->subscribe("auth",
                    {.on_snapshot = [](const v1::Snapshot&) { throw 1; }, .on_event = {}, .on_lost = {}});
  EXPECT_EQ(ask(*client, "auth", get_stream("bad"), 100ms).error().code, "bus.deadline");
  EXPECT_TRUE(ask(*client, "auth", get_stream("fine")));
}

// Of one stream, one behind the other in one look of the bus thread: neither takes the other's place.
TEST(Node, DeliversPointersOfAStreamsSourceAndOfItsRenditions) {
  const BusDirectory directory;
  std::mutex mutex;
  std::condition_variable changed;
  std::set<std::string> seen;
  const auto writer = started(directory.config("ingest"));
  const auto reader = started(directory.config("packaging"));
  reader->subscribe_pointers("ingest", [&](const v1::PointerBatch& batch) {
    const std::lock_guard lock(mutex);
    seen.insert(batch.rendition());
    changed.notify_all();
  });
  std::unique_lock lock(mutex);
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (seen.size() < 3 && std::chrono::steady_clock::now() < end) {
    std::vector<v1::PointerBatch> batches;
    for (const char* rendition : {"360p", "720p", ""}) {
      v1::PointerBatch& batch = batches.emplace_back();
      batch.set_stream_id("cam");
      batch.set_rendition(rendition);
      batch.set_role(batch.rendition().empty() ? stream::v1::LOG_ROLE_SOURCE
                                               : stream::v1::LOG_ROLE_RENDITION);
    }
    writer->notify(std::move(batches));
    changed.wait_for(lock, 5ms);
  }
  EXPECT_EQ(seen, (std::set<std::string>{"", "360p", "720p"}));
}

TEST(Node, DeliversPointersOfManyStreams) {
  const BusDirectory directory;
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, std::uint64_t> committed;
  const auto writer = started(directory.config("ingest"));
  const auto reader = started(directory.config("packaging"));
  reader->subscribe_pointers("ingest", [&](const v1::PointerBatch& batch) {
    const std::lock_guard lock(mutex);
    committed[batch.stream_id()] = batch.committed();
    changed.notify_all();
  });
  // A new subscription takes a moment, and pointers before it are not repeated: go on until the newest is
  // there.
  std::uint64_t records = 0;
  std::unique_lock lock(mutex);
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while ((committed["a"] == 0 || committed["b"] == 0) && std::chrono::steady_clock::now() < end) {
    ++records;
    for (const char* stream : {"a", "b"}) {
      v1::PointerBatch batch;
      batch.set_stream_id(stream);
      batch.set_committed(records);
      writer->notify(batch);
    }
    changed.wait_for(lock, 5ms);
  }
  EXPECT_GT(committed["a"], 0u);
  EXPECT_GT(committed["b"], 0u);
}

TEST(Node, RefusesASecondProcessOfTheSameInstance) {
  const BusDirectory directory;
  const auto first = started(directory.config("ingest"));
  const Result<std::unique_ptr<Node>> second = Node::start(directory.config("ingest"));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, "bus.in_use");
}

TEST(Node, MakesItsDirectoryForItsOwnerAloneAndBindsOverStaleSockets) {
  const BusDirectory parent;
  EndpointsConfig config;
  config.directory = parent.path() + "/run/bus";
  const EndpointTable table = *endpoints(config);
  started({"ingest", table, {}}).reset();
  std::filesystem::remove(config.directory + "/ingest.events");
  ASSERT_EQ(::mknod((config.directory + "/ingest.events").c_str(), S_IFREG | 0600, 0), 0);
  EXPECT_NE(started({"ingest", table, {}}), nullptr);
  EXPECT_EQ(std::filesystem::status(config.directory).permissions(), std::filesystem::perms::owner_all);
}

TEST(Node, StopsSoonWithTrafficInBothDirections) {
  const BusDirectory directory;
  FactView view;
  const auto a = started(directory.config("ingest"));
  const auto b = started(directory.config("packaging"));
  b->subscribe("ingest", view.handler());
  for (int i = 0; i < 1000; ++i) a->publish(fact("stream/" + std::to_string(i), "x"));
  EXPECT_TRUE(view.wait_for_snapshots(1));
  b->stop();
  a->stop();
  a->publish(fact("stream/late", "x"));
}

}  // namespace
}  // namespace millrace::bus
