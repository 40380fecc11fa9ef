#include "manifest/hls/delivery_directives.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace millrace::hls {
namespace {

using Query = std::vector<std::pair<std::string, std::string>>;

TEST(DeliveryDirectives, ReadsWhatThePlayerAsks) {
  struct Case {
    Query query;
    DeliveryDirectives directives;
  };
  const Case cases[] = {
      {{}, {}},
      {{{"token", "x"}, {"_HLS_push", "1"}, {"_hls_msn", "y"}, {"hls_part", "z"}}, {}},
      {{{"_HLS_msn", "0"}}, {0, {}, Skip::kNothing}},
      {{{"_HLS_msn", "18446744073709551615"}}, {UINT64_MAX, {}, Skip::kNothing}},
      {{{"_HLS_part", "2"}, {"x", "y"}, {"_HLS_msn", "273"}}, {273, 2, Skip::kNothing}},
      {{{"_HLS_msn", "1"}, {"_HLS_skip", "YES"}}, {1, {}, Skip::kSegments}},
      {{{"_HLS_skip", "v2"}}, {{}, {}, Skip::kDateRanges}},
  };
  for (const Case& c : cases) {
    const auto read = parse_directives(c.query);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, c.directives);
  }
}

TEST(DeliveryDirectives, RefusesWhatIsNone) {
  const Query cases[] = {
      {{"_HLS_part", "0"}},
      {{"_HLS_skip", "YES"}, {"_HLS_part", "0"}},
      {{"_HLS_msn", ""}},
      {{"_HLS_msn", "-1"}},
      {{"_HLS_msn", "+1"}},
      {{"_HLS_msn", "1.0"}},
      {{"_HLS_msn", " 1"}},
      {{"_HLS_msn", "1 "}},
      {{"_HLS_msn", "0x1"}},
      {{"_HLS_msn", "18446744073709551616"}},
      {{"_HLS_msn", std::string("1\0", 2)}},
      {{"_HLS_msn", "1"}, {"_HLS_msn", "1"}},
      {{"_HLS_msn", "1"}, {"_HLS_part", "one"}},
      {{"_HLS_msn", "1"}, {"_HLS_part", "1"}, {"_HLS_part", "2"}},
      {{"_HLS_skip", ""}},
      {{"_HLS_skip", "yes"}},
      {{"_HLS_skip", "V2"}},
      {{"_HLS_skip", "YES"}, {"_HLS_skip", "v2"}},
  };
  for (const Query& query : cases) {
    const auto read = parse_directives(query);
    ASSERT_FALSE(read) << query.back().second;
    EXPECT_EQ(read.error().code, "hls.directive");
  }
}

// A list up to segment 100, which has six parts, with two of segment 101; nine parts may be asked for ahead.
TEST(DeliveryDirectives, TakesNamesOnlyAsTheyAreWritten) {
  EXPECT_TRUE(has_literal_names("", {}));
  EXPECT_TRUE(has_literal_names("a=1&&_HLS_msn=5&_HLS_part=0&ll=0",
                                Query{{"a", "1"}, {"_HLS_msn", "5"}, {"_HLS_part", "0"}, {"ll", "0"}}));
  EXPECT_TRUE(has_literal_names("%61=1&all=2&l=3", Query{{"a", "1"}, {"all", "2"}, {"l", "3"}}));
  EXPECT_FALSE(has_literal_names("%5FHLS_msn=5", Query{{"_HLS_msn", "5"}}));
  EXPECT_FALSE(has_literal_names("a&_HLS_ms%6E=5", Query{{"a", ""}, {"_HLS_msn", "5"}}));
  EXPECT_FALSE(has_literal_names("_hls_msn=5&_HLS_msn=6", Query{{"_hls_msn", "5"}, {"_HLS_msn", "6"}}));
  EXPECT_FALSE(has_literal_names("_HLS_msn=6&_Hls_msn=5", Query{{"_HLS_msn", "6"}, {"_Hls_msn", "5"}}));
  EXPECT_FALSE(has_literal_names("l%6C=0", Query{{"ll", "0"}}));
  EXPECT_FALSE(has_literal_names("LL=0", Query{{"LL", "0"}}));
}

TEST(DeliveryDirectives, SaysWhetherWhatIsWaitedForIsThere) {
  using enum Readiness;
  constexpr ListEnd kList{
      .last_segment = 100, .parts_of_last = 6, .parts_of_growing = 2, .part_target_us = 333'334};
  constexpr ListEnd kNothingOfTheNext{.last_segment = 100, .parts_of_last = 6, .part_target_us = 333'334};
  constexpr ListEnd kLongParts{
      .last_segment = 100, .parts_of_last = 2, .parts_of_growing = 1, .part_target_us = 1'000'000};
  constexpr ListEnd kPartsBeginNow{.last_segment = 100, .parts_of_growing = 1, .part_target_us = 333'334};
  constexpr ListEnd kWithoutParts{.last_segment = 100};
  constexpr std::uint64_t kNone = UINT64_MAX;
  struct Case {
    const char* name;
    ListEnd list;
    std::uint64_t segment, part;
    Readiness readiness;
  };
  const Case cases[] = {
      {"long ago", kList, 0, kNone, kReady},
      {"the last segment", kList, 100, kNone, kReady},
      {"the one that grows", kList, 101, kNone, kWait},
      {"the one after it", kList, 102, kNone, kWait},
      {"too far", kList, 103, kNone, kTooFar},
      {"far too far", kList, UINT64_MAX, kNone, kTooFar},
      {"an old segment's part that it never had", kList, 99, 1000, kReady},
      {"its last part", kList, 100, 5, kReady},
      {"past its end: the next one's first", kList, 100, 6, kReady},
      {"past its end, further", kList, 100, 14, kReady},
      {"past its end, too far", kList, 100, 15, kTooFar},
      {"past its end: the next one's first, to come", kNothingOfTheNext, 100, 6, kWait},
      {"the same by its name", kNothingOfTheNext, 101, 0, kWait},
      {"a listed part", kList, 101, 1, kReady},
      {"the hinted part", kList, 101, 2, kWait},
      {"the last that may be asked for", kList, 101, 10, kWait},
      {"one more", kList, 101, 11, kTooFar},
      {"a number without end", kList, 101, UINT64_MAX - 1, kTooFar},
      {"the segment after the next, first part", kList, 102, 0, kWait},
      {"the segment after the next, too far", kList, 102, 9, kTooFar},
      {"three long parts ahead", kLongParts, 101, 3, kWait},
      {"four long parts ahead", kLongParts, 101, 4, kTooFar},
      {"a part of a segment that has none", kPartsBeginNow, 100, 0, kReady},
      {"the first part there is", kPartsBeginNow, 101, 0, kReady},
      {"a stream without parts", kWithoutParts, 100, 7, kReady},
      {"a stream without parts, to come", kWithoutParts, 101, 0, kWait},
      {"a stream without parts, too far", kWithoutParts, 103, 0, kTooFar},
  };
  for (const Case& c : cases) {
    DeliveryDirectives directives{.media_sequence = c.segment};
    if (c.part != kNone) directives.part = c.part;
    EXPECT_EQ(readiness(directives, c.list), c.readiness) << c.name;
  }
  EXPECT_EQ(readiness({}, kList), kReady) << "who asks for nothing waits for nothing";
}

}  // namespace
}  // namespace millrace::hls
