#include "source_start.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace millrace::transcoding {
namespace {

constexpr std::int64_t kSecond = 90'000;

// Segments of two seconds, records 100 apart, from segment 10 on; every one begins with a key frame.
std::vector<SourcePlace> segments(int count) {
  std::vector<SourcePlace> places;
  for (int i = 0; i < count; ++i)
    places.push_back({static_cast<std::uint64_t>(1000 + 100 * i), static_cast<std::uint64_t>(10 + i),
                      2 * i * kSecond, true, true});
  return places;
}

TEST(SourceStart, OfTheFirstIsHoldBackBehindLive) {
  // The newest picture is at 19.9 s: 6 s before that is in segment 16, which begins at 12 s.
  EXPECT_EQ(choose_start(segments(10), 199 * kSecond / 10, 2, 0), (SourceStart{1600, 16}));
}

TEST(SourceStart, IsTheOldestWhereThereIsLess) {
  EXPECT_EQ(choose_start(segments(2), 3 * kSecond, 2, 0), (SourceStart{1000, 10}));
  EXPECT_EQ(choose_start(segments(1), 0, 0, 0), (SourceStart{1000, 10}));
  EXPECT_FALSE(choose_start({}, 0, 2, 0));
}

TEST(SourceStart, OfASuccessorIsTheNextSegment) {
  EXPECT_EQ(choose_start(segments(10), 199 * kSecond / 10, 2, 17), (SourceStart{1800, 18}));
  EXPECT_EQ(choose_start(segments(10), 199 * kSecond / 10, 2, 14), (SourceStart{1500, 15}));
}

TEST(SourceStart, OfASuccessorThatCameLateIsHoldBackBehindLive) {
  EXPECT_EQ(choose_start(segments(10), 199 * kSecond / 10, 2, 10), (SourceStart{1600, 16}));
  EXPECT_EQ(choose_start(segments(10), 199 * kSecond / 10, 2, 3), (SourceStart{1600, 16}));
}

TEST(SourceStart, OfASuccessorWaitsForASegmentThatHasNotBegun) {
  EXPECT_FALSE(choose_start(segments(10), 199 * kSecond / 10, 2, 19));
}

TEST(SourceStart, DecodesFromTheKeyFrameBeforeASegmentThatHasNone) {
  std::vector<SourcePlace> places = segments(3);
  places[1].key = false;
  EXPECT_EQ(choose_start(places, 5 * kSecond, 2, 10), (SourceStart{1000, 11}));
  places[0].key = false;
  EXPECT_EQ(choose_start(places, 5 * kSecond, 2, 0), (SourceStart{1200, 12}));
}

TEST(SourceStart, DoesNotWriteASegmentThatItSeesThePartOf) {
  // The oldest records are gone: what is left of segment 10 begins with a key frame in its middle.
  std::vector<SourcePlace> places = segments(3);
  places[0].begins = false;
  places[1].key = false;
  EXPECT_EQ(choose_start(places, 5 * kSecond, 2, 0), (SourceStart{1000, 11}));
}

}  // namespace
}  // namespace millrace::transcoding
