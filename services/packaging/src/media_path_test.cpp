#include "media_path.hpp"

#include <gtest/gtest.h>

namespace millrace::packaging {
namespace {

TEST(MediaPath, MakesNamesThatItReadsBack) {
  const SegmentName segment{0xABC, 881'234'567};
  EXPECT_EQ(to_string(segment), "881234567-0000000000000abc.m4s");
  const auto read = parse_segment_name(to_string(segment));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->publication_id, segment.publication_id);
  EXPECT_EQ(read->media_sequence, segment.media_sequence);

  const InitName names[] = {
      {0xFFFF'FFFF'FFFF'FFFF, {0, 1}}, {1, {7, std::nullopt}}, {1, {std::nullopt, 1023}}};
  EXPECT_EQ(to_string(names[0]), "init-ffffffffffffffff-0-1.mp4");
  EXPECT_EQ(to_string(names[1]), "init-0000000000000001-7-x.mp4");
  for (const InitName& name : names) EXPECT_EQ(parse_init_name(to_string(name)), name);
}

TEST(MediaPath, ReadsNoOtherSpelling) {
  for (const char* text :
       {"", "1", "1-", "-1", "1-0000000000000abc", "1-abc.m4s", "01-0000000000000abc.m4s",
        "+1-0000000000000abc.m4s", "1-0000000000000ABC.m4s", "1-0000000000000abc.m4s ",
        "1-0000000000000abc.mp4", "x-0000000000000abc.m4s", "99999999999999999999-0000000000000abc.m4s",
        "1-10000000000000abc.m4s", "1-0000000000000abg.m4s"}) {
    EXPECT_FALSE(parse_segment_name(text)) << text;
  }
  for (const char* text : {"", "init", "init-", "init-1-0-1.mp4", "init-0000000000000001-00-1.mp4",
                           "init-0000000000000001-0-1.m4s", "init-0000000000000001-0.mp4",
                           "init-0000000000000001-0-1-2.mp4", "init-0000000000000001--1.mp4",
                           "init-0000000000000001-4294967296-1.mp4", "init-0000000000000001-x-x.mp4x"}) {
    EXPECT_FALSE(parse_init_name(text)) << text;
  }
}

TEST(MediaPath, SplitsOnlyPathsOfAValidStream) {
  const auto path = parse_stream_path("/live/some-Id_1/index.m3u8");
  ASSERT_TRUE(path);
  EXPECT_EQ(path->stream_id, "some-Id_1");
  EXPECT_EQ(path->name, "index.m3u8");
  for (const char* text : {"", "/", "/live", "/live/", "/live/id", "/live/id/", "/live//index.m3u8",
                           "live/id/x", "/live/../x", "/live/a b/x", "/live/<script>/x", "/vod/id/x"}) {
    EXPECT_FALSE(parse_stream_path(text)) << text;
  }
  EXPECT_FALSE(parse_stream_path("/live/" + std::string(129, 'a') + "/x"));
}

}  // namespace
}  // namespace millrace::packaging
