#include "bandwidth.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace millrace::packaging {
namespace {

// A segment of a rate, so long that the container's bytes do not matter.
TrackSpan segment(std::int64_t duration_ms, std::uint64_t bits_per_second) {
  TrackSpan segment;
  segment.duration_us = duration_ms * 1000;
  segment.payload_bytes = static_cast<std::uint64_t>(duration_ms) * bits_per_second / 8000;
  return segment;
}

TEST(Bandwidth, IsThatOfRunsOfAboutATarget) {
  constexpr std::uint64_t kMega = 1'000'000;
  const struct {
    const char* name;
    std::vector<TrackSpan> segments;
    std::uint64_t peak;
  } cases[] = {
      {"equal ones", {segment(2000, 4 * kMega), segment(2000, 4 * kMega)}, 4 * kMega},
      {"one is heavier",
       {segment(2000, 4 * kMega), segment(2000, 6 * kMega), segment(2000, 4 * kMega)},
       6 * kMega},
      {"a tail of one key frame counts with its neighbour only",
       {segment(2000, 4 * kMega), segment(2000, 4 * kMega), segment(33, 40 * kMega)},
       (2000 * 4 + 33 * 40) * kMega / 2033},
      {"short ones count together",
       {segment(500, 1 * kMega), segment(500, 9 * kMega), segment(500, 1 * kMega), segment(500, 1 * kMega)},
       5 * kMega},
      {"a run of more than one and a half is none",
       {segment(1600, 2 * kMega), segment(1600, 4 * kMega)},
       4 * kMega},
      {"all together are shorter than half", {segment(300, 3 * kMega), segment(300, 5 * kMega)}, 4 * kMega},
      {"none", {}, 0},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const Bandwidth told = bandwidth(c.segments, 2'000'000);
    // 300 bytes per segment for the boxes around, which are much of a short one.
    EXPECT_GE(told.peak, c.peak);
    EXPECT_LE(told.peak, c.peak + 10'000);
    EXPECT_LE(told.average, told.peak);
  }
}

TEST(Bandwidth, CountsTheContainer) {
  TrackSpan one = segment(1000, 0);
  one.samples = 30;
  EXPECT_EQ(bandwidth(std::vector{one}, 1'000'000).peak, (30 * 16 + 300) * 8U);
}

}  // namespace
}  // namespace millrace::packaging
