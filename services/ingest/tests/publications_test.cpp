// The publications' actors and their supervisor when they crash: on CAF's test coordinator, one thread,
// virtual time.
#include "streams/publications.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <stdexcept>

namespace millrace::ingest {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;

// Allows everything as stream "one"; the answers wait for release().
class StandInAuthority final : public Authority {
 public:
  void may_publish(PublishQuestion /*question*/,
                   std::function<void(Result<PublishDecision>)> answer) override {
    PublishDecision decision{.allowed = true, .stream_id = "one"};
    decision.epoch = Epoch{++epoch};
    held.push_back([answer = std::move(answer), decision] { answer(decision); });
  }
  void may_play(PlayQuestion, std::function<void(Result<PlayDecision>)>) override {}
  void release() {
    for (const auto& answer : std::exchange(held, {})) answer();
  }
  std::uint64_t epoch = 0;
  std::vector<std::function<void()>> held;
};

class StandInAnnouncer final : public Announcer {
 public:
  void published(const LiveStream& stream, const std::vector<TrackFormat>&, const std::string&) override {
    if (failures > 0) {
      --failures;
      throw std::runtime_error("published");
    }
    events.push_back("published " + std::to_string(number_of(stream.epoch)));
  }
  void ended(const LiveStream& stream, media::LogEnd) override {
    if (endings_fail) throw std::runtime_error("ended");
    events.push_back("ended " + std::to_string(number_of(stream.epoch)));
  }
  void dropped(const std::string&, PublicationId, Epoch epoch, media::LogEnd) override {
    events.push_back("dropped " + std::to_string(number_of(epoch)));
  }
  void play_ended(const std::string&, std::uint64_t) override {}
  void statistics(const std::vector<LiveStreamPtr>&) override {}
  void new_records(const std::vector<NewRecords>&) override {}
  unsigned failures = 0;  // of published, from now on
  bool endings_fail = false;
  std::vector<std::string> events;
};

class PublicationsTest : public ::testing::Test {
 protected:
  PublicationsTest() : system_(config()), scheduler_(dynamic_cast<Scheduler&>(system_.scheduler())) {
    root_ = runtime::spawn_supervisor(
        system_, {.name = "root"},
        {{.name = "publications", .group = {}, .spawn = [this](caf::event_based_actor& root) {
            return publications_.spawn(root, nullptr);
          }}});
    run();
  }
  ~PublicationsTest() override {
    caf::anon_send_exit(root_, caf::exit_reason::kill);
    root_ = nullptr;
    publications_.release();
    run();
  }

  std::shared_ptr<PublicationTicket> publish() {
    auto ticket = std::make_shared<PublicationTicket>();
    ticket->publication_id = PublicationId{++last_id_};
    const std::string number = std::to_string(last_id_);
    ticket->accept = [this, number](const LiveStreamPtr&) {
      fail_perhaps(accepts_fail_, "accept");
      said_.push_back("accepted " + number);
    };
    ticket->reject = [this, number](const Error&) { said_.push_back("rejected " + number); };
    ticket->terminate = [this, number](media::LogEnd) {
      fail_perhaps(terminations_fail_, "terminate");
      said_.push_back("terminated " + number);
    };
    publications_.start(ticket);
    run();
    return ticket;
  }
  // Accepted and known as live.
  std::shared_ptr<PublicationTicket> live() {
    auto ticket = publish();
    authority_.release();
    run();
    ticket->report(TracksChanged{});
    run();
    return ticket;
  }
  static void fail_perhaps(unsigned& failures, const char* what) {
    if (failures == 0) return;
    --failures;
    throw std::runtime_error(what);
  }
  void kill(const caf::actor& actor) {
    caf::anon_send_exit(actor, caf::exit_reason::kill);
    run();
  }
  void run() { scheduler_.run(); }
  void wait() {
    scheduler_.advance_time(20s);
    run();
  }

