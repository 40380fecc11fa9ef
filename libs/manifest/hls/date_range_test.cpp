#include "manifest/hls/date_range.hpp"

#include <gtest/gtest.h>

#include "manifest/hls/media_playlist.hpp"

namespace millrace::hls {
namespace {

constexpr WallTime kMidnight = WallTime::from_seconds(1'795'219'200);  // 2026-11-21T00:00:00Z

DateRange out() {
  DateRange range;
  range.id = "splice-7";
  range.scheme = "urn:scte:scte35:2013:bin";
  range.start = kMidnight + 500'000;
  range.planned_duration_us = 30'030'000;
  range.splice = DateRange::Splice::kOut;
  range.section = {0xFC, 0x30};
  return range;
}

constexpr const char* kOut =
    "#EXT-X-DATERANGE:ID=\"splice-7\",CLASS=\"urn:scte:scte35:2013:bin\",START-DATE=\"2026-11-21T00:00:00."
    "500Z\","
    "PLANNED-DURATION=30.030,SCTE35-OUT=0xFC30\n";

TEST(DateRange, SaysWhatASpliceIs) {
  std::string text;
  append_date_range(text, out());
  EXPECT_EQ(text, kOut);
  DateRange in = out();
  in.planned_duration_us.reset();
  in.end = in.start + 29'500'000;
  in.splice = DateRange::Splice::kIn;
  text.clear();
  append_date_range(text, in);
  EXPECT_EQ(text,
            "#EXT-X-DATERANGE:ID=\"splice-7\",CLASS=\"urn:scte:scte35:2013:bin\","
            "START-DATE=\"2026-11-21T00:00:00.500Z\",END-DATE=\"2026-11-21T00:00:30.000Z\",DURATION=29.500,"
            "SCTE35-IN=0xFC30\n");
  in.splice = DateRange::Splice::kCommand;
  text.clear();
  append_date_range(text, in);
  EXPECT_NE(text.find("SCTE35-CMD=0xFC30\n"), std::string::npos);
}

MediaPlaylist playlist() {
  MediaPlaylist made;
  made.target_duration_seconds = 2;
  for (int i = 0; i < 12; ++i) {
    MediaSegment& segment = made.segments.emplace_back();
    segment.uri = std::to_string(i);
    segment.duration_us = 2'000'000;
  }
  made.date_ranges = {out()};
  made.removed_date_ranges = {"splice-5", "splice-6"};
  made.low_latency = LowLatency{.part_target_us = 1'000'000,
                                .part_hold_back_us = 3'000'000,
                                .hold_back_us = 6'000'000,
                                .can_skip_until_us = 12'000'000};
  return made;
}

TEST(DateRange, StandsInEveryFormOfAList) {
  for (const Skip skip : {Skip::kNothing, Skip::kSegments, Skip::kDateRanges})
    EXPECT_NE(serialize(playlist(), skip).find(kOut), std::string::npos);
}

// RFC 8216bis 4.4.5.2: required of an answer to v2, also when there is none.
TEST(DateRange, IsToldOfWhenItHasGone) {
  const std::string dates = serialize(playlist(), Skip::kDateRanges);
  EXPECT_NE(dates.find("#EXT-X-SKIP:SKIPPED-SEGMENTS=5,RECENTLY-REMOVED-DATERANGES=\"splice-5\tsplice-6\"\n"),
            std::string::npos)
      << dates;
  EXPECT_NE(serialize(playlist(), Skip::kSegments).find("#EXT-X-SKIP:SKIPPED-SEGMENTS=5\n"),
            std::string::npos);
  MediaPlaylist none = playlist();
  none.removed_date_ranges.clear();
  EXPECT_NE(serialize(none, Skip::kDateRanges).find("SEGMENTS=5,RECENTLY-REMOVED-DATERANGES=\"\"\n"),
            std::string::npos);
}

}  // namespace
}  // namespace millrace::hls
