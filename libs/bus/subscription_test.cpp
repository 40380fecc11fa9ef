#include "bus/subscription.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::bus {
namespace {

using ::testing::ElementsAre;

constexpr std::uint64_t kBoot = 100;
constexpr std::uint64_t kNextBoot = 50;  // smaller: boot ids have no order

class SubscriptionTest : public ::testing::Test {
 protected:
  static v1::Event event(std::uint64_t boot, std::uint64_t sequence) {
    v1::Event made;
    made.set_service("ingest");
    made.set_instance("0");
    made.set_boot_id(boot);
    made.set_sequence(sequence);
    made.mutable_stream_statistics();
    return made;
  }
  static v1::Snapshot snapshot(std::uint64_t boot, std::uint64_t sequence) {
    v1::Snapshot made;
    made.set_service("ingest");
    made.set_instance("0");
    made.set_boot_id(boot);
    made.set_sequence(sequence);
    return made;
  }
  void receive(std::uint64_t boot, std::uint64_t sequence) {
    EXPECT_TRUE(subscription_.receive(event(boot, sequence), now_));
  }
  void receive_snapshot(std::uint64_t boot, std::uint64_t sequence) {
    EXPECT_TRUE(subscription_.receive(snapshot(boot, sequence), now_));
  }
  std::vector<std::string> seen() { return std::exchange(seen_, {}); }
  void note(std::string what) { seen_.push_back(std::move(what)); }

  static std::string place(std::uint64_t boot, std::uint64_t sequence) {
    return (boot == kBoot ? "old " : "new ") + std::to_string(sequence);
  }

