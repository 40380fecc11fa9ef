// The supervisor on CAF's test coordinator: one thread, virtual time, the exact order of events.
#include "runtime/supervisor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/exit_reason.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/send.hpp>
#include <map>
#include <stdexcept>

#include "runtime/health.hpp"

namespace millrace::runtime {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using Kind = SupervisorEvent::Kind;

// Fields named on their own line, so that a test names only what it is about.
Backoff backoff(std::chrono::milliseconds first, std::chrono::milliseconds limit) {
  Backoff values;
  values.first = first;
  values.limit = limit;
  return values;
}

class SupervisorTest : public ::testing::Test {
 protected:
  SupervisorTest() : system_(config()), scheduler_(dynamic_cast<Scheduler&>(system_.scheduler())) {
    supervision_.name = "root";
    supervision_.health = std::make_shared<Health>();
    supervision_.observer = [this](const SupervisorEvent& event) { note(event); };
    supervision_.backoff = backoff(100ms, 1000ms);
    supervision_.intensity = {100, 60s};
  }
  ~SupervisorTest() override {
    if (root_) caf::anon_send_exit(root_, caf::exit_reason::kill);
    root_ = nullptr;
    children_.clear();
    scheduler_.run();
  }

  // Ends on the text "end", crashes on "crash" (by an error) and "throw". A stubborn one does not end when
  // asked politely. (It takes an argument because CAF 0.17 dereferences a null tuple for a function without
  // one.)
  static caf::behavior child_behavior(caf::event_based_actor* self, bool stubborn) {
    if (stubborn) self->set_exit_handler([](caf::exit_msg&) {});
    return {[self](const std::string& text) {
      if (text == "end") self->quit();
      if (text == "crash") self->quit(caf::make_error(caf::sec::runtime_error, "crash"));
      if (text == "throw") throw std::runtime_error("thrown");
    }};
  }

  ChildSpec child(const std::string& name, const std::string& group = {},
                  Restart restart = Restart::kPermanent, bool stubborn = false) {
    ChildSpec spec;
    spec.name = name;
    spec.group = group;
    spec.restart = restart;
    spec.spawn = [this, name, stubborn](caf::event_based_actor& self) -> caf::actor {
      if (failing_starts_ > 0) {
        --failing_starts_;
        throw std::runtime_error("cannot start");
      }
      caf::actor spawned = self.spawn(child_behavior, stubborn);
      children_[name] = spawned;
      return spawned;
    };
    return spec;
  }

  void start(std::vector<ChildSpec> children) {
    root_ = spawn_supervisor(system_, supervision_, std::move(children));
    scheduler_.run();
  }
  void tell(const std::string& name, const std::string& text) {
    caf::anon_send(children_.at(name), text);
    scheduler_.run();
  }
  void advance(std::chrono::milliseconds time) {
    scheduler_.advance_time(time);
    scheduler_.run();
  }
  // What happened since the last call.
  std::vector<std::string> events() { return std::exchange(events_, {}); }
  std::string health() const { return supervision_.health->report().json(); }

  using Scheduler = caf::scheduler::test_coordinator;

  static caf::actor_system_config& config() {
    static caf::actor_system_config* config = [] {
      auto* made = new caf::actor_system_config;
      made->set("scheduler.policy", caf::atom("testing"));
      return made;
    }();
    return *config;
  }

  void note(const SupervisorEvent& event) {
    static const std::map<Kind, std::string> names = {
        {Kind::kStarted, "started"},       {Kind::kDown, "down"},           {Kind::kGroupDown, "group down"},
        {Kind::kRestarting, "restarting"}, {Kind::kAbandoned, "abandoned"}, {Kind::kResting, "resting"},
        {Kind::kEscalated, "escalated"},   {Kind::kStopped, "stopped"}};
    std::string line = names.at(event.kind) + " " + event.name;
    if (event.delay > 0ms) line += " in " + std::to_string(event.delay.count());
    events_.push_back(line);
  }

