#include "dvr_clip.hpp"

#include <gtest/gtest.h>

#include "dash_periods.hpp"
#include "offering_script.hpp"

namespace millrace::packaging {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

// Seconds behind the beginning of the script's first segment, which has the number 41 and lasts two.
manifest::Clip clip(double start_s, double end_s) {
  const auto date = [](double seconds) {
    return OfferingScript::kStart.us() + static_cast<std::int64_t>(seconds * kSecond);
  };
  return {date(start_s), date(end_s), "x"};
}

struct Cut {
  std::uint64_t first = 0, last = 0;
  bool ended = false;
  bool operator==(const Cut&) const = default;
};

TEST(DvrClip, HasTheSegmentsThatHaveSomethingOfIt) {
  OfferingScript script;
  script.segments(5);  // 0 to 10 s
  const struct {
    double start_s, end_s;
    std::optional<Cut> cut;
  } table[] = {
      {2, 4, Cut{42, 42, true}},       {1.999, 4.001, Cut{41, 43, true}},
      {-100, 1, Cut{41, 41, true}},    {8, 10, Cut{45, 45, true}},
      {8, 10.001, Cut{45, 45, false}}, {3, 1e6, Cut{42, 45, false}},
      {-9, 1e6, Cut{41, 45, false}},   {10, 20, std::nullopt},
      {-9, 0, std::nullopt},           {9.999, 10, Cut{45, 45, true}},
  };
  for (const auto& row : table) {
    const auto made = dvr_clip(script.offering, clip(row.start_s, row.end_s));
    ASSERT_EQ(made != nullptr, row.cut.has_value()) << row.start_s;
    if (!made) continue;
    const Listing& listing = made->listing;
    EXPECT_EQ(
        (Cut{listing.offered.front().media_sequence, listing.offered.back().media_sequence, listing.ended}),
        *row.cut)
        << row.start_s;
    EXPECT_EQ(listing.growing.has_value(), !listing.ended);
    for (const Rendition& rendition : made->renditions) {
      EXPECT_EQ(rendition.segments.size(), listing.offered.size());
      EXPECT_TRUE(rendition.current);
    }
  }
}

// Who follows it as it grows is told first of its end, and that nothing is to come three targets later.
TEST(DvrClip, IsOverWhenTheStreamIsThreeTargetsBehindItsEnd) {
  OfferingScript script;
  script.segments(3);  // 0 to 6 s
  const auto state = [&] {
    const auto made = dvr_clip(script.offering, clip(2, 7));
    return std::pair(made->listing.ended, made->listing.long_ended);
  };
  EXPECT_EQ(state(), std::pair(false, false));
  script.segments(1);
  EXPECT_EQ(state(), std::pair(true, false)) << "up to 8 s";
  script.segments(2);
  EXPECT_EQ(state(), std::pair(true, false)) << "up to 12 s";
  script.segments(1);
  EXPECT_EQ(state(), std::pair(true, true)) << "up to 14 s";
  script.offering.listing.offered.resize(4);
  for (Rendition& rendition : script.offering.renditions) rendition.segments.resize(4);
  script.leave_off().offering.listing.ended = true;
  EXPECT_EQ(state(), std::pair(true, false));
  script.offering.listing.long_ended = true;
  EXPECT_EQ(state(), std::pair(true, true)) << "the stream has ended, nothing comes behind it";
}

TEST(DvrClip, OffersWhatHasSomethingAtItsEnd) {
  OfferingScript script;
  script.segments(10);
  script.audio = false;
  script.segments(10);
  const auto before = dvr_clip(script.offering, clip(0, 20)), after = dvr_clip(script.offering, clip(0, 40));
  EXPECT_TRUE(before->renditions[1].current);
  EXPECT_FALSE(after->renditions[1].current);
}

// Its MPD is made from nothing each time: the dates of a timeline's first segment, which may be late, are not
// taken for its beginning as long as the second one has not come.
TEST(DvrClip, BeginsATimelineAsTheLogHasIt) {
  constexpr std::int64_t kLateUs = 1'200'000;
  OfferingScript script;
  script.offering.listing.timelines = {{7, 41, 1'000'000, OfferingScript::kStart - kLateUs}};
  script.segments(1);
  script.wall += -kLateUs;
  for (int segments = 1; segments < 4; ++segments) {
    DashPeriods periods;
    periods.update(*dvr_clip(script.offering, clip(0, 1e6)));
    ASSERT_EQ(periods.periods().size(), 1U);
    EXPECT_EQ(periods.periods().front().start, OfferingScript::kStart - kLateUs) << segments;
    script.segments(1);
  }
}

TEST(DvrClip, OfAStreamThatHasEndedHasAnEnd) {
  OfferingScript script;
  script.segments(5).leave_off();
  script.offering.listing.ended = true;
  const auto made = dvr_clip(script.offering, clip(3, 1e6));
  EXPECT_TRUE(made->listing.ended);
  EXPECT_FALSE(made->listing.long_ended);
}

}  // namespace
}  // namespace millrace::packaging
