#include "dash_periods.hpp"

#include <gtest/gtest.h>

#include "offering_script.hpp"

namespace millrace::packaging {
namespace {

constexpr WallTime kStart = OfferingScript::kStart;

std::vector<std::string> ids(const DashPeriods& periods) {
  std::vector<std::string> found;
  for (const DashPeriod& period : periods.periods()) found.push_back(period.id);
  return found;
}
using Ids = std::vector<std::string>;

TEST(DashPeriods, BeginAtTheDateOfTheirFirstSample) {
  OfferingScript script;
  DashPeriods periods;
  periods.update(script.segments(3).offering);
  ASSERT_EQ(ids(periods), Ids({"7"}));
  const DashPeriod& period = periods.periods().front();
  EXPECT_EQ(period.start, kStart);
  EXPECT_EQ(period.time_us, 1'000'000);
  EXPECT_EQ(period.first_segment, 41U);
  EXPECT_EQ(period.end_segment, 44U);
  EXPECT_EQ(period.presented_us(3'000'000), kStart.us() + 2'000'000);
  EXPECT_EQ(periods.segments(), 3U);
}

TEST(DashPeriods, KeepTheirBeginningWhenItHasLeftTheWindow) {
  OfferingScript script;
  DashPeriods periods;
  periods.update(script.segments(6).offering);
  periods.update(script.leave(4, 1).segments(1).offering);
  ASSERT_EQ(ids(periods), Ids({"7"}));
  EXPECT_EQ(periods.periods().front().start, kStart);
  EXPECT_EQ(periods.periods().front().time_us, 1'000'000);
  EXPECT_EQ(periods.segments(), 7U);
}

TEST(DashPeriods, BeginAnewWithADiscontinuityAndLeaveWithTheirSegments) {
  OfferingScript script;
  DashPeriods periods;
  periods.update(script.segments(3).reconnect().segments(2).offering);
  ASSERT_EQ(ids(periods), Ids({"7", "8"}));
  EXPECT_EQ(periods.periods()[1].start, kStart + 11'000'000);
  EXPECT_EQ(periods.periods()[1].time_us, 0);
  periods.update(script.leave(3, 0).offering);
  EXPECT_EQ(ids(periods), Ids({"8"}));
  periods.update(Offering{});
  EXPECT_TRUE(periods.periods().empty());
}

// A player that waited for the silent track would stall.
TEST(DashPeriods, BeginAnewWhereATrackFallsSilentOrComesBack) {
  OfferingScript script;
  DashPeriods periods;
  script.segments(2);
  script.audio = false;
  script.segments(1);
  script.audio = true;
  periods.update(script.segments(2).offering);
  ASSERT_EQ(ids(periods), Ids({"7", "7.43", "7.44"}));
  // On the same timeline, at the picture: nothing of it is cut off.
  EXPECT_EQ(periods.periods()[1].start, kStart + 4'080'000);
  EXPECT_EQ(periods.periods()[1].time_us, 5'080'000);
}

TEST(DashPeriods, BeginAnewWithAnotherInitSegment) {
  OfferingScript script;
  DashPeriods periods;
  script.segments(2);
  script.sound = OfferingScript::describe_sound();
  periods.update(script.segments(1).offering);
  EXPECT_EQ(ids(periods), Ids({"7", "7.43"}));
}

TEST(DashPeriods, BeginAnewWhereNumbersGetAnotherTemplate) {
  OfferingScript script;
  script.media_sequence = 3'999'999'998;
  DashPeriods periods;
  periods.update(script.segments(3).offering);
  EXPECT_EQ(ids(periods), Ids({"7", "7.4000000000"}));
}

TEST(DashPeriods, BeginAnewWhereTheEncodersClockHasDriftedTooFar) {
  OfferingScript script;
  DashPeriods periods;
  script.segments(2);
  script.wall += 1'000'000;
  script.segments(1);
  script.wall += 1;
  periods.update(script.segments(2).offering);
  ASSERT_EQ(ids(periods), Ids({"7", "7.44"}));
  EXPECT_EQ(periods.periods()[1].start, kStart + 6'000'000 + 1'000'001 + 80'000);
}

TEST(DashPeriods, LetGoOfWhatWasBeforeWhereTheClockHasSteppedBack) {
  OfferingScript script;
  DashPeriods periods;
  periods.update(script.segments(3).reconnect(-60'000'000).segments(1).offering);
  EXPECT_EQ(ids(periods), Ids({"8"}));
}

TEST(DashPeriods, AreTheSameWhetherFedAtOnceOrBitByBit) {
  OfferingScript script;
  DashPeriods step;
  for (int i = 0; i < 4; ++i) step.update(script.segments(1).offering);
  script.reconnect();
  script.audio = false;
  for (int i = 0; i < 3; ++i) step.update(script.segments(1).offering);
  DashPeriods once;
  once.update(script.offering);
  ASSERT_EQ(ids(step), ids(once));
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(step.periods()[i].start, once.periods()[i].start);
    EXPECT_EQ(step.periods()[i].time_us, once.periods()[i].time_us);
    EXPECT_EQ(step.periods()[i].bandwidth, once.periods()[i].bandwidth);
  }
}

TEST(DashPeriods, RoundBandwidthUpAndNeverTakeItBack) {
  OfferingScript script;
  DashPeriods periods;
  periods.update(script.segments(3).offering);
  const std::uint64_t first = periods.periods()[0].bandwidth.at({media::TrackKind::kVideo, 0});
  EXPECT_EQ(first, 410'000U);  // 100,000 bytes, 50 entries of 16 and 300 of boxes in two seconds
  for (auto& segment : script.offering.renditions[0].segments) segment->span.payload_bytes /= 2;
  periods.update(script.offering);
  EXPECT_EQ(periods.periods()[0].bandwidth.at({media::TrackKind::kVideo, 0}), first);
}

// --- grids ---

OfferingScript with_parts() {
  OfferingScript script;
  script.offering.listing.part_target_us = 400'000;
  return script;
}

TEST(DashPeriods, AreAGridWhereTheFirstThreeSegmentsAreEven) {
  OfferingScript script = with_parts();
  DashPeriods periods;
  periods.update(script.segments(2).offering);
  EXPECT_EQ(periods.periods().back().grid_ns, 0);
  periods.update(script.segments(1).offering);
  periods.update(script.segments(5).offering);
  ASSERT_EQ(ids(periods), Ids({"7"}));
  EXPECT_EQ(periods.periods().back().grid_ns, 2'000'000'000);
  EXPECT_EQ(periods.periods().back().grid_us, 1'080'000);
}

TEST(DashPeriods, AreNoGridWithoutPartsOrOfUnevenSegments) {
  OfferingScript without;
  DashPeriods periods;
  periods.update(without.segments(4).offering);
  EXPECT_EQ(periods.periods().back().grid_ns, 0);
  OfferingScript uneven = with_parts();
  uneven.segments(2);
  uneven.length_us = 1'920'000;
  DashPeriods others;
  others.update(uneven.segments(1).offering);
  EXPECT_EQ(others.periods().back().grid_ns, 0);
}

TEST(DashPeriods, LeaveTheGridWithASegmentOfAnotherLengthAndComeBackToOne) {
  OfferingScript script = with_parts();
  DashPeriods periods;
  script.segments(4);
  script.length_us = 1'600'000;
  script.segments(1);
  script.length_us = OfferingScript::kSegmentUs;
  periods.update(script.segments(5).offering);
  ASSERT_EQ(ids(periods), Ids({"7", "7.45", "7.49"}));
  EXPECT_EQ(periods.periods()[1].grid_ns, 0);
  EXPECT_EQ(periods.periods()[2].grid_ns, 2'000'000'000);
}

TEST(DashPeriods, GoOnWithTheGridAfterADiscontinuityAndAChangeOfTracks) {
  OfferingScript script = with_parts();
  DashPeriods periods;
  script.segments(4).reconnect().segments(2);
  script.audio = false;
  periods.update(script.segments(1).offering);
  ASSERT_EQ(ids(periods), Ids({"7", "8", "8.47"}));
  for (const DashPeriod& period : periods.periods()) EXPECT_EQ(period.grid_ns, 2'000'000'000) << period.id;
}

// The encoder has gone: what it had begun is cut off, and is no reason to leave the grid.
TEST(DashPeriods, KeepTheLastSegmentBeforeADiscontinuityInTheGrid) {
  OfferingScript script = with_parts();
  DashPeriods step;
  script.segments(4);
  step.update(script.offering);
  script.length_us = 200'000;
  step.update(script.segments(1).leave_off().offering);
  EXPECT_EQ(ids(step), Ids({"7"}));
  script.length_us = OfferingScript::kSegmentUs;
  step.update(script.reconnect().segments(2).offering);
  DashPeriods once;
  once.update(script.offering);
  for (const DashPeriods& periods : {step, once}) {
    ASSERT_EQ(ids(periods), Ids({"7", "8"}));
    for (const DashPeriod& period : periods.periods()) EXPECT_EQ(period.grid_ns, 2'000'000'000) << period.id;
  }
}

// What a packaging says that was restarted when the beginning had left the log.
TEST(DashPeriods, BeginWhereTheLogSaysThatTheyBegan) {
  for (const bool parts : {true, false}) {
    OfferingScript script = parts ? with_parts() : OfferingScript();
    script.offering.listing.timelines = {{7, 41, 1'000'000, OfferingScript::kStart}};
    DashPeriods seen;
    for (int i = 0; i < 40; ++i) seen.update(script.segments(1).offering);
    DashPeriods later;
    later.update(script.leave(30, 2).offering);
    ASSERT_EQ(ids(later), Ids({"7"}));
    const DashPeriod& expected = seen.periods().front();
    const DashPeriod& period = later.periods().front();
    EXPECT_EQ(period.start, expected.start);
    EXPECT_EQ(period.time_us, expected.time_us);
    EXPECT_EQ(period.first_segment, 41U);
    EXPECT_EQ(period.end_segment, expected.end_segment);
    EXPECT_EQ(period.grid_ns, parts ? 2'000'000'000 : 0);
    if (parts) {
      EXPECT_EQ(period.grid_us, expected.grid_us);
    }
    later.update(script.segments(3).offering);
    EXPECT_EQ(ids(later), Ids({"7"})) << "and it goes on";
  }
}

// The dates of the first segment are those of a sample that was late.
TEST(DashPeriods, BeginByTheDatesOfTheSecondSegment) {
  constexpr std::int64_t kLateUs = 1'200'000;
  struct Case {
    const char* what;
    bool log_says;
    bool bit_by_bit;
    bool first_left;
  };
  for (const Case& c : {Case{"as it comes", true, true, false}, Case{"restarted", true, false, false},
                        Case{"restarted when the beginning had gone", true, false, true},
                        Case{"of a recording", false, false, false}}) {
    OfferingScript script = with_parts();
    if (c.log_says)
      script.offering.listing.timelines = {{7, 41, 1'000'000, OfferingScript::kStart - kLateUs}};
    DashPeriods periods;
    const auto add = [&](int count) {
      for (int i = 0; i < count; ++i) {
        script.segments(1);
        if (c.bit_by_bit) periods.update(script.offering);
      }
    };
    add(1);
    script.wall += -kLateUs;
    add(9);
    if (c.first_left) script.leave(4, 2);
    periods.update(script.offering);
    ASSERT_EQ(ids(periods), Ids({"7"})) << c.what;
    EXPECT_EQ(periods.periods().front().start, OfferingScript::kStart - kLateUs);
    EXPECT_EQ(periods.periods().front().first_segment, 41U);
    EXPECT_EQ(periods.periods().front().grid_ns, 2'000'000'000);
  }
}

TEST(DashPeriods, BeginWithWhatThereIsWhereTheyMayHaveBegunWithinTheDiscontinuity) {
  OfferingScript off_grid = with_parts();
  off_grid.offering.listing.timelines = {{7, 41, 1'000'000, OfferingScript::kStart}};
  off_grid.segments(4);
  off_grid.length_us = 1'600'000;
  off_grid.segments(1);
  off_grid.length_us = OfferingScript::kSegmentUs;
  DashPeriods later;
  later.update(off_grid.segments(20).leave(15, 2).offering);
  ASSERT_EQ(ids(later), Ids({"7.56"}));
  EXPECT_EQ(later.periods().front().first_segment, 56U);
  EXPECT_EQ(later.periods().front().end_segment, 66U);
  EXPECT_EQ(later.periods().front().grid_ns, 2'000'000'000);

  OfferingScript drifted;
  drifted.offering.listing.timelines = {{7, 41, 1'000'000, OfferingScript::kStart}};
  drifted.segments(4);
  drifted.wall += 1'000'001;
  DashPeriods behind;
  behind.update(drifted.segments(10).leave(6, 2).offering);
  EXPECT_EQ(ids(behind), Ids({"7.47"}));

  OfferingScript other_template;
  other_template.media_sequence = 999'999'990;
  other_template.offering.listing.timelines = {{7, 999'999'990, 1'000'000, OfferingScript::kStart}};
  DashPeriods numbers;
  numbers.update(other_template.segments(20).leave(12, 2).offering);
  EXPECT_EQ(ids(numbers), Ids({"7.1000000002"}));
}

// What comes back has the right numbers and the grid of before.
TEST(DashPeriods, GoOnWithTheGridBehindAGap) {
  OfferingScript script = with_parts();
  DashPeriods periods;
  periods.update(script.segments(4).offering);
  periods.update(script.gaps(1).offering);
  periods.update(script.gaps(2).offering);
  ASSERT_EQ(ids(periods), Ids({"7"}));
  EXPECT_EQ(periods.periods()[0].end_segment, 45U);
  periods.update(script.reconnect(0).segments(2).offering);
  ASSERT_EQ(ids(periods), Ids({"7", "8"}));
  EXPECT_EQ(periods.periods()[1].first_segment, 48U);
  EXPECT_EQ(periods.periods()[1].grid_ns, 2'000'000'000);
  DashPeriods fresh;
  fresh.update(script.offering);
  EXPECT_EQ(ids(fresh), ids(periods));
}

TEST(DashPeriods, SetTheGridAnewWhereTheClocksAreHalfAPartApart) {
  OfferingScript script = with_parts();
  DashPeriods periods;
  script.segments(4);
  script.wall += 200'000;
  script.segments(1);
  script.wall += 1;
  periods.update(script.segments(1).offering);
  ASSERT_EQ(ids(periods), Ids({"7", "7.46"}));
  EXPECT_EQ(periods.periods()[1].grid_ns, 2'000'000'000);
}

}  // namespace
}  // namespace millrace::packaging