  using Scheduler = caf::scheduler::test_coordinator;
  static caf::actor_system_config& config() {
    static thread_local std::unique_ptr<caf::actor_system_config> fresh;
    fresh = std::make_unique<caf::actor_system_config>();
    fresh->set("scheduler.policy", caf::atom("testing"));
    return *fresh;
  }
  StandInAuthority authority_;
  StandInAnnouncer announcer_;
  LiveStreams streams_;
  Publications publications_{{authority_, announcer_, streams_}};
  caf::actor_system system_;
  Scheduler& scheduler_;
  caf::actor root_;
  std::uint64_t last_id_ = 0;
  std::vector<std::string> said_;
  unsigned accepts_fail_ = 0;  // from now on
  unsigned terminations_fail_ = 0;
};

TEST_F(PublicationsTest, EndsAPublicationWhosePublisherLeftWhileItsActorWasDead) {
  const auto first = live();
  kill(first->actor());
  first->report(PublisherGone{media::LogEnd::kDisconnected});
  const auto second = publish();
  authority_.release();
  run();
  EXPECT_THAT(said_, ElementsAre("accepted 1", "terminated 1")) << "the stream is still the first one's";
  wait();
  EXPECT_THAT(announcer_.events, ElementsAre("published 1", "ended 1"));
  EXPECT_EQ(said_.back(), "accepted 2");
  EXPECT_TRUE(first->over());
}

TEST_F(PublicationsTest, HearsEveryKindOfNewsThatCameWhileItsActorWasDead) {
  const auto ticket = publish();
  kill(ticket->actor());
  authority_.release();  // the decision
  wait();
  EXPECT_THAT(said_, ElementsAre("accepted 1"));
  EXPECT_EQ(authority_.epoch, 1U) << "asked once";
  kill(ticket->actor());
  for (int i = 0; i < 1000; ++i) ticket->report(TracksChanged{});
  wait();
  EXPECT_THAT(announcer_.events, ElementsAre("published 1"));

  const auto next = publish();
  authority_.release();
  run();  // it waits for its turn
  kill(next->actor());
  ticket->report(PublisherGone{media::LogEnd::kTakenOver});
  run();  // granted
  wait();
  EXPECT_EQ(said_.back(), "accepted 2");
}

TEST_F(PublicationsTest, ForgetsAPublisherThatLeftBeforeTheAnswerWhileItsActorWasDead) {
  const auto ticket = publish();
  kill(ticket->actor());
  ticket->report(PublisherGone{media::LogEnd::kDisconnected});
  wait();
  authority_.release();
  run();
  EXPECT_THAT(announcer_.events, ElementsAre("dropped 1")) << "auth closes its books";
  EXPECT_TRUE(ticket->over());
}

TEST_F(PublicationsTest, TriesAgainWhatItCrashedWith) {
  announcer_.failures = 1;
  const auto ticket = live();
  EXPECT_TRUE(announcer_.events.empty());
  wait();
  EXPECT_THAT(announcer_.events, ElementsAre("published 1"));
}

TEST_F(PublicationsTest, TriesAgainToAccept) {
  accepts_fail_ = 1;
  const auto ticket = live();
  wait();
  EXPECT_THAT(said_, ElementsAre("accepted 1"));
  ticket->report(TracksChanged{});
  run();
  EXPECT_THAT(announcer_.events, Contains("published 1"));
}

TEST_F(PublicationsTest, TriesAgainToClaimAStream) {
  const auto first = live();
  terminations_fail_ = 1;
  const auto second = publish();
  authority_.release();
  run();
  EXPECT_THAT(said_, ElementsAre("accepted 1"));
  wait();
  EXPECT_THAT(said_, ElementsAre("accepted 1", "terminated 1"));
  first->report(PublisherGone{media::LogEnd::kTakenOver});
  run();
  EXPECT_THAT(said_, ElementsAre("accepted 1", "terminated 1", "accepted 2"));
}

TEST_F(PublicationsTest, GivesUpAPublicationThatCrashesItsActorEachTime) {
  announcer_.failures = 1000;
  const auto ticket = live();
  for (int i = 0; i < 3; ++i) wait();
  EXPECT_TRUE(ticket->over());
  EXPECT_THAT(said_, ElementsAre("accepted 1", "terminated 1"));
  EXPECT_THAT(announcer_.events, ElementsAre("ended 1"));
  announcer_.failures = 0;
  live();
  EXPECT_THAT(announcer_.events, Contains("published 2")) << "the stream is free";
}

TEST_F(PublicationsTest, FreesTheStreamWhenTheEndCannotBeHandled) {
  const auto ticket = live();
  announcer_.endings_fail = true;
  ticket->report(PublisherGone{media::LogEnd::kUnpublished});
  for (int i = 0; i < 3; ++i) wait();
  EXPECT_TRUE(ticket->over());
  EXPECT_THAT(said_, ElementsAre("accepted 1", "terminated 1"));
  EXPECT_THAT(announcer_.events, ElementsAre("published 1"));
  live();
  EXPECT_EQ(said_.back(), "accepted 2");
}

TEST_F(PublicationsTest, GoesOnWhenTheSupervisorItselfWasRestarted) {
  const auto first = live();
  kill(publications_.supervisor());
  first->report(PublisherGone{media::LogEnd::kDisconnected});
  const auto second = publish();  // while there is nobody to start its actor
  wait();
  EXPECT_THAT(announcer_.events, ElementsAre("published 1", "ended 1"));
  authority_.release();
  run();
  EXPECT_EQ(said_.back(), "accepted 2");
}

// As when the supervisor was restarted while the incarnation before was in the midst of the end.
TEST_F(PublicationsTest, EndsAnIncarnationThatComesWhenAllIsOver) {
  const auto ticket = live();
  ticket->report(PublisherGone{media::LogEnd::kUnpublished});
  run();
  ASSERT_TRUE(ticket->over());
  const auto spawn = [&](caf::event_based_actor* supervisor, int) {
    spawn_publication(*supervisor, ticket, {authority_, announcer_, streams_});
  };
  system_.spawn(spawn, 0);
  bool ended = false;
  run();
  ticket->actor()->attach_functor([&] { ended = true; });
  EXPECT_TRUE(ended);
  EXPECT_THAT(announcer_.events, ElementsAre("published 1", "ended 1"));
  caf::anon_send_exit(ticket->actor(), caf::exit_reason::kill);
  run();
}

TEST_F(PublicationsTest, GivesUpAPublicationWhoseActorIsKilledAgainAndAgain) {
  const auto ticket = live();
  for (int i = 0; i < 7; ++i) {
    kill(ticket->actor());
    scheduler_.advance_time(3s);
    run();
  }
  EXPECT_TRUE(ticket->over());
  EXPECT_THAT(said_, ElementsAre("accepted 1", "terminated 1"));
  EXPECT_THAT(announcer_.events, ElementsAre("published 1", "ended 1"));
}

}  // namespace
}  // namespace millrace::ingest
