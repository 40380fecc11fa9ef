#include "viewer_counter.hpp"

#include <gtest/gtest.h>

namespace millrace::packaging {
namespace {

TEST(ViewerCounter, CountsAnAddressWithItsProgramOnce) {
  ViewerCounter counter;
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
  ViewerCounter counter;
  counter.seen("a", "10.0.0.1", "mpv", 0, 6);
  EXPECT_EQ(counter.collect(5).at(0).viewers, 1U);
  counter.seen("a", "10.0.0.1", "mpv", 5, 6);
  EXPECT_EQ(counter.collect(10).at(0).viewers, 1U);
  EXPECT_EQ(counter.collect(11).at(0).viewers, 0U);
  EXPECT_TRUE(counter.collect(12).empty());
  EXPECT_EQ(counter.viewers(), 0U);
}

TEST(ViewerCounter, CountsWhoBeganAndTellsOfSegmentsWithoutViewers) {
  ViewerCounter counter;
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

// Viewers of the past of a stream that has ended, and what is sent when it has left the log.
TEST(ViewerCounter, KeepsNothingForGoodOfAStreamThatIsNotKnownAnyMore) {
  ViewerCounter counter;
  constexpr std::int64_t kLater = 6 + ViewerCounter::kKeepUs;
  const auto is_known = [](const std::string& stream_id) { return stream_id == "live"; };
  counter.seen("past", "10.0.0.1", "mpv", 0, 6);
  counter.seen("live", "10.0.0.1", "mpv", 0, 6);
  EXPECT_EQ(counter.collect(5, is_known).size(), 2U);
  EXPECT_EQ(counter.streams(), 2U) << "it has a viewer";
  EXPECT_EQ(counter.collect(6, is_known).size(), 2U) << "that nobody watches any more is told";
  counter.sent("past", 10);
  EXPECT_EQ(counter.collect(7, is_known).front().sent_bytes, 10U);
  counter.sent("past", 10);
  EXPECT_EQ(counter.collect(8, is_known).front().sent_bytes, 20U) << "it counts from where it was";
  EXPECT_EQ(counter.streams(), 2U);
  EXPECT_TRUE(counter.collect(kLater, is_known).empty());
  EXPECT_EQ(counter.streams(), 2U) << "reported a little later than that";
  EXPECT_TRUE(counter.collect(kLater + 2, is_known).empty());
  EXPECT_EQ(counter.streams(), 1U);
  counter.forget("live");
  counter.sent("live", 10);
  EXPECT_EQ(counter.collect(kLater + 3, is_known).size(), 1U);
  EXPECT_EQ(counter.streams(), 1U) << "what is live counts on";
}

TEST(ViewerCounter, CountsNoMoreThanItsLimit) {
  ViewerCounter counter({.viewers = 2});
  for (const char* address : {"10.0.0.1", "10.0.0.2", "10.0.0.3"}) counter.seen("a", address, "", 0, 6);
  EXPECT_EQ(counter.collect(1).at(0).viewers, 2U);
  counter.forget("a");
  EXPECT_EQ(counter.viewers(), 0U);
  counter.seen("b", "10.0.0.3", "", 0, 6);
  EXPECT_EQ(counter.collect(1).at(0).viewers, 1U);
}

// Viewers of a stream after so many user agents of one address.
std::size_t viewers_of(ViewerCounter& counter, const std::string& stream_id, const std::string& address,
                       int agents) {
  for (int i = 0; i < agents; ++i) counter.seen(stream_id, address, "agent " + std::to_string(i), 0, 6);
  for (const StreamViewers& stream : counter.collect(1)) {
    if (stream.stream_id == stream_id) return stream.viewers;
  }
  return 0;
}

TEST(ViewerCounter, NamesMakeNoMoreThan64ViewersOfAnAddress) {
  ViewerCounter counter;
  EXPECT_EQ(viewers_of(counter, "a", "192.0.2.1", 64), 64U);
  EXPECT_EQ(viewers_of(counter, "a", "192.0.2.1", 300), 65U) << "all further ones are one";
  EXPECT_EQ(viewers_of(counter, "a", "192.0.2.2", 1), 66U) << "another address is not concerned";
  EXPECT_EQ(viewers_of(counter, "b", "192.0.2.1", 300), 65U) << "nor is another stream";
  EXPECT_EQ(counter.viewers(), 131U);
  (void)counter.collect(7);
  EXPECT_EQ(counter.viewers(), 0U);
  EXPECT_EQ(viewers_of(counter, "a", "192.0.2.1", 2), 2U) << "who has left is not counted against anybody";
}

TEST(ViewerCounter, AnIpv6NetworkIsOneAddress) {
  ViewerCounter counter;
  counter.seen("a", "2001:db8::1", "mpv", 0, 6);
  counter.seen("a", "2001:db8::2", "mpv", 0, 6);
  counter.seen("a", "2001:db8:0:1::1", "mpv", 0, 6);
  counter.seen("a", "::ffff:192.0.2.1", "mpv", 0, 6);
  counter.seen("a", "192.0.2.1", "mpv", 0, 6);
  EXPECT_EQ(counter.collect(1).at(0).viewers, 3U);
}

TEST(ViewerCounter, NeitherAStreamNorAnAddressTakesAll) {
  ViewerCounter counter({.viewers = 10, .of_stream = 5, .of_address = 3});
  for (int i = 0; i < 20; ++i) counter.seen("a", "10.0.0." + std::to_string(i), "mpv", 0, 6);
  EXPECT_EQ(counter.viewers(), 5U) << "of one stream";
  EXPECT_EQ(viewers_of(counter, "b", "192.0.2.1", 2), 2U);
  EXPECT_EQ(viewers_of(counter, "c", "192.0.2.1", 2), 1U) << "of one address, in all";
  EXPECT_EQ(viewers_of(counter, "c", "192.0.2.2", 1), 2U);
  counter.forget("b");
  EXPECT_EQ(viewers_of(counter, "c", "192.0.2.1", 2), 3U);
}

}  // namespace
}  // namespace millrace::packaging
