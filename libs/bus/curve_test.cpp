// The bus over tcp with keys: who is let in, and what each may ask.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <thread>
#include <utility>

#include "bus/keys.hpp"
#include "bus/node.hpp"
#include "bus/testing.hpp"

namespace millrace::bus {
namespace {

using namespace std::chrono_literals;
using testing::BusDirectory;
using testing::fact;
using testing::FactView;
using testing::free_ports;
using testing::kPatience;

class CurveTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(make_keys(keys_, {"auth", "recording", "api", "ingest", "operator"}));
    auth_ = started("auth", "tcp://127.0.0.1:" + std::to_string(port_), {}, keys_);
    auth_->serve([](const v1::Request&, const Responder& responder) {
      v1::Reply reply;
      reply.mutable_stream()->set_stream_id("done");
      responder(std::move(reply));
    });
    auth_->publish(barred("stream/a"));
  }

  // Each has a directory of its own, so that nothing is reached over ipc.
  std::unique_ptr<Node> started(const std::string& service, const std::string& bind, const std::string& peer,
                                const std::string& keys) {
    EndpointsConfig config;
    config.directory = directories_.emplace_back(std::make_unique<BusDirectory>())->path();
    config.bind = bind;
    config.keys = keys;
    if (!peer.empty()) config.addresses["auth"] = peer;
    NodeLimits limits;
    limits.lost_after = 1s;
    Result<EndpointTable> table = endpoints(config);
    if (!table) throw std::runtime_error(table.error().message);
    Result<std::unique_ptr<Node>> node = Node::start({service, *std::move(table), limits});
    if (!node) throw std::runtime_error(node.error().message);
    return *std::move(node);
  }
  std::unique_ptr<Node> client(const std::string& service, const std::string& keys) {
    return started(service, "", "tcp://127.0.0.1:" + std::to_string(port_), keys);
  }

  static std::string ask(Node& node, v1::Request request, std::chrono::milliseconds timeout = kPatience) {
    std::promise<std::string> answer;
    node.request("auth", std::move(request), timeout, [&](const Result<v1::Reply>& reply) {
      answer.set_value(reply ? reply->stream().stream_id() : std::string(reply.error().code));
    });
    return answer.get_future().get();
  }
  // A fact that is auth's to publish; a FactView shows its key.
  static v1::Event barred(const std::string& key) {
    v1::Event event;
    event.set_key(key);
    event.mutable_stream_barred()->set_barred(true);
    return event;
  }
  static v1::Request make_admin() {
    v1::Request request;
    request.mutable_make_admin()->set_email("a@example.com");
    return request;
  }
  static v1::Request get_stream() {
    v1::Request request;
    request.mutable_get_stream()->set_name("x");
    return request;
  }

  const BusDirectory home_;
  const std::string keys_ = home_.path() + "/keys";
  const std::uint16_t port_ = free_ports();
  std::vector<std::unique_ptr<BusDirectory>> directories_;
  std::unique_ptr<Node> auth_;
};

TEST_F(CurveTest, LetsEachDoWhatItHasToAndNoMore) {
  const auto api = client("api", keys_);
  EXPECT_EQ(ask(*api, get_stream()), "done");
  EXPECT_EQ(ask(*api, make_admin()), "bus.forbidden");
  const auto recording = client("recording", keys_);
  EXPECT_EQ(ask(*recording, make_admin()), "bus.forbidden");
  EXPECT_EQ(ask(*recording, get_stream()), "bus.forbidden");
  EXPECT_EQ(ask(*client("", keys_), make_admin()), "done") << "the operator's key";
  EXPECT_GE(auth_->statistics().forbidden, 3u);
}

TEST_F(CurveTest, CarriesEventsAndSnapshots) {
  FactView view;
  const auto api = client("api", keys_);
  api->subscribe("auth", view.handler());
  EXPECT_TRUE(view.wait_for({{"stream/a", ""}}));
  auth_->publish(barred("stream/b"));
  EXPECT_TRUE(view.wait_for({{"stream/a", ""}, {"stream/b", ""}}));
}

TEST_F(CurveTest, LetsNobodyInWhoseKeyIsNotListed) {
  // Knows auth's public key, but has one of its own that auth does not know.
  const std::string other = home_.path() + "/other";
  ASSERT_TRUE(make_keys(other, {"api"}));
  std::ofstream list(other + "/peers", std::ios::app);
  list << "auth " << load_keys(keys_, "auth")->own.public_key << '\n';
  list.close();
  FactView view;
  const auto stranger = client("api", other);
  stranger->subscribe("auth", view.handler());
  EXPECT_EQ(ask(*stranger, get_stream(), 1s), "bus.deadline");
  EXPECT_TRUE(view.wait_for_losses(1));
  EXPECT_TRUE(view.facts().empty());
  EXPECT_GT(auth_->statistics().unknown_keys, 0u);
}

