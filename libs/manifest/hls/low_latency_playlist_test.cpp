#include <gtest/gtest.h>

#include "base/clock.hpp"
#include "manifest/hls/media_playlist.hpp"

namespace millrace::hls {
namespace {

constexpr WallTime kMidnight = WallTime::from_seconds(1'795'219'200);  // 2026-11-21T00:00:00Z

// Segments of two seconds from 40 on, the last two with parts, and one that grows.
MediaPlaylist live(std::size_t segments) {
  MediaPlaylist playlist;
  playlist.target_duration_seconds = 2;
  playlist.media_sequence = 40;
  playlist.independent_segments = true;
  for (std::size_t i = 0; i < segments; ++i) {
    MediaSegment& segment = playlist.segments.emplace_back();
    segment.uri = std::to_string(40 + i) + ".m4s";
    segment.map_uri = "init.mp4";
    segment.duration_us = 2'000'000;
    segment.program_date_time = kMidnight + static_cast<std::int64_t>(i) * 2'000'000;
    if (i + 2 < segments) continue;
    segment.parts = {{segment.uri + "-0", 1'000'000, true}, {segment.uri + "-1", 1'000'000}};
  }
  LowLatency edge{.part_target_us = 1'000'000,
                  .part_hold_back_us = 3'000'000,
                  .hold_back_us = 6'000'000,
                  .can_skip_until_us = 12'000'000};
  edge.growing.emplace();
  edge.growing->map_uri = "init.mp4";
  edge.growing->program_date_time = kMidnight + static_cast<std::int64_t>(segments) * 2'000'000;
  edge.growing->parts = {{"p9.m4s", 966'667, true}};
  edge.hinted_part = "p10.m4s";
  edge.reports = {{"../a0/index.m3u8", 42, 0}, {"../v1/index.m3u8", 41}};
  playlist.low_latency = edge;
  return playlist;
}

constexpr std::string_view kHead =
    "#EXT-X-TARGETDURATION:2\n"
    "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12.000,CAN-SKIP-DATERANGES=YES,"
    "HOLD-BACK=6.000,PART-HOLD-BACK=3.000\n"
    "#EXT-X-PART-INF:PART-TARGET=1.000\n"
    "#EXT-X-MEDIA-SEQUENCE:40\n"
    "#EXT-X-DISCONTINUITY-SEQUENCE:0\n"
    "#EXT-X-INDEPENDENT-SEGMENTS\n";

TEST(LowLatencyPlaylist, WritesPartsHintsAndReports) {
  EXPECT_EQ(serialize(live(2)),
            "#EXTM3U\n#EXT-X-VERSION:9\n" + std::string(kHead) +
                "#EXT-X-MAP:URI=\"init.mp4\"\n"
                "#EXT-X-PROGRAM-DATE-TIME:2026-11-21T00:00:00.000Z\n"
                "#EXT-X-PART:DURATION=1.000,URI=\"40.m4s-0\",INDEPENDENT=YES\n"
                "#EXT-X-PART:DURATION=1.000,URI=\"40.m4s-1\"\n"
                "#EXTINF:2.000,\n40.m4s\n"
                "#EXT-X-PROGRAM-DATE-TIME:2026-11-21T00:00:02.000Z\n"
                "#EXT-X-PART:DURATION=1.000,URI=\"41.m4s-0\",INDEPENDENT=YES\n"
                "#EXT-X-PART:DURATION=1.000,URI=\"41.m4s-1\"\n"
                "#EXTINF:2.000,\n41.m4s\n"
                "#EXT-X-PROGRAM-DATE-TIME:2026-11-21T00:00:04.000Z\n"
                "#EXT-X-PART:DURATION=0.966667,URI=\"p9.m4s\",INDEPENDENT=YES\n"
                "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"p10.m4s\"\n"
                "#EXT-X-RENDITION-REPORT:URI=\"../a0/index.m3u8\",LAST-MSN=42,LAST-PART=0\n"
                "#EXT-X-RENDITION-REPORT:URI=\"../v1/index.m3u8\",LAST-MSN=41\n");
}

TEST(LowLatencyPlaylist, BeginsAGrowingSegmentOnceItHasAPart) {
  MediaPlaylist playlist = live(1);
  LowLatency& edge = *playlist.low_latency;
  edge.reports.clear();
  edge.growing->discontinuity_sequence = 1;
  edge.growing->map_uri = "other.mp4";
  const std::string begun = serialize(playlist);
  EXPECT_NE(
      begun.find("40.m4s\n#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"other.mp4\"\n#EXT-X-PROGRAM-DATE-TIME:"),
      std::string::npos)
      << begun;
  edge.growing->parts.clear();
  edge.hinted_map = "other.mp4";
  const std::string hinted = serialize(playlist);
  EXPECT_TRUE(
      hinted.ends_with("40.m4s\n#EXT-X-PRELOAD-HINT:TYPE=MAP,URI=\"other.mp4\"\n"
                       "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"p10.m4s\"\n"))
      << hinted;
}

TEST(LowLatencyPlaylist, MarksPartsOfAGap) {
  MediaPlaylist playlist = live(1);
  playlist.segments[0].gap = true;
  for (PartialSegment& part : playlist.segments[0].parts) part.gap = true;
  const std::string text = serialize(playlist);
  EXPECT_NE(text.find("URI=\"40.m4s-0\",GAP=YES\n"), std::string::npos) << "none to begin with: " << text;
  EXPECT_NE(text.find("URI=\"40.m4s-1\",GAP=YES\n#EXT-X-GAP\n#EXTINF:"), std::string::npos) << text;
}

TEST(LowLatencyPlaylist, PromisesNothingOnceItHasEnded) {
  MediaPlaylist playlist = live(9);
  playlist.ended = true;
  const std::string text = serialize(playlist, Skip::kSegments);
  EXPECT_EQ(text, serialize(playlist));
  EXPECT_TRUE(text.ends_with("48.m4s\n#EXT-X-ENDLIST\n")) << text;
}

TEST(LowLatencyPlaylist, LeavesOutWhatIsFurtherFromTheEndThanTheSkipBoundary) {
  struct Case {
    std::size_t segments, skipped;
  };
  // The seventh from behind ends right at the boundary of six: it is not further.
  for (const Case& c : {Case{1, 0}, {6, 0}, {7, 0}, {8, 1}, {20, 13}}) {
    const MediaPlaylist playlist = live(c.segments);
    EXPECT_EQ(skipped_segments(playlist), c.skipped);
    const std::string full = serialize(playlist);
    const std::string delta = serialize(playlist, Skip::kSegments);
    const std::string later = serialize(playlist, Skip::kDateRanges);
    if (c.skipped == 0) {
      EXPECT_EQ(delta, full);
      EXPECT_EQ(later, full);
      continue;
    }
    const std::string first_kept =
        "#EXT-X-PROGRAM-DATE-TIME:" + rfc3339(*playlist.segments[c.skipped].program_date_time);
    const std::string tail = full.substr(full.find(first_kept));
    const std::string skip = "#EXT-X-SKIP:SKIPPED-SEGMENTS=" + std::to_string(c.skipped);
    EXPECT_EQ(delta, "#EXTM3U\n#EXT-X-VERSION:9\n" + std::string(kHead) + skip + "\n" + tail);
    EXPECT_EQ(later, "#EXTM3U\n#EXT-X-VERSION:10\n" + std::string(kHead) + skip +
                         ",RECENTLY-REMOVED-DATERANGES=\"\"\n" + tail);
  }
}

TEST(LowLatencyPlaylist, WritesNoPartsInAListThatHasNone) {
  MediaPlaylist playlist = live(2);
  playlist.low_latency.reset();
  MediaPlaylist plain = playlist;
  for (MediaSegment& segment : plain.segments) segment.parts.clear();
  EXPECT_EQ(serialize(playlist), serialize(plain));
  EXPECT_TRUE(
      serialize(plain).starts_with("#EXTM3U\n#EXT-X-VERSION:8\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA"));
  EXPECT_EQ(serialize(playlist, Skip::kSegments), serialize(plain));
}

}  // namespace
}  // namespace millrace::hls
