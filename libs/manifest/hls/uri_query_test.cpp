#include "manifest/hls/uri_query.hpp"

#include <gtest/gtest.h>

#include "manifest/hls/media_playlist.hpp"
#include "manifest/hls/multivariant_playlist.hpp"

namespace millrace::hls {
namespace {

TEST(UriQuery, StandsBehindEveryUriAndNowhereElse) {
  const struct {
    std::string_view before, after;
  } table[] = {
      {"", ""},
      {"#EXTM3U\n", "#EXTM3U\n"},
      {"#EXTM3U\n\n1.m4s\n", "#EXTM3U\n\n1.m4s?token=x\n"},
      {"1.m4s", "1.m4s?token=x"},
      {"v0/index.m3u8?ll=0\n", "v0/index.m3u8?ll=0&token=x\n"},
      {"#EXT-X-MEDIA:NAME=\"a?\",URI=\"b?ll=0\"\n", "#EXT-X-MEDIA:NAME=\"a?\",URI=\"b?ll=0&token=x\"\n"},
      {"#EXT-X-MEDIA:NAME=\"a?\",URI=\"b\"\n", "#EXT-X-MEDIA:NAME=\"a?\",URI=\"b?token=x\"\n"},
      {"#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:2,\n1.m4s\n",
       "#EXT-X-MAP:URI=\"init.mp4?token=x\"\n#EXTINF:2,\n1.m4s?token=x\n"},
      {"#EXT-X-MEDIA:TYPE=AUDIO,URI=\"a/b.m3u8\",NAME=\"n\"\n",
       "#EXT-X-MEDIA:TYPE=AUDIO,URI=\"a/b.m3u8?token=x\",NAME=\"n\"\n"},
      {"#EXT-X-MAP:URI=\"broken\n", "#EXT-X-MAP:URI=\"broken\n"},
      {"#EXT-X-MEDIA:NAME=\"a,URI=\",URI=\"b\"\n", "#EXT-X-MEDIA:NAME=\"a,URI=\",URI=\"b?token=x\"\n"},
      {"#EXT-X-MEDIA:X-URI=\"a\",N=\"URI=\"\n", "#EXT-X-MEDIA:X-URI=\"a\",N=\"URI=\"\n"},
      {"#EXT-X-PART:DURATION=0.3,URI=\"p\",INDEPENDENT=YES\n",
       "#EXT-X-PART:DURATION=0.3,URI=\"p?token=x\",INDEPENDENT=YES\n"},
      {"# URI=\"a\"\n#EXT-X-A:\n#:=\n#:=\"\n#:URI=\n", "# URI=\"a\"\n#EXT-X-A:\n#:=\n#:=\"\n#:URI=\n"},
  };
  for (const auto& row : table) EXPECT_EQ(with_uri_query(row.before, "token=x"), row.after);
}

TEST(UriBase, StandsBeforeEveryRelativeUriAndNowhereElse) {
  const struct {
    std::string_view before, after;
  } table[] = {
      {"", ""},
      {"#EXTM3U\n\nv0/index.m3u8?ll=0\n", "#EXTM3U\n\n../s/v0/index.m3u8?ll=0\n"},
      {"#EXT-X-MEDIA:NAME=\"a\",URI=\"a0/i\",X=\"y\"\n",
       "#EXT-X-MEDIA:NAME=\"a\",URI=\"../s/a0/i\",X=\"y\"\n"},
      {"#EXT-X-MAP:URI=\"broken\n", "#EXT-X-MAP:URI=\"broken\n"},
      {"/v0/index.m3u8\n", "/v0/index.m3u8\n"},
      {"https://x/v0/index.m3u8\n", "https://x/v0/index.m3u8\n"},
      {"#EXT-X-MEDIA:URI=\"https://x/a\"\n", "#EXT-X-MEDIA:URI=\"https://x/a\"\n"},
  };
  for (const auto& row : table) EXPECT_EQ(with_uri_base(row.before, "../s/"), row.after);
}

TEST(UriQuery, FitsThePlaylistsThatWeWrite) {
  MediaPlaylist media;
  for (const char* uri : {"7-a.m4s", "8-a.m4s"}) {
    MediaSegment& segment = media.segments.emplace_back();
    segment.uri = uri;
    segment.map_uri = "init-a.mp4";
    segment.duration_us = 2'000'000;
  }
  const std::string list = with_uri_query(serialize(media), "token=x");
  EXPECT_NE(list.find("\n7-a.m4s?token=x\n"), std::string::npos) << list;
  EXPECT_NE(list.find("\n8-a.m4s?token=x\n"), std::string::npos) << list;
  EXPECT_NE(list.find("URI=\"init-a.mp4?token=x\""), std::string::npos) << list;
  MultivariantPlaylist all;
  all.variants.emplace_back().uri = "index.m3u8";
  EXPECT_NE(with_uri_query(serialize(all), "token=x").find("\nindex.m3u8?token=x\n"), std::string::npos);
}

}  // namespace
}  // namespace millrace::hls
