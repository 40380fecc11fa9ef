#include "dvr_clip.hpp"

#include <gtest/gtest.h>

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
    EXPECT_EQ(listing.long_ended, listing.ended);
    EXPECT_EQ(listing.growing.has_value(), !listing.ended);
    for (const Rendition& rendition : made->renditions) {
      EXPECT_EQ(rendition.segments.size(), listing.offered.size());
      EXPECT_TRUE(rendition.current);
    }
  }
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
