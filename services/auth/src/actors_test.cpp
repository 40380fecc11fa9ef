// The database's actor and what it is told when it crashes: a real actor system, SQLite in a directory.
#include "actors.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <stdexcept>

#include "store/test_directory.hpp"

namespace millrace::auth {
namespace {

using namespace std::chrono_literals;

class ActorsTest : public ::testing::Test {
 protected:
  ActorsTest() : system_(config_) {
    store::DatabaseOptions database;
    database.url = directory_.file("auth.db");
    shared_.reset(new AuthShared{database, KeyVault::create(Secret(std::string(64, '1'))).value(),
                                 TokenVerifier::create(Secret(std::string(64, '2'))).value(),
                                 std::make_shared<runtime::Health>()});
    shared_->desk.now = [] { return Now{}; };
    shared_->desk.live = &shared_->live;
    shared_->desk.metrics = &shared_->metrics;
    shared_->desk.close = [](const CloseOrder&, const std::function<void(Result<bool>)>&) {};
    shared_->desk.limit = [](const LimitOrder&, const std::function<void(Result<bool>)>&) {};
    shared_->accounts.access = &shared_->access;
    shared_->accounts.tokens = &shared_->tokens;
    shared_->accounts.vault = &shared_->vault;
    gate_ = std::make_shared<JobGate>(shared_);
  }
  ~ActorsTest() override {
    if (root_) runtime::stop(root_);
    root_ = nullptr;
    gate_.reset();
    system_.await_all_actors_done();
  }

  void start() {
    root_ = runtime::spawn_supervisor(system_, {.name = "root", .backoff = {1ms, 5ms}},
                                      {gate_->database_child()});
  }
  void note(const std::string& what) {
    const std::lock_guard lock(mutex_);
    done_.push_back(what);
    changed_.notify_all();
  }
  std::vector<std::string> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 20s, [&] { return done_.size() >= count; });
    return done_;
  }

  store::TestDirectory directory_;
  caf::actor_system_config config_;
  caf::actor_system system_;
  std::shared_ptr<AuthShared> shared_;
  std::shared_ptr<JobGate> gate_;
  caf::actor root_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> done_;
};

TEST_F(ActorsTest, DoesWhatItWasToldBeforeItWasThereAndWhileItWasDead) {
  gate_->post([this](Desk&) { note("before"); });
  start();
  gate_->post([this](Desk&) {
    note("crash");
    throw std::runtime_error("crash");
  });
  gate_->post([this](Desk&) { note("behind"); });
  gate_->post_account([this](AccountDesk&) { note("account"); });
  // Tried twice, then given up.
  const std::vector<std::string> done = wait_for(5);
  ASSERT_EQ(done.size(), 5U);
  EXPECT_EQ(std::count(done.begin(), done.end(), "crash"), 2);
  EXPECT_EQ(done.front(), "before");
  EXPECT_EQ(std::count(done.begin(), done.end(), "behind"), 1);
  EXPECT_EQ(std::count(done.begin(), done.end(), "account"), 1);
}

// An end that is lost would leave a session open at the hook that waits for it.
TEST_F(ActorsTest, HearsOfEveryEndWhileItIsDead) {
  start();
  gate_->post([](Desk&) { throw std::runtime_error("crash"); });
  const bus::EventHandler ingest = gate_->ingest_events();
  bus::v1::Event event;
  event.mutable_publication_dropped()->set_publication_id(7);
  for (int i = 0; i < 1000; ++i) ingest.on_event(event);
  gate_->post([this](Desk&) { note("last"); });
  EXPECT_EQ(wait_for(1).size(), 1U);
}

// A rendition of a live stream has its name and numbers of its own; neither its begin nor its end is the
// stream's.
TEST_F(ActorsTest, TakesNoRenditionForAPublication) {
  start();
  const bus::EventHandler ingest = gate_->ingest_events();
  const auto publish = [](std::uint64_t id, stream::v1::LogRole role) {
    bus::v1::Event event;
    event.mutable_stream_published()->set_stream_id("cam");
    event.mutable_stream_published()->set_publication_id(id);
    event.mutable_stream_published()->set_role(role);
    return event;
  };
  ingest.on_event(publish(7, stream::v1::LOG_ROLE_SOURCE));
  ingest.on_event(publish(8, stream::v1::LOG_ROLE_RENDITION));
  ASSERT_TRUE(shared_->live.find("cam"));
  EXPECT_EQ(shared_->live.find("cam")->publication_id, 7U);
  bus::v1::Event end;
  end.mutable_stream_ended()->set_stream_id("cam");
  end.mutable_stream_ended()->set_publication_id(7);
  end.mutable_stream_ended()->set_role(stream::v1::LOG_ROLE_MIRROR);
  ingest.on_event(end);
  EXPECT_TRUE(shared_->live.find("cam"));
  bus::v1::Snapshot snapshot;
  *snapshot.add_events() = publish(8, stream::v1::LOG_ROLE_RENDITION);
  ingest.on_snapshot(snapshot);
  EXPECT_TRUE(shared_->live.all().empty());
}

}  // namespace
}  // namespace millrace::auth
