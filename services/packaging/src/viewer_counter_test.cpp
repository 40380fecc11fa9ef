#include "viewer_counter.hpp"

#include <gtest/gtest.h>

namespace millrace::packaging {
namespace {

TEST(ViewerCounter, CountsAnAddressWithItsProgramOnce) {
  ViewerCounter counter(100);
  counter.seen("a", "10.0.0.1", "mpv", 0, 6);
  counter.seen("a", "10.0.0.1", "mpv", 1, 6);
  counter.seen("a", "10.0.0.1", "hls.js", 1, 6);
  counter.seen("a", "10.0.0.2", "mpv", 1, 6);
  counter.seen("b", "10.0.0.2", "mpv", 1, 6);
  counter.sent("b", 1000);
  const auto told = counter.collect(2);
  ASSERT_EQ(told.size(), 2U);
  for (const StreamViewers& stream : told) {
    EXPECT_EQ(stream.viewers, stream.stream_id == "a" ? 3U : 1U);
    EXPECT_EQ(stream.sent_bytes, stream.stream_id == "a" ? 0U : 1000U);
  }
}

TEST(ViewerCounter, ForgetsWhoDoesNotComeBackAndTellsItOnce) {
  ViewerCounter counter(100);
  counter.seen("a", "10.0.0.1", "mpv", 0, 6);
  EXPECT_EQ(counter.collect(5).at(0).viewers, 1U);
  counter.seen("a", "10.0.0.1", "mpv", 5, 6);
  EXPECT_EQ(counter.collect(10).at(0).viewers, 1U);
  EXPECT_EQ(counter.collect(11).at(0).viewers, 0U);
  EXPECT_TRUE(counter.collect(12).empty());
  EXPECT_EQ(counter.viewers(), 0U);
}

TEST(ViewerCounter, CountsWhoBeganAndTellsOfSegmentsWithoutViewers) {
  ViewerCounter counter(100);
  counter.seen("a", "10.0.0.1", "mpv", 0, 6);
  counter.seen("a", "10.0.0.1", "mpv", 5, 6);
  counter.seen("a", "10.0.0.2", "mpv", 5, 6);
  EXPECT_EQ(counter.collect(5).at(0).began, 2U);
  EXPECT_EQ(counter.collect(20).at(0).viewers, 0U);
  counter.seen("a", "10.0.0.1", "mpv", 21, 6);
  EXPECT_EQ(counter.collect(22).at(0).began, 3U) << "was away for too long";
  counter.segment("b", 1234);
  for (const StreamViewers& stream : counter.collect(23)) {
    EXPECT_EQ(stream.segment_latency_us, stream.stream_id == "b" ? 1234 : 0);
  }
  for (const StreamViewers& stream : counter.collect(24)) EXPECT_NE(stream.stream_id, "b");
}

TEST(ViewerCounter, CountsNoMoreThanItsLimit) {
  ViewerCounter counter(2);
  for (const char* address : {"1", "2", "3"}) counter.seen("a", address, "", 0, 6);
  EXPECT_EQ(counter.collect(1).at(0).viewers, 2U);
  counter.forget("a");
  EXPECT_EQ(counter.viewers(), 0U);
  counter.seen("b", "3", "", 0, 6);
  EXPECT_EQ(counter.collect(1).at(0).viewers, 1U);
}

}  // namespace
}  // namespace millrace::packaging
