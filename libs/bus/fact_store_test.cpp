#include "bus/fact_store.hpp"

#include <gtest/gtest.h>

#include "bus/testing.hpp"

namespace millrace::bus {
namespace {

using testing::fact;
using testing::retraction;

v1::Snapshot snapshot_of(const FactStore& store) {
  v1::Snapshot snapshot;
  store.snapshot(snapshot);
  return snapshot;
}

TEST(FactStore, NumbersEventsAndFillsTheEnvelope) {
  FactStore store({"ingest", "1"}, 77, 10);
  v1::Event event;
  ASSERT_TRUE(event.ParseFromString(store.publish(fact("stream/a", "a"), WallTime::from_us(5)).bytes));
  EXPECT_EQ(event.service(), "ingest");
  EXPECT_EQ(event.instance(), "1");
  EXPECT_EQ(event.boot_id(), 77u);
  EXPECT_EQ(event.sequence(), 1u);
  EXPECT_EQ(event.time_wall_us(), 5);
  ASSERT_TRUE(event.ParseFromString(store.publish({}, WallTime::from_us(6)).bytes));
  EXPECT_EQ(event.sequence(), 2u);
}

TEST(FactStore, KeepsTheNewestOfEachKeyUntilItIsRetracted) {
  FactStore store({"ingest", "1"}, 1, 10);
  store.publish(fact("stream/a", "1"), {});
  store.publish(fact("stream/b", "1"), {});
  store.publish({}, {});
  store.publish(fact("stream/a", "2"), {});
  store.publish(retraction("stream/b"), {});
  store.publish(retraction("stream/never"), {});
  const v1::Snapshot snapshot = snapshot_of(store);
  EXPECT_EQ(snapshot.sequence(), 6u);
  ASSERT_EQ(snapshot.events_size(), 1);
  EXPECT_EQ(snapshot.events(0).stream_published().stream_id(), "2");
  EXPECT_EQ(snapshot.events(0).sequence(), 4u);
}

TEST(FactStore, IsBoundedButReplacesAndRetractsAtTheBound) {
  FactStore store({"ingest", "1"}, 1, 2);
  EXPECT_TRUE(store.publish(fact("a", "1"), {}).retained);
  EXPECT_TRUE(store.publish(fact("b", "1"), {}).retained);
  const FactStore::Published refused = store.publish(fact("c", "1"), {});
  EXPECT_FALSE(refused.retained);
  EXPECT_FALSE(refused.bytes.empty()) << "it is sent all the same";
  EXPECT_TRUE(store.publish(fact("b", "2"), {}).retained);
  store.publish(retraction("a"), {});
  EXPECT_TRUE(store.publish(fact("c", "1"), {}).retained);
  EXPECT_EQ(store.size(), 2u);
}

TEST(FactStore, DoesNotSendWhatIsTooLargeButUsesItsNumber) {
  FactStore store({"ingest", "1"}, 1, 2);
  EXPECT_TRUE(store.publish(fact("a", std::string(kMaxMessageBytes, 'x')), {}).bytes.empty());
  EXPECT_EQ(store.sequence(), 1u);
  EXPECT_EQ(store.size(), 0u);
}

TEST(FactStore, KeepsItsSnapshotWithinWhatAMessageMayHold) {
  FactStore store({"ingest", "1"}, 1, 10'000);
  const std::string large(kMaxMessageBytes - 1000, 'x');
  for (int i = 0; i < 100; ++i) store.publish(fact("stream/" + std::to_string(i), large), {});
  EXPECT_LT(snapshot_of(store).ByteSizeLong(), kMaxSnapshotBytes);
  EXPECT_GT(store.size(), 50u);
}

}  // namespace
}  // namespace millrace::bus
