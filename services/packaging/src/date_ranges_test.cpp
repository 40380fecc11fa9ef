#include "date_ranges.hpp"

#include <gtest/gtest.h>

namespace millrace::packaging {
namespace {

using Kind = codecs::SpliceInfo::Kind;
using Splice = hls::DateRange::Splice;

constexpr WallTime kStart = WallTime::from_us(1'800'000'000'000'000);
constexpr std::int64_t kSegmentUs = 2'000'000;

// Segments of two seconds, of which the last four are listed.
class DateRangesTest : public ::testing::Test {
 protected:
  void segment() {
    Segment made;
    made.publication_id = publication_;
    made.media_sequence = number_++;
    made.start_wall = now_;
    made.duration_us = kSegmentUs;
    made.splices = std::exchange(splices_, {});
    now_ += kSegmentUs;
    listing_.offered.push_back(std::move(made));
    listing_.first_listed = listing_.offered.size() > 4 ? listing_.offered.size() - 4 : 0;
    ranges_.update(listing_);
  }
  void segments(int count) {
    for (int i = 0; i < count; ++i) segment();
  }
  // In the next segment.
  void splice(Kind kind, std::uint32_t event_id, std::uint64_t duration = 0, std::int64_t delay_us = 0) {
    auto made = std::make_shared<SpliceEvent>();
    made->record = record_++;
    made->told = now_;
    made->start = now_ + delay_us;
    made->splice = {kind, 5, event_id, false, duration};
    made->section = {0xFC, static_cast<std::uint8_t>(record_)};
    splices_.push_back(std::move(made));
  }

  DateRanges ranges_;
  Listing listing_;
  PublicationId publication_{0xA1};
  std::uint64_t number_ = 40;
  std::uint64_t record_ = 7;
  WallTime now_ = kStart;
  std::vector<std::shared_ptr<const SpliceEvent>> splices_;
};

TEST_F(DateRangesTest, PairOutAndInByAnIdOfTheirOwn) {
  splice(Kind::kOut, 9, 30 * codecs::SpliceInfo::kTicks);
  segment();
  ASSERT_EQ(ranges_.listed().size(), 1U);
  const hls::DateRange out = ranges_.listed()[0];
  EXPECT_EQ(out.id, "splice-9-00000000000000a1-7");
  EXPECT_EQ(out.start, kStart);
  EXPECT_EQ(out.planned_duration_us, 30'000'000);
  EXPECT_EQ(out.splice, Splice::kOut);
  EXPECT_FALSE(out.end);
  splice(Kind::kIn, 9);
  segment();
  const auto listed = ranges_.listed();
  ASSERT_EQ(listed.size(), 2U);
  EXPECT_EQ(listed[0], out) << "what was listed stays as it was";
  EXPECT_EQ(listed[1].id, out.id);
  EXPECT_EQ(listed[1].start, out.start);
  EXPECT_EQ(listed[1].end, kStart + kSegmentUs);
  EXPECT_EQ(listed[1].splice, Splice::kIn);
}

TEST_F(DateRangesTest, LeaveWithTheirTime) {
  splice(Kind::kOut, 1, 20 * codecs::SpliceInfo::kTicks);
  splice(Kind::kOther, 0);
  segments(5);
  EXPECT_EQ(ranges_.listed().size(), 1U) << "the command left with its segment, the break goes on";
  EXPECT_EQ(ranges_.removed(), std::vector<std::string>{"splice-0-00000000000000a1-8"});
  segments(38);
  EXPECT_EQ(ranges_.listed().size(), 1U) << "it may end late";
  segments(3);
  EXPECT_TRUE(ranges_.listed().empty());
  EXPECT_EQ(ranges_.removed().size(), 2U);
  segments(100);
  EXPECT_TRUE(ranges_.removed().empty()) << "long ago";
}

TEST_F(DateRangesTest, StayAsLongAsABreakIsOpen) {
  splice(Kind::kOut, 1);
  segments(500);
  ASSERT_EQ(ranges_.listed().size(), 1U);
  const hls::DateRange out = ranges_.listed()[0];
  splice(Kind::kIn, 1);
  segment();
  ASSERT_EQ(ranges_.listed().size(), 2U);
  EXPECT_EQ(ranges_.listed()[0], out);
  EXPECT_EQ(ranges_.listed()[1].id, out.id);
  EXPECT_EQ(ranges_.listed()[1].end, kStart + 500 * kSegmentUs);
  segments(5);
  EXPECT_TRUE(ranges_.listed().empty());
}

TEST_F(DateRangesTest, TakeAnEndLongAfterThePlanForACommand) {
  splice(Kind::kOut, 1, 10 * codecs::SpliceInfo::kTicks);
  segments(20);
  splice(Kind::kIn, 1);
  segment();
  EXPECT_EQ(ranges_.listed().back().splice, Splice::kIn) << "thirty seconds late";
  splice(Kind::kOut, 2, 10 * codecs::SpliceInfo::kTicks);
  segments(40);
  splice(Kind::kIn, 2);
  segment();
  EXPECT_EQ(ranges_.listed().back().splice, Splice::kCommand) << "not seventy";
  DateRanges all;  // as lists of the past have it, from all that was before
  Listing past = listing_;
  past.first_listed = 0;
  all.update(past);
  EXPECT_EQ(all.listed().back(), ranges_.listed().back());
}

// An encoder that comes back counts from one again.
TEST_F(DateRangesTest, BeginAnotherBreakOfAnEventOfAnotherPublication) {
  splice(Kind::kOut, 1);
  segment();
  splice(Kind::kOut, 1);
  segment();
  EXPECT_EQ(ranges_.listed().size(), 1U) << "the same one again";
  publication_ = PublicationId{0xA2};
  splice(Kind::kOut, 1);
  segment();
  ASSERT_EQ(ranges_.listed().size(), 2U);
  EXPECT_NE(ranges_.listed()[0].id, ranges_.listed()[1].id);
  segments(5);
  ASSERT_EQ(ranges_.listed().size(), 1U) << "the first is over";
  EXPECT_EQ(ranges_.listed()[0].id, "splice-1-00000000000000a2-9");
}

TEST_F(DateRangesTest, ForgetWhatWasBeforeNumbersBeganAnew) {
  splice(Kind::kOut, 1);
  segment();
  listing_ = {};
  number_ = 2;
  splice(Kind::kOther, 0);
  segment();
  ASSERT_EQ(ranges_.listed().size(), 1U);
  EXPECT_EQ(ranges_.listed()[0].splice, Splice::kCommand);
}

TEST_F(DateRangesTest, StayUntilTheBreaksEndHasLeft) {
  splice(Kind::kOut, 1, 4 * codecs::SpliceInfo::kTicks);
  segment();
  splice(Kind::kIn, 1);
  segments(3);
  EXPECT_EQ(ranges_.listed().size(), 2U);
  segments(5);
  EXPECT_TRUE(ranges_.listed().empty());
  EXPECT_EQ(ranges_.removed().size(), 1U) << "one id";
}

TEST_F(DateRangesTest, SayNothingTwice) {
  for (int i = 0; i < 3; ++i) {
    splice(Kind::kOut, 1, 60 * codecs::SpliceInfo::kTicks);
    segment();
    ranges_.update(listing_);
  }
  EXPECT_EQ(ranges_.listed().size(), 1U);
}

TEST_F(DateRangesTest, AreTakenInOnceOfEachPublication) {
  splice(Kind::kOut, 1, 60 * codecs::SpliceInfo::kTicks);
  splice(Kind::kOther, 0);
  segment();
  publication_ = PublicationId{0xA2};
  record_ = 3;
  splice(Kind::kOther, 0);
  segment();
  for (int i = 0; i < 100; ++i) ranges_.update(listing_);
  EXPECT_EQ(ranges_.listed().size(), 3U);
  EXPECT_TRUE(ranges_.removed().empty());
}

TEST_F(DateRangesTest, BeginAnotherBreakOfAnEventWhosePlanIsOver) {
  splice(Kind::kOut, 1, 4 * codecs::SpliceInfo::kTicks);
  segments(2);
  splice(Kind::kOut, 1, 4 * codecs::SpliceInfo::kTicks);
  segment();
  ASSERT_EQ(ranges_.listed().size(), 2U);
  EXPECT_NE(ranges_.listed()[0].id, ranges_.listed()[1].id);
  splice(Kind::kIn, 1);
  segment();
  ASSERT_EQ(ranges_.listed().size(), 3U);
  EXPECT_EQ(ranges_.listed()[2].id, ranges_.listed()[1].id);
}

TEST_F(DateRangesTest, KnowABreakThatBeganBeforeTheList) {
  splice(Kind::kOut, 1, 60 * codecs::SpliceInfo::kTicks);
  segments(6);
  DateRanges restarted;
  restarted.update(listing_);
  EXPECT_EQ(restarted.listed(), ranges_.listed());
  EXPECT_EQ(restarted.listed().size(), 1U);
}

TEST_F(DateRangesTest, HaveABoundOfBytes) {
  for (int i = 0; i < 20; ++i) {
    splice(Kind::kOther, 0);
    const_cast<SpliceEvent&>(*splices_.back()).section.resize(4096);
    segment();
  }
  splice(Kind::kOther, 0);
  for (int i = 0; i < 40; ++i) {
    splice(Kind::kOther, 0);
    const_cast<SpliceEvent&>(*splices_.back()).section.resize(1024);
  }
  segment();
  EXPECT_EQ(ranges_.listed().size(), DateRanges::kMostBytes / 1024);
}

// Encoders begin to count again, or count to one all the time.
TEST_F(DateRangesTest, NeverUseAnIdAgain) {
  for (int i = 0; i < 2; ++i) {
    splice(Kind::kOut, 1);
    splice(Kind::kIn, 1);
    segment();
  }
  const auto listed = ranges_.listed();
  ASSERT_EQ(listed.size(), 4U);
  EXPECT_NE(listed[0].id, listed[2].id);
}

TEST_F(DateRangesTest, TakeAnEndWithoutABeginningForACommand) {
  splice(Kind::kIn, 5);
  segment();
  ASSERT_EQ(ranges_.listed().size(), 1U);
  EXPECT_EQ(ranges_.listed()[0].splice, Splice::kCommand);
  EXPECT_FALSE(ranges_.listed()[0].end);
}

TEST_F(DateRangesTest, LetGoOfABreakThatIsCancelledBeforeItBegins) {
  splice(Kind::kOut, 1, 0, 4'000'000);
  segment();
  EXPECT_EQ(ranges_.listed().size(), 1U);
  splice(Kind::kCancel, 1);
  segment();
  EXPECT_TRUE(ranges_.listed().empty());
}

TEST_F(DateRangesTest, AreBounded) {
  for (std::uint32_t i = 0; i < 1000; ++i) splice(Kind::kOut, i, 1ULL << 33);
  segment();
  EXPECT_EQ(ranges_.listed().size(), DateRanges::kMost);
  EXPECT_EQ(ranges_.listed().back().id, "splice-999-00000000000000a1-1006") << "the newest";
  EXPECT_EQ(ranges_.removed().size(), DateRanges::kMostRemoved);
}

// A packaging that starts again finds the same in the log.
TEST_F(DateRangesTest, AreTheSameFromTheLog) {
  splice(Kind::kOut, 1, 4 * codecs::SpliceInfo::kTicks);
  segment();
  splice(Kind::kIn, 1);
  segment();
  DateRanges restarted;
  restarted.update(listing_);
  EXPECT_EQ(restarted.listed(), ranges_.listed());
}

}  // namespace
}  // namespace millrace::packaging
