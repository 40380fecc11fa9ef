// The database's actor and what it is told when it crashes: a real actor system, SQLite in a directory.
#include "actors.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <stdexcept>

#include "store/test_directory.hpp"
#include "streams/stream_repository.hpp"

namespace millrace::auth {
namespace {

using namespace std::chrono_literals;

class Asked final : public PendingRequest {
 public:
  explicit Asked(bus::v1::Request request) : request_(std::move(request)) {}
  const bus::v1::Request& request() const override { return request_; }
  std::int64_t deadline_us() const override { return std::numeric_limits<std::int64_t>::max(); }
  void answer(bus::v1::Reply reply) override { EXPECT_EQ(reply.error_code(), ""); }
  void expire() override {}

 private:
  bus::v1::Request request_;
};

class ActorsTest : public ::testing::Test {
 protected:
  ActorsTest() : system_(config_) {
    store::DatabaseOptions database;
    database.url = directory_.file("auth.db");
    shared_.reset(new AuthShared{database, KeyVault::create(Secret(std::string(64, '1'))).value(),
                                 TokenVerifier::create(Secret(std::string(64, '2'))).value(),
                                 std::make_shared<runtime::Health>()});
    shared_->access_control.now = [] { return Now{}; };
    shared_->access_control.live = &shared_->live;
    shared_->access_control.metrics = &shared_->metrics;
    shared_->access_control.close = [](const CloseOrder&, const std::function<void(Result<bool>)>&) {};
    shared_->access_control.limit = [](const LimitOrder&, const std::function<void(Result<bool>)>&) {};
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
  gate_->post([this](AccessControl&) { note("before"); });
  start();
  gate_->post([this](AccessControl&) {
    note("crash");
    throw std::runtime_error("crash");
  });
  gate_->post([this](AccessControl&) { note("behind"); });
  gate_->post_account([this](AccountHandler&) { note("account"); });
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
  gate_->post([](AccessControl&) { throw std::runtime_error("crash"); });
  const bus::EventHandler ingest = gate_->ingest_events();
  bus::v1::Event event;
  event.mutable_publication_dropped()->set_publication_id(7);
  for (int i = 0; i < 1000; ++i) ingest.on_event(event);
  gate_->post([this](AccessControl&) { note("last"); });
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
  EXPECT_EQ(shared_->live.find("cam")->publication_id, PublicationId{7});
  bus::v1::Event end;
  end.mutable_stream_ended()->set_stream_id("cam");
  end.mutable_stream_ended()->set_publication_id(7);
  end.mutable_stream_ended()->set_role(stream::v1::LOG_ROLE_MIRROR);
  ingest.on_event(end);
  EXPECT_TRUE(shared_->live.find("cam"));
  bus::v1::Snapshot snapshot;
  snapshot.set_boot_id(5);  // without one it stands for an instance that is gone
  *snapshot.add_events() = publish(8, stream::v1::LOG_ROLE_RENDITION);
  ingest.on_snapshot(snapshot);
  EXPECT_TRUE(shared_->live.all().empty());
}

class AccountPowerTest : public ActorsTest, public ::testing::WithParamInterface<Decides> {};

INSTANTIATE_TEST_SUITE_P(Of, AccountPowerTest,
                         ::testing::Values(Decides::kStore, Decides::kCallback, Decides::kHooks));

// Where others decide, a channel that has the name of an account's stream is no account's.
TEST_P(AccountPowerTest, OnlyOwnStreamsAreShutWithTheirAccount) {
  {
    StreamRepository repository = StreamRepository::open(shared_->database, shared_->vault).value();
    AccountRepository accounts(repository.database());
    AccountRecord alice;
    alice.id = "alice";
    ASSERT_TRUE(accounts.add(alice));
    Decisions decisions(repository, shared_->vault, DecisionLimits{});
    const OwnedStream stream = decisions.ensure_stream("alice", WallTime::from_us(1)).value();
    ASSERT_TRUE(decisions.admit("live", stream.key.reveal()).value());
  }
  shared_->access_control.policy.decides = GetParam();
  shared_->access_control.announce_barred = [this](const std::string&, bool barred) {
    note(barred ? "bar" : "unbar");
  };
  shared_->access_control.close = [this](const CloseOrder&, const std::function<void(Result<bool>)>&) {
    note("close");
  };
  shared_->accounts.announce = [](const std::string&) {};
  start();
  gate_->post_account([this](AccountHandler& accounts) {
    for (const bool active : {false, true}) {
      bus::v1::Request change;
      change.mutable_change_account()->set_id("alice");
      change.mutable_change_account()->set_is_active(active);
      EXPECT_TRUE(accounts.handle(std::make_shared<Asked>(change), Now{}));
    }
    bus::v1::Request removal;
    removal.mutable_delete_account()->set_id("alice");
    EXPECT_TRUE(accounts.handle(std::make_shared<Asked>(removal), Now{}));
    note("done");
  });
  std::vector<std::string> told{"done"};
  if (GetParam() == Decides::kStore) told = {"bar", "close", "unbar", "bar", "close", "done"};
  EXPECT_EQ(wait_for(told.size()), told);
}

// Also while there is no access control to hear of it.
TEST_F(ActorsTest, KnowsWhichIngestsAreThere) {
  const bus::EventHandler ingest = gate_->ingest_events();
  for (const char* instance : {"0", "1"}) {
    bus::v1::Snapshot snapshot;
    snapshot.set_boot_id(5);
    snapshot.set_instance(instance);
    ingest.on_snapshot(snapshot);
  }
  ingest.on_lost({"ingest", "1"});
  EXPECT_EQ(shared_->live.none_since_us(), 0);
  ingest.on_lost({"ingest", "0"});
  EXPECT_NE(shared_->live.none_since_us(), 0);
}

}  // namespace
}  // namespace millrace::auth
