#include "manifest/hls/media_playlist.hpp"

#include <gtest/gtest.h>

namespace millrace::hls {
namespace {

constexpr WallTime kMidnight = WallTime::from_seconds(1'795'219'200);  // 2026-11-21T00:00:00Z

MediaSegment segment(const std::string& uri, std::int64_t duration_us, std::uint64_t discontinuity = 0) {
  MediaSegment result;
  result.uri = uri;
  result.map_uri = "init-a.mp4";
  result.duration_us = duration_us;
  result.discontinuity_sequence = discontinuity;
  return result;
}

TEST(MediaPlaylist, WritesALivePlaylist) {
  MediaPlaylist playlist;
  playlist.target_duration_seconds = 2;
  playlist.media_sequence = 41;
  playlist.independent_segments = true;
  playlist.segments = {segment("41-a.m4s", 2'000'000), segment("42-a.m4s", 2'002'033)};
  playlist.segments[0].program_date_time = kMidnight;
  playlist.segments[1].program_date_time = kMidnight + 2'000'000;
  EXPECT_EQ(serialize(playlist),
            "#EXTM3U\n"
            "#EXT-X-VERSION:8\n"
            "#EXT-X-TARGETDURATION:2\n"
            "#EXT-X-MEDIA-SEQUENCE:41\n"
            "#EXT-X-DISCONTINUITY-SEQUENCE:0\n"
            "#EXT-X-INDEPENDENT-SEGMENTS\n"
            "#EXT-X-MAP:URI=\"init-a.mp4\"\n"
            "#EXT-X-PROGRAM-DATE-TIME:2026-11-21T00:00:00.000Z\n"
            "#EXTINF:2.000,\n"
            "41-a.m4s\n"
            "#EXT-X-PROGRAM-DATE-TIME:2026-11-21T00:00:02.000Z\n"
            "#EXTINF:2.002033,\n"
            "42-a.m4s\n");
}

TEST(MediaPlaylist, MarksANewTimelineWithItsOwnInitSegmentAndTheEnd) {
  MediaPlaylist playlist;
  playlist.target_duration_seconds = 2;
  playlist.media_sequence = 7;
  playlist.ended = true;
  playlist.segments = {segment("7-a.m4s", 1'500'000, 3), segment("8-b.m4s", 2'000'000, 4),
                       segment("9-b.m4s", 2'000'000, 4)};
  playlist.segments[1].map_uri = playlist.segments[2].map_uri = "init-b.mp4";
  EXPECT_EQ(serialize(playlist),
            "#EXTM3U\n"
            "#EXT-X-VERSION:8\n"
            "#EXT-X-TARGETDURATION:2\n"
            "#EXT-X-MEDIA-SEQUENCE:7\n"
            "#EXT-X-DISCONTINUITY-SEQUENCE:3\n"
            "#EXT-X-MAP:URI=\"init-a.mp4\"\n"
            "#EXTINF:1.500,\n"
            "7-a.m4s\n"
            "#EXT-X-DISCONTINUITY\n"
            "#EXT-X-MAP:URI=\"init-b.mp4\"\n"
            "#EXTINF:2.000,\n"
            "8-b.m4s\n"
            "#EXTINF:2.000,\n"
            "9-b.m4s\n"
            "#EXT-X-ENDLIST\n");
}

// The number a player gives a segment is the header's plus the tags before it (RFC 8216 6.2.2).
TEST(MediaPlaylist, KeepsASegmentsDiscontinuitySequenceWhereverTheListBegins) {
  const std::vector<MediaSegment> all = {segment("1", 1'000'000, 5), segment("2", 1'000'000, 6),
                                         segment("3", 1'000'000, 8), segment("4", 1'000'000, 8)};
  for (std::size_t first = 0; first < all.size(); ++first) {
    MediaPlaylist playlist;
    playlist.segments.assign(all.begin() + static_cast<std::ptrdiff_t>(first), all.end());
    const std::string text = serialize(playlist);
    std::uint64_t number = all[first].discontinuity_sequence;
    EXPECT_NE(text.find("#EXT-X-DISCONTINUITY-SEQUENCE:" + std::to_string(number) + "\n"), std::string::npos);
    std::size_t tags = 0;
    for (std::size_t at = text.find("#EXT-X-DISCONTINUITY\n"); at != std::string::npos;
         at = text.find("#EXT-X-DISCONTINUITY\n", at + 1)) {
      ++tags;
    }
    EXPECT_EQ(number + tags, all.back().discontinuity_sequence);
  }
}

TEST(MediaPlaylist, RaisesTheTargetDurationToTheLongestSegment) {
  const struct {
    std::int64_t duration_us;
    const char* expected;
  } table[] = {{2'499'999, ":2\n"}, {2'500'000, ":3\n"}, {100, ":2\n"}, {-5, ":2\n"}, {11'700'000, ":12\n"}};
  for (const auto& row : table) {
    MediaPlaylist playlist;
    playlist.target_duration_seconds = 2;
    playlist.segments = {segment("1", row.duration_us)};
    EXPECT_NE(serialize(playlist).find(std::string("#EXT-X-TARGETDURATION") + row.expected),
              std::string::npos)
        << row.duration_us;
  }
}

TEST(MediaPlaylist, WritesDurationsWithThreeToSixDecimals) {
  const struct {
    std::int64_t duration_us;
    const char* expected;
  } table[] = {{1, "#EXTINF:0.000001,"},        {0, "#EXTINF:0.000001,"},
               {33'366, "#EXTINF:0.033366,"},   {1'066'660, "#EXTINF:1.06666,"},
               {10'000'000, "#EXTINF:10.000,"}, {2'000'100, "#EXTINF:2.0001,"}};
  for (const auto& row : table) {
    MediaPlaylist playlist;
    playlist.segments = {segment("1", row.duration_us)};
    EXPECT_NE(serialize(playlist).find(row.expected), std::string::npos) << row.expected;
  }
}

TEST(MediaPlaylist, LetsNoTextBreakOutOfItsLine) {
  MediaPlaylist playlist;
  playlist.segments = {segment("a\n#EXT-X-ENDLIST", 1'000'000)};
  playlist.segments[0].map_uri = "i\"\r\nnit";
  const std::string text = serialize(playlist);
  EXPECT_NE(text.find("URI=\"init\"\n"), std::string::npos);
  EXPECT_EQ(text.find("\n#EXT-X-ENDLIST"), std::string::npos);
}

TEST(MediaPlaylist, WritesAnEmptyList) {
  EXPECT_EQ(serialize(MediaPlaylist{}),
            "#EXTM3U\n#EXT-X-VERSION:8\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:0\n");
}

TEST(MediaPlaylist, SaysWhereThereIsNothing) {
  MediaPlaylist playlist;
  playlist.segments.resize(2);
  playlist.segments[0].uri = "1.m4s";
  playlist.segments[0].duration_us = 1'000'000;
  playlist.segments[1] = playlist.segments[0];
  playlist.segments[1].uri = "2.m4s";
  playlist.segments[1].gap = true;
  const std::string text = serialize(playlist);
  EXPECT_NE(text.find("#EXTINF:1.000,\n1.m4s\n#EXT-X-GAP\n#EXTINF:1.000,\n2.m4s\n"), std::string::npos)
      << text;
}

}  // namespace
}  // namespace millrace::hls
