#include "demand_table.hpp"

#include <gtest/gtest.h>

namespace millrace::transcoding {
namespace {

using Time = DemandTable::Time;
constexpr PublicationId kOne{1};
constexpr PublicationId kOther{2};

TEST(DemandTable, KeepsWhatWasWantedForTheLinger) {
  DemandTable table(Time(30'000));
  EXPECT_FALSE(table.wanted(kOne));
  table.note(kOne, "v0-720p", 0, Time(0));
  table.note(kOne, "v0-720p", 0, Time(1'000));
  table.look(Time(30'999));
  ASSERT_TRUE(table.wanted(kOne));
  EXPECT_FALSE(table.wanted(kOther));
  table.look(Time(31'000));
  EXPECT_FALSE(table.wanted(kOne));
}

TEST(DemandTable, EndsEachRenditionByItself) {
  DemandTable table(Time(10));
  table.note(kOne, "v0-720p", 0, Time(0));
  table.note(kOne, "v0-360p", 0, Time(5));
  EXPECT_EQ(table.renditions(), 2U);
  table.look(Time(12));
  EXPECT_EQ(table.wanted(kOne)->names, (std::set<std::string>{"v0-360p"}));
}

TEST(DemandTable, TellsWhereNewOnesBegin) {
  DemandTable table(Time(10));
  table.note(kOne, "v0-720p", 100, Time(0));
  table.note(kOne, "v0-360p", 90, Time(0));
  EXPECT_EQ(table.wanted(kOne)->from, 90U);
  table.told(kOne);
  EXPECT_EQ(table.wanted(kOne)->from, 0U);
  table.note(kOne, "v0-480p", 120, Time(1));
  table.note(kOne, "v0-360p", 3, Time(1));
  EXPECT_EQ(table.wanted(kOne)->from, 120U);
  table.note(kOne, "v0-480p", 0, Time(2));
  EXPECT_EQ(table.wanted(kOne)->from, 0U) << "a list's length behind live";
}

TEST(DemandTable, IsBounded) {
  DemandTable table(Time(10));
  for (std::size_t i = 0; i < 2 * kMostNames; ++i) table.note(kOne, "v" + std::to_string(i), 0, Time(0));
  EXPECT_EQ(table.wanted(kOne)->names.size(), kMostNames);
  for (std::uint64_t i = 0; i < 2 * DemandTable::kMostPublications; ++i)
    table.note(PublicationId{i + 10}, "v0-360p", 0, Time(0));
  EXPECT_LE(table.renditions(), DemandTable::kMostPublications + kMostNames);
}

}  // namespace
}  // namespace millrace::transcoding
