#include "manifest/hls/multivariant_playlist.hpp"

#include <gtest/gtest.h>

namespace millrace::hls {
namespace {

TEST(MultivariantPlaylist, DescribesAVariantWithSoundAndPicture) {
  Variant variant;
  variant.uri = "index.m3u8";
  variant.bandwidth = 3'200'000;
  variant.average_bandwidth = 2'900'000;
  variant.codecs = {"avc1.64001f", "mp4a.40.2"};
  variant.width = 1280;
  variant.height = 720;
  variant.frame_rate_millihertz = 29'970;
  EXPECT_EQ(serialize(MultivariantPlaylist{{variant}}),
            "#EXTM3U\n"
            "#EXT-X-VERSION:7\n"
            "#EXT-X-STREAM-INF:BANDWIDTH=3200000,AVERAGE-BANDWIDTH=2900000,CODECS=\"avc1.64001f,mp4a.40.2\","
            "RESOLUTION=1280x720,FRAME-RATE=29.970\n"
            "index.m3u8\n");
}

TEST(MultivariantPlaylist, LeavesOutWhatAnAudioOnlyVariantHasNot) {
  Variant variant;
  variant.uri = "index.m3u8";
  variant.bandwidth = 128'000;
  variant.codecs = {"mp4a.40.2"};
  EXPECT_EQ(
      serialize(MultivariantPlaylist{{variant}}),
      "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-STREAM-INF:BANDWIDTH=128000,CODECS=\"mp4a.40.2\"\nindex.m3u8\n");
}

TEST(MultivariantPlaylist, WritesFrameRatesWithThreeDecimals) {
  Variant variant;
  variant.uri = "v";
  variant.frame_rate_millihertz = 25'005;
  EXPECT_NE(serialize(MultivariantPlaylist{{variant}}).find("FRAME-RATE=25.005\n"), std::string::npos);
}

TEST(MultivariantPlaylist, TellsAHighDynamicRange) {
  Variant variant;
  variant.uri = "v";
  variant.frame_rate_millihertz = 25'000;
  variant.video_range = "PQ";
  EXPECT_NE(serialize(MultivariantPlaylist{{variant}}).find("FRAME-RATE=25.000,VIDEO-RANGE=PQ\n"),
            std::string::npos);
}

TEST(MultivariantPlaylist, AnnouncesCaptionsAndLanguages) {
  Alternative captions;
  captions.type = Alternative::Type::kClosedCaptions;
  captions.group = "captions";
  captions.name = captions.instream_id = "CC1";
  Alternative sound;
  sound.group = "audio";
  sound.name = "Deutsch";
  sound.language = "de";
  sound.uri = "a0";
  Variant variant;
  variant.uri = "v";
  variant.captions_group = "captions";
  EXPECT_EQ(serialize(MultivariantPlaylist{{variant}, {sound, captions}}),
            "#EXTM3U\n#EXT-X-VERSION:7\n"
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",LANGUAGE=\"de\",NAME=\"Deutsch\",DEFAULT=NO,"
            "AUTOSELECT=YES,URI=\"a0\"\n"
            "#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID=\"captions\",NAME=\"CC1\",DEFAULT=NO,AUTOSELECT=YES,"
            "INSTREAM-ID=\"CC1\"\n"
            "#EXT-X-STREAM-INF:BANDWIDTH=1,CLOSED-CAPTIONS=\"captions\"\nv\n");
  variant.captions_group = kNoCaptions;
  EXPECT_NE(serialize(MultivariantPlaylist{{variant}}).find("BANDWIDTH=1,CLOSED-CAPTIONS=NONE\n"),
            std::string::npos);
}

TEST(MultivariantPlaylist, AlwaysNamesABandwidthAndCleanText) {
  Variant variant;
  variant.uri = "v\n";
  variant.codecs = {"a\"b"};
  EXPECT_EQ(serialize(MultivariantPlaylist{{variant}}),
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"ab\"\nv\n");
}

TEST(MultivariantPlaylist, NamesAlternativesBeforeTheVariantsThatReferToThem) {
  Variant variant;
  variant.uri = "v0/index.m3u8";
  variant.bandwidth = 1000;
  variant.audio_group = "audio";
  variant.video_group = "vi\"deo";
  Alternative sound{
      .group = "audio", .name = "Audio 1", .uri = "a0/index.m3u8", .is_default = true, .channels = 2};
  Alternative picture{.type = Alternative::Type::kVideo, .group = "video", .name = "v0", .uri = {}};
  EXPECT_EQ(
      serialize(MultivariantPlaylist{{variant}, {sound, picture}}),
      "#EXTM3U\n#EXT-X-VERSION:7\n"
      "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"Audio 1\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\","
      "URI=\"a0/index.m3u8\"\n"
      "#EXT-X-MEDIA:TYPE=VIDEO,GROUP-ID=\"video\",NAME=\"v0\",DEFAULT=NO,AUTOSELECT=YES\n"
      "#EXT-X-STREAM-INF:BANDWIDTH=1000,AUDIO=\"audio\",VIDEO=\"video\"\nv0/index.m3u8\n");
}

}  // namespace
}  // namespace millrace::hls
