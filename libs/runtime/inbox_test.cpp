// What an actor was sent while it was dead, on CAF's test coordinator: one thread, virtual time.
#include "runtime/inbox.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/exit_reason.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/send.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "runtime/supervisor.hpp"

namespace millrace::runtime {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class InboxTest : public ::testing::Test {
 protected:
  InboxTest() : system_(config()), scheduler_(dynamic_cast<Scheduler&>(system_.scheduler())) {
    root_ = spawn_supervisor(system_, {.name = "root", .intensity = {100, 60s}},
                             {{.name = "child", .group = {}, .spawn = [this](auto& self) {
                                 const caf::actor actor = self.spawn(behavior, this);
                                 inbox_.replace(actor);
                                 return actor;
                               }}});
  }
  ~InboxTest() override {
    caf::anon_send_exit(root_, caf::exit_reason::kill);
    root_ = nullptr;
    inbox_.replace(nullptr);
    scheduler_.run();
  }

  // Throws on "throw…", every time, and on "once…" the first time.
  static caf::behavior behavior(caf::event_based_actor* /*self*/, InboxTest* test) {
    return {[test](WakeAtom) {
      test->inbox_.handle(
          [test](const std::string& event) {
            test->done_.push_back(event);
            const bool first = std::count(test->done_.begin(), test->done_.end(), event) == 1;
            if (event.starts_with("throw") || (event.starts_with("once") && first))
              throw std::runtime_error(event);
          },
          [test](const std::string& event) { test->given_up_.push_back(event); });
    }};
  }
  void run() { scheduler_.run(); }
  void wait_for_restart() {
    scheduler_.advance_time(20s);
    scheduler_.run();
  }
  void kill() {
    caf::anon_send_exit(inbox_.actor(), caf::exit_reason::kill);
    scheduler_.run();
  }

  using Scheduler = caf::scheduler::test_coordinator;
  static caf::actor_system_config& config() {
    static thread_local std::unique_ptr<caf::actor_system_config> fresh;
    fresh = std::make_unique<caf::actor_system_config>();
    fresh->set("scheduler.policy", caf::atom("testing"));
    return *fresh;
  }
  static constexpr std::size_t kLimit = 4;
  caf::actor_system system_;
  Scheduler& scheduler_;
  Inbox<std::string> inbox_{kLimit};
  caf::actor root_;
  std::vector<std::string> done_;
  std::vector<std::string> given_up_;
};

TEST_F(InboxTest, HandlesInOrderWhatCameBeforeTheStartAndAfter) {
  inbox_.put("a");
  run();
  inbox_.put("b");
  inbox_.put("c");
  run();
  EXPECT_THAT(done_, ElementsAre("a", "b", "c"));
}

TEST_F(InboxTest, KeepsWhatCameWhileTheActorWasDead) {
  run();
  kill();
  inbox_.put("a");
  inbox_.put("b");
  run();
  EXPECT_THAT(done_, IsEmpty());
  wait_for_restart();
  EXPECT_THAT(done_, ElementsAre("a", "b"));
}

TEST_F(InboxTest, KeepsWhatTheDeadActorHadNotSeen) {
  run();
  inbox_.put("a");  // woken, and killed before it looks
  caf::anon_send_exit(inbox_.actor(), caf::exit_reason::kill);
  run();
  wait_for_restart();
  EXPECT_THAT(done_, ElementsAre("a"));
}

TEST_F(InboxTest, TriesAgainWhatTheActorCrashedWith) {
  inbox_.put("once");
  inbox_.put("b");
  run();
  EXPECT_THAT(done_, ElementsAre("once"));
  wait_for_restart();
  EXPECT_THAT(done_, ElementsAre("once", "once", "b"));
  EXPECT_THAT(given_up_, IsEmpty());
}

TEST_F(InboxTest, GivesUpWhatCrashesTheActorEachTimeAndGoesOn) {
  inbox_.put("a");
  inbox_.put("throw");
  inbox_.put("b");
  run();
  for (int i = 0; i < 5; ++i) wait_for_restart();
  EXPECT_THAT(done_, ElementsAre("a", "throw", "throw", "b"));
  EXPECT_THAT(given_up_, ElementsAre("throw"));
}

TEST_F(InboxTest, LosesTheOldestBeyondItsLimitAndSaysSo) {
  run();
  kill();
  for (std::size_t i = 0; i < kLimit; ++i) EXPECT_TRUE(inbox_.put(std::to_string(i)));
  EXPECT_FALSE(inbox_.put("last"));
  EXPECT_EQ(inbox_.size(), kLimit);
  wait_for_restart();
  EXPECT_THAT(done_, ElementsAre("1", "2", "3", "last"));
}

TEST_F(InboxTest, LetsNewsTakeThePlaceOfOlderNews) {
  run();
  kill();
  const auto is_tracks = [](const std::string& event) { return event.starts_with("tracks"); };
  inbox_.put("a");
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(inbox_.put_newest("tracks " + std::to_string(i), is_tracks));
  inbox_.put("gone");
  wait_for_restart();
  EXPECT_THAT(done_, ElementsAre("a", "tracks 99", "gone"));
}

TEST_F(InboxTest, ForgetsAllWhenItIsClosed) {
  run();
  kill();
  inbox_.put("a");
  inbox_.close();
  EXPECT_TRUE(inbox_.put("b"));
  wait_for_restart();
  EXPECT_THAT(done_, IsEmpty());
}

}  // namespace
}  // namespace millrace::runtime
