#include "media_path.hpp"

#include <gtest/gtest.h>

namespace millrace::packaging {
namespace {

TEST(MediaPath, MakesNamesThatItReadsBack) {
  const SegmentName segment{PublicationId{0xABC}, 3, 881'234'567};
  EXPECT_EQ(to_string(segment), "881234567-0000000000000abc-3.m4s");
  EXPECT_EQ(parse_segment_name(to_string(segment)), segment);
  const InitName names[] = {{PublicationId{0xFFFF'FFFF'FFFF'FFFF}, 0, 1},
                            {PublicationId{1}, 4'294'967'295, 1023}};
  EXPECT_EQ(to_string(names[0]), "init-ffffffffffffffff-0-1.mp4");
  for (const InitName& name : names) EXPECT_EQ(parse_init_name(to_string(name)), name);
}

TEST(MediaPath, NamesRenditionsByWhatIsKnownOfTheTrackAlone) {
  using media::TrackKind;
  EXPECT_EQ(to_string(rendition_name(TrackKind::kVideo, media::kVideoTrack)), "v0");
  EXPECT_EQ(to_string(rendition_name(TrackKind::kAudio, media::kAudioTrack)), "a0");
  EXPECT_EQ(to_string(rendition_name(TrackKind::kVideo, 3)), "v1");
  EXPECT_EQ(to_string(rendition_name(TrackKind::kAudio, 4)), "a2");
  EXPECT_EQ(to_string(rendition_name(TrackKind::kAudio, 15)), "a13");
}

TEST(MediaPath, ReadsNoOtherSpelling) {
  for (const char* text :
       {"", "1", "1-", "-1", "1-0000000000000abc", "1-0000000000000abc.m4s", "1-abc-0.m4s",
        "01-0000000000000abc-0.m4s", "+1-0000000000000abc-0.m4s", "1-0000000000000ABC-0.m4s",
        "1-0000000000000abc-00.m4s", "1-0000000000000abc-.m4s", "1-0000000000000abc-0.m4s ",
        "1-0000000000000abc-0.mp4", "x-0000000000000abc-0.m4s", "99999999999999999999-0000000000000abc-0.m4s",
        "1-10000000000000abc-0.m4s", "1-0000000000000abg-0.m4s", "1-0000000000000abc-4294967296.m4s"}) {
    EXPECT_FALSE(parse_segment_name(text)) << text;
  }
  for (const char* text :
       {"", "init", "init-", "init-1-0-1.mp4", "init-0000000000000001-00-1.mp4",
        "init-0000000000000001-0-1.m4s", "init-0000000000000001-0.mp4", "init-0000000000000001-0-1-2.mp4",
        "init-0000000000000001--1.mp4", "init-0000000000000001-0-4294967296.mp4",
        "init-0000000000000001-0-x.mp4", "init-0000000000000001-0-1.mp4x"}) {
    EXPECT_FALSE(parse_init_name(text)) << text;
  }
}

TEST(MediaPath, SplitsOnlyPathsOfAValidStream) {
  const auto path = parse_stream_path("/live/some-Id_1/index.m3u8");
  ASSERT_TRUE(path);
  EXPECT_EQ(path->stream_id, "some-Id_1");
  EXPECT_EQ(path->name, "index.m3u8");
  EXPECT_EQ(path->rendition, "");
  EXPECT_TRUE(path->is_playlist());
  const auto deeper = parse_stream_path("/live/some-Id_1/a0/index.m3u8");
  ASSERT_TRUE(deeper);
  EXPECT_EQ(deeper->stream_id, "some-Id_1");
  EXPECT_EQ(deeper->rendition, "a0");
  EXPECT_EQ(deeper->name, "index.m3u8");
  EXPECT_TRUE(deeper->is_playlist());
  EXPECT_FALSE(parse_stream_path("/live/some-Id_1/a0/master.m3u8")->is_playlist());
  for (const char* text : {"/live/id//x", "/live/id/a0/", "/live/id/a0/x/y", "/live/id/../x/y", "", "/",
                           "/live", "/live/", "/live/id", "/live/id/", "/live//index.m3u8", "live/id/x",
                           "/live/../x", "/live/a b/x", "/live/<script>/x", "/vod/id/x"}) {
    EXPECT_FALSE(parse_stream_path(text)) << text;
  }
  for (const char* text :
       {"/streams/id/v0/index.m3u8", "/streams/id/manifest.mpd", "/streams/id/1-0000000000000abc-0.m4s",
        "/streams/id/dash/index.m3u8", "/streams/id/", "/streams/id", "/streams/", "/streams/a b/index.m3u8",
        "/streams/id/dvr.m3u8", "/streams/id/live.flv", "/streams/id//index.m3u8"}) {
    EXPECT_FALSE(parse_stream_path(text)) << text;
  }
  EXPECT_FALSE(parse_flv_path("/live/id/v0/live.flv"));
  EXPECT_FALSE(parse_stream_path("/live/" + std::string(129, 'a') + "/x"));
}

TEST(MediaPath, KnowsTheListsByNamesOfOlderServers) {
  for (const char* text : {"/streams/id/index.m3u8", "/streams/id/master.m3u8"}) {
    const auto path = parse_stream_path(text);
    ASSERT_TRUE(path) << text;
    EXPECT_TRUE(path->is_playlist());
    EXPECT_EQ(path->base, "../../live/id/");
  }
  const auto manifest = parse_stream_path("/streams/id/dash/manifest.mpd");
  ASSERT_TRUE(manifest);
  EXPECT_TRUE(manifest->is_manifest());
  EXPECT_EQ(manifest->stream_id, "id");
  EXPECT_EQ(manifest->base, "../../../live/id/");
}

}  // namespace
}  // namespace millrace::packaging
