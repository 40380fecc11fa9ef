#include "manifest/clip/clip_query.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace millrace::manifest {
namespace {

using Query = std::vector<std::pair<std::string, std::string>>;

TEST(ClipQuery, TakesBoundsThatAreWrittenAsTheyAre) {
  const struct {
    std::string raw;
    Query query;
    std::int64_t start_us, end_us;
    std::string canonical;
  } table[] = {
      {"", {}, 0, INT64_MAX, ""},
      {"token=a%2Fb", {{"token", "a/b"}}, 0, INT64_MAX, ""},
      {"start=7", {{"start", "7"}}, 7'000'000, INT64_MAX, "start=7.000000"},
      {"end=9.5", {{"end", "9.5"}}, 0, 9'500'000, "end=9.500000"},
      {"&&end=9&&t=%41&start=007.25",
       {{"end", "9"}, {"t", "A"}, {"start", "007.25"}},
       7'250'000,
       9'000'000,
       "start=7.250000&end=9.000000"},
      {"start=0&end=0.000001", {{"start", "0"}, {"end", "0.000001"}}, 0, 1, "start=0.000000&end=0.000001"},
      {"start=9999999999.999999",
       {{"start", "9999999999.999999"}},
       9'999'999'999'999'999,
       INT64_MAX,
       "start=9999999999.999999"},
      {"starts=x&bend=", {{"starts", "x"}, {"bend", ""}}, 0, INT64_MAX, ""},
  };
  for (const auto& row : table) {
    const Result<Clip> clip = parse_clip(row.raw, row.query);
    ASSERT_TRUE(clip) << row.raw;
    EXPECT_EQ(*clip, (Clip{row.start_us, row.end_us, row.canonical})) << row.raw;
    EXPECT_EQ(clip->is_all(), row.canonical.empty());
  }
}

TEST(ClipQuery, RefusesEverythingElseAndSaysWhy) {
  const struct {
    std::string raw;
    Query query;
    std::string why;
  } table[] = {
      {"start=7&start=8", {{"start", "7"}, {"start", "8"}}, "start is there twice"},
      {"end=7&t=&end=7", {{"end", "7"}, {"t", ""}, {"end", "7"}}, "end is there twice"},
      {"start=7&START=7", {{"start", "7"}, {"START", "7"}}, "start is there twice"},
      {"start=", {{"start", ""}}, "start has no value"},
      {"end", {{"end", ""}}, "end has no value"},
      {"start=%37", {{"start", "7"}}, "start is encoded or in other letters"},
      {"%73tart=7", {{"start", "7"}}, "start is encoded or in other letters"},
      {"start%3D7=", {{"start=7", ""}, {"start", "7"}}, "start is encoded or in other letters"},
      {"End=7", {{"End", "7"}}, "end is encoded or in other letters"},
      {"start=x", {{"start", "x"}}, "start is not a number of seconds"},
      {"start=-1", {{"start", "-1"}}, "start is not a number of seconds"},
      {"start=+1", {{"start", " 1"}}, "start is not a number of seconds"},
      {"start=.5", {{"start", ".5"}}, "start is not a number of seconds"},
      {"start=5.", {{"start", "5."}}, "start is not a number of seconds"},
      {"start=1.2.3", {{"start", "1.2.3"}}, "start is not a number of seconds"},
      {"start=1e3", {{"start", "1e3"}}, "start is not a number of seconds"},
      {"start=nan", {{"start", "nan"}}, "start is not a number of seconds"},
      {"start=12345678901", {{"start", "12345678901"}}, "start is not a number of seconds"},
      {"start=1.0000001", {{"start", "1.0000001"}}, "start is not a number of seconds"},
      {"start=5&end=5", {{"start", "5"}, {"end", "5"}}, "start is not before end"},
      {"end=0", {{"end", "0"}}, "start is not before end"},
  };
  for (const auto& row : table) {
    const Result<Clip> clip = parse_clip(row.raw, row.query);
    ASSERT_FALSE(clip) << row.raw;
    EXPECT_EQ(clip.error().message, row.why) << row.raw;
  }
}

}  // namespace
}  // namespace millrace::manifest