TEST_F(CurveTest, HearsNobodyWhoSpeaksPlainly) {
  const auto plain = client("api", "");
  EXPECT_EQ(ask(*plain, get_stream(), 1s), "bus.deadline");
}

TEST_F(CurveTest, DoesNotTakeAnotherServiceForTheOneItAskedFor) {
  // Where auth should be recording listens, with a key that is listed.
  auth_.reset();
  auth_ = started("recording", "tcp://127.0.0.1:" + std::to_string(port_), {}, keys_);
  EXPECT_EQ(ask(*client("api", keys_), get_stream(), 1s), "bus.deadline");
}

TEST_F(CurveTest, LetsNobodySayWhatIsAnothers) {
  FactView view;
  const std::uint16_t port = free_ports();
  // Recording says what is ingest's, in an event and in a snapshot.
  EndpointsConfig config;
  config.directory = home_.path();
  config.bind = "tcp://127.0.0.1:" + std::to_string(port);
  config.keys = keys_;
  const auto recording = Node::start({"recording", endpoints(config).value(), {}});
  ASSERT_TRUE(recording);
  (*recording)->publish(fact("stream/x", "1"));
  config.directory = directories_.emplace_back(std::make_unique<BusDirectory>())->path();
  config.bind.clear();
  config.addresses["recording"] = "tcp://127.0.0.1:" + std::to_string(port);
  const auto metrics = Node::start({"", endpoints(config).value(), {}});
  ASSERT_TRUE(metrics);
  (*metrics)->subscribe("recording", view.handler());
  ASSERT_TRUE(view.wait_for({}));
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while ((*metrics)->statistics().forbidden == 0 && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(10ms);
  (*recording)->publish(fact("stream/y", "2"));
  v1::Event started;
  started.set_key("recording/a");
  started.mutable_recording_started()->set_file_name("a.mp4");
  (*recording)->publish(started);
  EXPECT_TRUE(view.wait_for({{"recording/a", ""}}));
  EXPECT_GE((*metrics)->statistics().forbidden, 2u);
}

// A tool has nothing else to wake up for while it waits for its answer.
TEST(KeysOfAPeer, AreTriedByAToolTooWhileOneIsReplaced) {
  const BusDirectory home;
  const BusDirectory near;
  const BusDirectory far;
  const std::string keys = home.path() + "/keys";
  const std::string fresh = home.path() + "/fresh";
  ASSERT_TRUE(make_keys(keys, {"auth", "operator"}));
  ASSERT_TRUE(make_keys(fresh, {"auth"}));
  std::ofstream list(keys + "/peers", std::ios::app);
  list << std::ifstream(fresh + "/peers").rdbuf();
  list.close();
  std::filesystem::copy_file(fresh + "/auth.secret", keys + "/auth.secret",
                             std::filesystem::copy_options::overwrite_existing);
  NodeLimits limits;
  limits.lost_after = 300ms;
  EndpointsConfig config;
  config.keys = keys;
  config.directory = near.path();
  config.bind = "tcp://127.0.0.1:" + std::to_string(free_ports());
  const auto auth = Node::start({"auth", endpoints(config).value(), {}});
  ASSERT_TRUE(auth);
  (*auth)->serve([](const v1::Request&, const Responder& responder) { responder({}); });
  config.directory = far.path();
  config.addresses["auth"] = std::exchange(config.bind, {});
  const auto tool = Node::start({"", endpoints(config).value(), limits});
  ASSERT_TRUE(tool);
  v1::Request request;
  request.mutable_make_admin()->set_email("a@example.com");
  std::promise<std::string> answer;
  (*tool)->request("auth", std::move(request), kPatience, [&](const Result<v1::Reply>& reply) {
    answer.set_value(reply ? "done" : std::string(reply.error().code));
  });
  EXPECT_EQ(answer.get_future().get(), "done");
}

TEST(Rights, HoldOverIpcForThoseWhoSayWhoTheyAre) {
  const BusDirectory directory;
  const auto auth = Node::start(directory.config("auth"));
  ASSERT_TRUE(auth);
  (*auth)->serve([](const v1::Request&, const Responder& responder) { responder({}); });
  const auto ask = [&](const std::string& service) {
    v1::Request request;
    request.mutable_make_admin()->set_email("a@example.com");
    std::promise<std::string> answer;
    const auto node = Node::start(directory.config(service));
    (*node)->request("auth", std::move(request), kPatience, [&](const Result<v1::Reply>& reply) {
      answer.set_value(reply ? "done" : std::string(reply.error().code));
    });
    return answer.get_future().get();
  };
  EXPECT_EQ(ask("recording"), "bus.forbidden");
  EXPECT_EQ(ask(""), "done") << "a tool: the directory's permissions let it in";
}

}  // namespace
}  // namespace millrace::bus