  caf::actor_system system_;
  Scheduler& scheduler_;
  SupervisorConfig supervision_;
  caf::actor root_;
  std::map<std::string, caf::actor> children_;
  std::vector<std::string> events_;
  int failing_starts_ = 0;
};

TEST_F(SupervisorTest, StartsChildrenInOrderAndStopsThemInReverse) {
  start({child("a"), child("b"), child("c")});
  EXPECT_THAT(events(), ElementsAre("started a", "started b", "started c"));
  stop(root_);
  scheduler_.run();
  EXPECT_THAT(events(), ElementsAre("down c", "down b", "down a", "stopped root"));
}

TEST_F(SupervisorTest, RestartsOnlyTheCrashedChildAfterTheBackoff) {
  start({child("a"), child("b")});
  const caf::actor before = children_.at("b");
  events();
  tell("a", "crash");
  EXPECT_THAT(events(), ElementsAre("down a", "restarting a in 100"));
  advance(99ms);
  EXPECT_THAT(events(), ElementsAre());
  advance(1ms);
  EXPECT_THAT(events(), ElementsAre("started a"));
  EXPECT_EQ(children_.at("b"), before);
}

TEST_F(SupervisorTest, DoublesTheBackoffUpToItsLimitAndForgetsItAfterALongLife) {
  start({child("a")});
  std::vector<std::string> restarts;
  for (int i = 0; i < 6; ++i) {
    tell("a", "crash");
    restarts.push_back(events().back());
    advance(1000ms);
  }
  EXPECT_THAT(restarts, ElementsAre("restarting a in 100", "restarting a in 200", "restarting a in 400",
                                    "restarting a in 800", "restarting a in 1000", "restarting a in 1000"));
  advance(60s);
  tell("a", "crash");
  EXPECT_EQ(events().back(), "restarting a in 100");
}

TEST_F(SupervisorTest, RestartsByTheChildsPolicy) {
  struct Case {
    std::string how;
    Restart restart;
    bool restarted;
  };
  const Case cases[] = {{"end", Restart::kPermanent, true},   {"crash", Restart::kPermanent, true},
                        {"end", Restart::kTransient, false},  {"crash", Restart::kTransient, true},
                        {"throw", Restart::kTransient, true}, {"end", Restart::kTemporary, false},
                        {"crash", Restart::kTemporary, false}};
  int number = 0;
  start({});
  for (const Case& c : cases) {
    const std::string name = "child" + std::to_string(++number);
    add_child(root_, child(name, "", c.restart));
    scheduler_.run();
    EXPECT_THAT(events(), ElementsAre("started " + name));
    tell(name, c.how);
    advance(100ms);
    const std::vector<std::string> seen = events();
    EXPECT_EQ(seen.front(), "down " + name);
    EXPECT_EQ(seen.back() == "started " + name, c.restarted) << number;
  }
}

TEST_F(SupervisorTest, TakesACrashGroupDownTogetherAndUpWhenAllAreGone) {
  start({child("other"), child("reader", "stream"), child("writer", "stream"), child("timer", "stream")});
  const caf::actor other = children_.at("other");
  events();
  tell("writer", "crash");
  EXPECT_THAT(events(), ElementsAre("down writer", "down timer", "down reader", "group down stream",
                                    "restarting stream in 100"));
  advance(100ms);
  EXPECT_THAT(events(), ElementsAre("started reader", "started writer", "started timer"));
  EXPECT_EQ(children_.at("other"), other);
}

TEST_F(SupervisorTest, LetsAMemberLeaveItsGroupNormally) {
  start({child("reader", "stream", Restart::kTransient), child("writer", "stream", Restart::kTransient)});
  events();
  tell("reader", "end");
  EXPECT_THAT(events(), ElementsAre("down reader"));
  tell("writer", "crash");
  EXPECT_THAT(events(), ElementsAre("down writer", "group down stream", "restarting stream in 100"));
  advance(100ms);
  EXPECT_THAT(events(), ElementsAre("started writer"));
}

TEST_F(SupervisorTest, DoesNotStartATemporaryMemberOfACrashedGroupAgain) {
  start({child("reader", "stream"), child("job", "stream", Restart::kTemporary)});
  events();
  tell("job", "crash");
  advance(100ms);
  EXPECT_THAT(events(), ElementsAre("down job", "down reader", "group down stream",
                                    "restarting stream in 100", "started reader"));
}

TEST_F(SupervisorTest, StartsAMemberThatJoinsAWaitingGroupWithTheRest) {
  start({child("reader", "stream")});
  tell("reader", "crash");
  events();
  add_child(root_, child("writer", "stream"));
  scheduler_.run();
  EXPECT_THAT(events(), ElementsAre());
  advance(100ms);
  EXPECT_THAT(events(), ElementsAre("started reader", "started writer"));
}

TEST_F(SupervisorTest, EscalatesWhenAChildCrashesTooOften) {
  supervision_.intensity = {2, 10s};
  caf::error reason;
  start({child("a"), child("b")});
  root_->attach_functor([&reason](const caf::error& why) { reason = why; });
  for (int i = 0; i < 2; ++i) {
    tell("b", "crash");
    advance(1s);
  }
  events();
  tell("b", "crash");
  EXPECT_THAT(events(), ElementsAre("down b", "escalated b", "down a", "stopped root"));
  EXPECT_EQ(reason, caf::sec::runtime_error);
}

TEST_F(SupervisorTest, ForgetsCrashesThatAreOlderThanTheWindow) {
  supervision_.intensity = {2, 10s};
  start({child("a")});
  for (int i = 0; i < 10; ++i) {
    tell("a", "crash");
    advance(6s);
    EXPECT_EQ(events().back(), "started a") << i;
  }
}

TEST_F(SupervisorTest, AbandonsOnlyTheChildThatCrashesTooOften) {
  supervision_.intensity = {1, 10s};
  supervision_.on_exhausted = OnExhausted::kAbandon;
  start({child("a"), child("b")});
  tell("b", "crash");
  advance(1s);
  events();
  tell("b", "crash");
  EXPECT_THAT(events(), ElementsAre("down b", "abandoned b"));
  EXPECT_THAT(health(), ::testing::HasSubstr("abandoned b"));
  tell("a", "crash");
  EXPECT_THAT(events(), ElementsAre("down a", "restarting a in 100"));
  add_child(root_, child("b"));
  advance(1s);
  EXPECT_EQ(supervision_.health->overall(), HealthState::kReady);
}

TEST_F(SupervisorTest, LetsOnlyTheChildRestThatCrashesTooOften) {
  supervision_.intensity = {1, 10s};
  supervision_.on_exhausted = OnExhausted::kRest;
  supervision_.rest = 5s;
  start({child("a"), child("b")});
  for (int round = 0; round < 2; ++round) {
    tell("b", "crash");
    advance(1s);
    events();
    tell("b", "crash");
    EXPECT_THAT(events(), ElementsAre("down b", "resting b in 5000"));
    EXPECT_THAT(health(), ::testing::HasSubstr("restarting b"));
    advance(4900ms);
    EXPECT_THAT(events(), ElementsAre());
    advance(100ms);
    EXPECT_THAT(events(), ElementsAre("started b")) << "and its crashes are forgotten";
    EXPECT_EQ(supervision_.health->overall(), HealthState::kReady);
  }
  tell("a", "crash");
  EXPECT_THAT(events(), ElementsAre("down a", "restarting a in 100"));
}

TEST_F(SupervisorTest, RestartsASupervisorThatEscalated) {
  SupervisorConfig inner = supervision_;
  inner.name = "inner";
  inner.intensity = {0, 10s};
  ChildSpec nested;
  nested.name = "nested";
  nested.spawn = [this, inner](caf::event_based_actor& self) {
    return spawn_supervisor(self, inner, {child("a")});
  };
  start({nested});
  events();
  tell("a", "crash");
  EXPECT_THAT(events(), ElementsAre("down a", "escalated a", "stopped inner", "down nested",
                                    "restarting nested in 100"));
  advance(100ms);
  EXPECT_THAT(events(), ElementsAre("started nested", "started a"));
}

TEST_F(SupervisorTest, KillsAChildThatDoesNotEndWithinTheGrace) {
  supervision_.grace = 500ms;
  start({child("a"), child("stubborn", "", Restart::kPermanent, true)});
  events();
  stop(root_);
  scheduler_.run();
  EXPECT_THAT(events(), ElementsAre());
  advance(499ms);
  EXPECT_THAT(events(), ElementsAre());
  advance(1ms);
  EXPECT_THAT(events(), ElementsAre("down stubborn", "down a", "stopped root"));
}

TEST_F(SupervisorTest, StopsAChildOrAGroupForGood) {
  start({child("a"), child("reader", "stream"), child("writer", "stream")});
  events();
  stop_child(root_, "a");
  stop_group(root_, "stream");
  stop_group(root_, "never there");
  advance(10s);
  EXPECT_THAT(events(), ElementsAre("down a", "down writer", "down reader"));
}

TEST_F(SupervisorTest, StopsWhileAChildWaitsForItsRestart) {
  start({child("a"), child("b")});
  tell("b", "crash");
  events();
  stop(root_);
  advance(10s);
  EXPECT_THAT(events(), ElementsAre("down a", "stopped root"));
}

TEST_F(SupervisorTest, TreatsAStartThatThrowsAsACrash) {
  failing_starts_ = 2;
  start({child("a")});
  EXPECT_THAT(events(), ElementsAre("down a", "restarting a in 100"));
  advance(100ms);
  EXPECT_THAT(events(), ElementsAre("down a", "restarting a in 200"));
  advance(200ms);
  EXPECT_THAT(events(), ElementsAre("started a"));
  EXPECT_EQ(supervision_.health->overall(), HealthState::kReady);
}

TEST_F(SupervisorTest, IsDegradedWhileAChildWaits) {
  start({child("a")});
  EXPECT_EQ(supervision_.health->overall(), HealthState::kReady);
  tell("a", "throw");
  EXPECT_EQ(supervision_.health->overall(), HealthState::kDegraded);
  EXPECT_THAT(health(), ::testing::HasSubstr("restarting a"));
  advance(100ms);
  EXPECT_EQ(supervision_.health->overall(), HealthState::kReady);
}

TEST_F(SupervisorTest, IsStoppingUntilItsLastChildHasEnded) {
  start({child("a", "", Restart::kPermanent, true), child("b")});
  stop(root_);
  scheduler_.run();
  EXPECT_THAT(events(), ::testing::Contains("down b"));
  EXPECT_EQ(supervision_.health->overall(), HealthState::kStopping);
}

TEST_F(SupervisorTest, IgnoresASecondChildOfTheSameNameAndUnknownMessages) {
  start({child("a")});
  const caf::actor first = children_.at("a");
  add_child(root_, child("a"));
  caf::anon_send(root_, std::string("what is this?"));
  scheduler_.run();
  EXPECT_THAT(events(), ElementsAre("started a"));
  EXPECT_EQ(children_.at("a"), first);
}

TEST_F(SupervisorTest, TakesItsChildrenWithItWhenItIsKilled) {
  start({child("a", "", Restart::kPermanent, true)});
  bool ended = false;
  children_.at("a")->attach_functor([&ended] { ended = true; });
  caf::anon_send_exit(root_, caf::exit_reason::kill);
  scheduler_.run();
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace millrace::runtime