  std::vector<std::string> seen_;
  std::int64_t now_ = 1'000'000;
  Subscription subscription_{
      {"ingest", 3'000'000, 500'000, 4},
      {.on_snapshot = [this](const v1::Snapshot& s) { note("snapshot " + place(s.boot_id(), s.sequence())); },
       .on_event = [this](const v1::Event& e) { note(place(e.boot_id(), e.sequence())); },
       .on_lost = [this](const PeerName& name) { note("lost " + to_string(name)); }},
      now_};
};

TEST_F(SubscriptionTest, AsksForASnapshotFirstAndAgainUntilItComes) {
  EXPECT_TRUE(subscription_.wants_snapshot(now_));
  EXPECT_FALSE(subscription_.wants_snapshot(now_ + 499'999));
  EXPECT_TRUE(subscription_.wants_snapshot(now_ + 500'000));
  receive_snapshot(kBoot, 5);
  EXPECT_FALSE(subscription_.wants_snapshot(now_ + 60'000'000));
  EXPECT_THAT(seen(), ElementsAre("snapshot old 5"));
}

TEST_F(SubscriptionTest, AppliesWhatFollowsTheSnapshotAndNothingBefore) {
  receive(kBoot, 4);
  receive(kBoot, 5);
  receive(kBoot, 6);
  receive_snapshot(kBoot, 5);
  receive(kBoot, 7);
  receive(kBoot, 7);
  receive(kBoot, 6);
  EXPECT_THAT(seen(), ElementsAre("snapshot old 5", "old 6", "old 7"));
  EXPECT_EQ(subscription_.gaps(), 0u);
}

TEST_F(SubscriptionTest, HealsAGapWithASnapshot) {
  receive_snapshot(kBoot, 5);
  receive(kBoot, 8);
  EXPECT_FALSE(subscription_.in_step());
  EXPECT_TRUE(subscription_.wants_snapshot(now_));
  receive(kBoot, 9);
  receive_snapshot(kBoot, 8);
  EXPECT_THAT(seen(), ElementsAre("snapshot old 5", "snapshot old 8", "old 9"));
  EXPECT_EQ(subscription_.gaps(), 1u);
  EXPECT_EQ(subscription_.snapshots(), 2u);
}

TEST_F(SubscriptionTest, FollowsARestartedPublisher) {
  receive_snapshot(kBoot, 5);
  receive(kNextBoot, 1);
  EXPECT_TRUE(subscription_.wants_snapshot(now_));
  receive_snapshot(kNextBoot, 1);
  receive(kNextBoot, 2);
  EXPECT_THAT(seen(), ElementsAre("snapshot old 5", "snapshot new 1", "new 2"));
}

TEST_F(SubscriptionTest, IsNotMisledByTheDeadPublishersSnapshotThatArrivesAfterTheNewOnesEvents) {
  receive(kBoot, 9);
  receive(kNextBoot, 1);
  receive_snapshot(kBoot, 8);
  EXPECT_FALSE(subscription_.in_step());
  receive_snapshot(kNextBoot, 1);
  EXPECT_TRUE(subscription_.in_step());
  EXPECT_THAT(seen(), ElementsAre("snapshot old 8", "old 9", "snapshot new 1"));
}

TEST_F(SubscriptionTest, SkipsTheDeadPublishersEventsBeforeTheNewOnes) {
  receive(kBoot, 9);
  receive(kNextBoot, 1);
  receive(kNextBoot, 2);
  receive_snapshot(kNextBoot, 1);
  EXPECT_TRUE(subscription_.in_step());
  EXPECT_THAT(seen(), ElementsAre("snapshot new 1", "new 2"));
}

TEST_F(SubscriptionTest, KeepsABoundedNumberOfWaitingEventsAndHealsWhatItDropped) {
  for (std::uint64_t sequence = 1; sequence <= 10; ++sequence) receive(kBoot, sequence);
  receive_snapshot(kBoot, 3);
  EXPECT_FALSE(subscription_.in_step()) << "4 to 6 did not fit";
  receive_snapshot(kBoot, 10);
  EXPECT_TRUE(subscription_.in_step());
  EXPECT_THAT(seen(), ElementsAre("snapshot old 3", "snapshot old 10"));
}

TEST_F(SubscriptionTest, NeverGoesBackToAnOlderSnapshot) {
  receive_snapshot(kBoot, 5);
  receive(kBoot, 6);
  receive_snapshot(kBoot, 5);
  receive(kBoot, 7);
  EXPECT_THAT(seen(), ElementsAre("snapshot old 5", "old 6", "old 7"));
}

TEST_F(SubscriptionTest, ReportsALossOnceAndEndsItWithASnapshot) {
  receive_snapshot(kBoot, 5);
  for (int i = 0; i < 10; ++i) subscription_.tick(now_ += 1'000'000);
  EXPECT_THAT(seen(), ElementsAre("snapshot old 5", "lost ingest"));
  EXPECT_TRUE(subscription_.wants_snapshot(now_));
  receive(kBoot, 6);
  EXPECT_THAT(seen(), ElementsAre());
  receive_snapshot(kBoot, 6);
  EXPECT_THAT(seen(), ElementsAre("snapshot old 6"));
  for (int i = 0; i < 10; ++i) subscription_.tick(now_ += 1'000'000);
  EXPECT_THAT(seen(), ElementsAre("lost ingest"));
}

TEST_F(SubscriptionTest, ReportsAPeerThatNeverAnswered) {
  for (int i = 0; i < 3; ++i) subscription_.tick(now_ += 1'000'000);
  EXPECT_THAT(seen(), ElementsAre("lost ingest"));
}

TEST_F(SubscriptionTest, DoesNotTakeItsOwnPauseForThePeersSilence) {
  receive_snapshot(kBoot, 5);
  subscription_.tick(now_ += 1'000'000);
  subscription_.tick(now_ += 60'000'000);
  EXPECT_THAT(seen(), ElementsAre("snapshot old 5"));
  for (int i = 0; i < 3; ++i) subscription_.tick(now_ += 1'000'000);
  EXPECT_THAT(seen(), ElementsAre("lost ingest"));
}

TEST_F(SubscriptionTest, LimitsSnapshotsHoweverManyGapsThereAre) {
  int asked = 0;
  std::uint64_t sequence = 1;
  for (std::int64_t end = now_ + 10'000'000; now_ < end; now_ += 10'000) {
    receive(kBoot, sequence += 2);
    if (!subscription_.wants_snapshot(now_)) continue;
    ++asked;
    receive_snapshot(kBoot, sequence);
  }
  EXPECT_LE(asked, 21);
}

TEST_F(SubscriptionTest, RefusesEventsAndSnapshotsOfOthers) {
  v1::Event foreign = event(kBoot, 1);
  foreign.set_service("auth");
  EXPECT_FALSE(subscription_.receive(foreign, now_));
  EXPECT_FALSE(subscription_.receive(event(kBoot, 0), now_)) << "sequences begin at 1";
  v1::Snapshot other = snapshot(kBoot, 1);
  other.set_service("auth");
  EXPECT_FALSE(subscription_.receive(other, now_));
  EXPECT_THAT(seen(), ElementsAre());
}

TEST_F(SubscriptionTest, RefusesEventsThatNameAnotherInstance) {
  v1::Event early = event(kBoot, 6);
  early.set_instance("1");
  subscription_.receive(early, now_);
  receive_snapshot(kBoot, 5);
  EXPECT_FALSE(subscription_.receive(early, now_));
  receive(kBoot, 6);
  EXPECT_THAT(seen(), ElementsAre("snapshot old 5", "old 6"));
}

TEST_F(SubscriptionTest, KeepsHeartbeatsToItself) {
  receive_snapshot(kBoot, 5);
  v1::Event beat = event(kBoot, 6);
  beat.mutable_heartbeat();
  EXPECT_TRUE(subscription_.receive(beat, now_));
  receive(kBoot, 7);
  EXPECT_THAT(seen(), ElementsAre("snapshot old 5", "old 7"));
}

}  // namespace
}  // namespace millrace::bus
