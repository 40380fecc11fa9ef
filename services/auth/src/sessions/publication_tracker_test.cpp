// Over a real database, with stand-ins for ingest: what its events, its snapshots and its silence mean.
#include "streams/access_control_testing.hpp"

namespace millrace::auth {
namespace {

class PublicationTrackerTest : public AccessControlTest {};

TEST_P(PublicationTrackerTest, WhatIngestDoesNotKnowAfterARestartHasEnded) {
  accepted(1, "one", "s1");
  accepted(2, "two", "s2");
  accepted(3, "three", "s3");
  restart();
  live_.replace("", {live(2, "two", 1)});
  access_->publications().snapshot({live(2, "two", 1)}, now_);
  tick(0);
  EXPECT_TRUE(stops().empty()) << "the others may be on their way";
  tick(SessionBook::kUnseenUs + 6 * kSecond);
  EXPECT_EQ(stops().size(), 2U);
  for (const CloseOrder& order : closed_) EXPECT_NE(order.publication_id, PublicationId{2});
}

TEST_P(PublicationTrackerTest, WhatWasLiveAndIsMissingInASnapshotHasEnded) {
  accepted(1, "one", "s1");
  access_->publications().published(live(1, "one", 1), now_);
  access_->publications().snapshot({}, now_);
  EXPECT_EQ(stops(), Strings{"s1"});
  access_->publications().published(live(1, "one", 1), now_);
  ASSERT_EQ(closed_.size(), 1U) << "its end has been told: it must not come back";
  EXPECT_EQ(closed_[0].publication_id, PublicationId{1});
}

TEST_P(PublicationTrackerTest, IngestLostForLongEndsItsPublications) {
  accepted(1, "one", "s1");
  access_->publications().published(live(1, "one", 1), now_);
  live_.lost("", now_.monotonic_us);
  tick(PublicationTracker::kIngestLostUs - kSecond);
  EXPECT_TRUE(stops().empty());
  tick(10 * kSecond);
  EXPECT_EQ(stops(), Strings{"s1"});
}

TEST_P(PublicationTrackerTest, TheLossOfOneIngestEndsItsOwnPublications) {
  for (const char* instance : {"0", "1"}) live_.replace(instance, {});
  accepted(1, "one", "s1");
  accepted(2, "two", "s2");
  LivePublication one = live(1, "one", 1);
  one.instance = "0";
  LivePublication two = live(2, "two", 1);
  two.instance = "1";
  for (const LivePublication& publication : {one, two}) {
    live_.add(publication);
    access_->publications().published(publication, now_);
  }
  live_.lost("1", now_.monotonic_us);
  tick(PublicationTracker::kIngestLostUs + 10 * kSecond);
  EXPECT_EQ(stops(), Strings{"s2"});
  EXPECT_TRUE(live_.find("one"));
  EXPECT_FALSE(live_.find("two"));
  // The restart of the other one is no end of anything else.
  live_.replace("1", {});
  access_->publications().snapshot(live_.all(), now_);
  EXPECT_EQ(stops(), Strings{"s2"});
}

TEST_P(PublicationTrackerTest, APublicationThatMovedToAnotherIngestIsClosedAtTheFirst) {
  LivePublication older = live(1, "one", 1);
  older.instance = "0";
  LivePublication newer = live(2, "one", 2);
  newer.instance = "1";
  EXPECT_TRUE(live_.add(older).empty());
  const std::vector<LivePublication> past = live_.add(newer);
  ASSERT_EQ(past.size(), 1U);
  access_->publications().end_past(past, now_);
  ASSERT_EQ(closed_.size(), 1U);
  EXPECT_EQ(closed_[0].publication_id, PublicationId{1});
  EXPECT_EQ(closed_[0].instance, "0");
  // Heard again of the older one: the newer stays what is live.
  EXPECT_EQ(live_.replace("0", {older}).size(), 1U);
  EXPECT_EQ(live_.find("one")->publication_id, PublicationId{2});
}

// No snapshot comes because the database's actor has crashed.
TEST_P(PublicationTrackerTest, AFreshTrackerKnowsWhichIngestsAreThere) {
  live_.replace("1", {});
  accepted(1, "one", "s1");
  LivePublication one = live(1, "one", 1);
  one.instance = "0";
  live_.replace("0", {one});
  access_->publications().published(one, now_);
  restart();
  live_.lost("1", now_.monotonic_us);
  tick(PublicationTracker::kIngestLostUs + 10 * kSecond);
  EXPECT_EQ(stops(), Strings{}) << "its ingest was there all the time";
  accepted(2, "two", "s2");
  tick(6 * kSecond);
  EXPECT_EQ(stops(), Strings{}) << "nor does what comes later end";
  LivePublication two = live(2, "two", 1);
  two.instance = "0";
  live_.add(two);
  access_->publications().published(two, now_);
  EXPECT_TRUE(closed_.empty());
}

TEST_P(PublicationTrackerTest, AFreshTrackerKnowsWhichIngestsAreLost) {
  for (const char* instance : {"0", "1"}) live_.replace(instance, {});
  accepted(1, "one", "s1");
  accepted(2, "two", "s2");
  for (const std::uint64_t id : {1U, 2U}) {
    LivePublication publication = live(id, id == 1 ? "one" : "two", 1);
    publication.instance = id == 1 ? "0" : "1";
    live_.add(publication);
    access_->publications().published(publication, now_);
  }
  live_.lost("1", now_.monotonic_us);
  restart();
  tick(PublicationTracker::kIngestLostUs + 10 * kSecond);
  EXPECT_EQ(stops(), Strings{"s2"});
  live_.lost("0", now_.monotonic_us);
  restart();
  tick(PublicationTracker::kIngestLostUs + 10 * kSecond);
  EXPECT_EQ(stops(), (Strings{"s2", "s1"})) << "none is left";
}

TEST_P(PublicationTrackerTest, OrdersNameAChannelAndASession) {
  accepted(1, "chan", "s1");
  live_.replace("", {live(0x1f, "other", 4)});
  access_->publications().close_channel("chan", "", now_);
  access_->publications().close_channel("chan", "*", now_);
  ASSERT_EQ(closed_.size(), 2U);
  EXPECT_EQ(closed_[1].publication_id, kNoPublication);
  access_->publications().close_channel("chan", "s1", now_);
  access_->publications().close_channel("other", "000000000000001f", now_);
  ASSERT_EQ(closed_.size(), 4U);
  EXPECT_EQ(closed_[2].publication_id, PublicationId{1});
  EXPECT_EQ(closed_[3].publication_id, PublicationId{0x1f});
  access_->publications().close_channel("chan", "s2", now_);
  access_->publications().close_channel("other", "s1", now_);
  EXPECT_EQ(closed_.size(), 4U) << "no such session";
}

INSTANTIATE_TEST_SUITE_P(Over, PublicationTrackerTest, testing::ValuesIn(store::database_kinds()),
                         store::DatabaseTest::name);

}  // namespace
}  // namespace millrace::auth
