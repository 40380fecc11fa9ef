#include "ladder.hpp"

#include <gtest/gtest.h>

namespace millrace::transcoding {
namespace {

using media::Codec;

TEST(Ladder, OfTheDocumentsIsTheDefault) {
  const Ladder expected{{1080, 30, 5000}, {720, 30, 3000}, {480, 30, 1500}, {360, 30, 800}};
  EXPECT_EQ(named_ladder("default", Codec::kH264).value(), expected);
  EXPECT_EQ(named_ladder("default", Codec::kH265).value(), expected);
}

TEST(Ladder, NeedsFewerBitsWithAv1) {
  const Ladder expected{{1080, 30, 3500}, {720, 30, 2000}, {480, 30, 900}, {360, 30, 500}};
  EXPECT_EQ(named_ladder("default", Codec::kAv1).value(), expected);
}

TEST(Ladder, OfSixtyPicturesKeepsThirtyWhereThereIsNoRate) {
  const Ladder expected{{1080, 60, 7500}, {720, 60, 4500}, {480, 30, 1500}, {360, 30, 800}};
  EXPECT_EQ(named_ladder("default60", Codec::kH264).value(), expected);
}

TEST(Ladder, OfEachNameIsThereAndSorted) {
  for (const std::string_view name : ladder_names()) {
    const Ladder ladder = named_ladder(name, Codec::kH264).value();
    ASSERT_FALSE(ladder.empty()) << name;
    for (std::size_t i = 1; i < ladder.size(); ++i) {
      EXPECT_LT(ladder[i].height, ladder[i - 1].height) << name;
      EXPECT_LT(ladder[i].kbps, ladder[i - 1].kbps) << name;
    }
  }
  EXPECT_EQ(named_ladder("", Codec::kH264).error().code, "transcoding.ladder_name");
  EXPECT_FALSE(named_ladder("Default", Codec::kH264));
}

TEST(LadderFile, IsSortedAndMayHaveComments) {
  const Ladder ladder = parse_ladder("# ours\n360p30 800\n\n 720p60\t4500 # fast\r\n720p30 3000\n").value();
  EXPECT_EQ(ladder, (Ladder{{720, 60, 4500}, {720, 30, 3000}, {360, 30, 800}}));
}

TEST(LadderFile, IsRefusedWithItsLine) {
  struct Case {
    const char* text;
    const char* reason;
  };
  for (const Case& each :
       {Case{"", "no rung"}, Case{"# nothing\n\n", "no rung"}, Case{"720p30", "line 1"},
        Case{"720p30 ", "line 1"}, Case{"720 30 3000", "line 1"}, Case{"720p 3000", "line 1"},
        Case{"p30 3000", "line 1"}, Case{"360p30 800\n721p30 3000", "line 2"}, Case{"62p30 800", "line 1"},
        Case{"4322p30 800", "line 1"}, Case{"720p0 800", "line 1"}, Case{"720p121 800", "line 1"},
        Case{"720p30 49", "line 1"}, Case{"720p30 100001", "line 1"}, Case{"720p30 3000 kbit", "line 1"},
        Case{"720p30 -3000", "line 1"}, Case{"720p30 99999999999999999999", "line 1"},
        Case{"720p30 3000\n720p30 3500", "line 2: that rung is there already"}}) {
    const Result<Ladder> ladder = parse_ladder(each.text);
    ASSERT_FALSE(ladder) << each.text;
    EXPECT_EQ(ladder.error().code, "transcoding.ladder");
    EXPECT_NE(ladder.error().message.find(each.reason), std::string::npos) << ladder.error().message;
  }
}

TEST(LadderFile, IsBounded) {
  std::string text;
  for (int i = 0; i < 16; ++i) text += std::to_string(100 + 2 * i) + "p30 300\n";
  EXPECT_EQ(parse_ladder(text).value().size(), kMaxRungs);
  EXPECT_FALSE(parse_ladder(text + "360p30 800\n"));
  EXPECT_FALSE(parse_ladder("720p30 3000\n" + std::string(kMaxLadderBytes, '#')));
}

TEST(LadderFile, IsReadOrRefusedWhereverItIsCutOff) {
  const std::string text = "1080p60 7500 # largest\n720p30 3000\n";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    const Result<Ladder> ladder = parse_ladder(text.substr(0, size));
    if (ladder) {
      EXPECT_EQ(ladder->front().height, 1080U) << size;
    }
  }
}

}  // namespace
}  // namespace millrace::transcoding
