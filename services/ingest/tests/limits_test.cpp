#include <gtest/gtest.h>

#include <tuple>
#include <vector>

#include "publish/bitrate_window.hpp"
#include "publish/refusal_status.hpp"
#include "publish/resolution_limit.hpp"
#include "server/work_budget.hpp"

namespace millrace::ingest {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kStart = 1'000'000 * kSecond;  // of a machine that has run for days

TEST(BitrateWindow, LetsASteadyRateUnderTheLimitPass) {
  BitrateWindow window(1'000'000);
  for (std::int64_t at = 0; at < 60 * kSecond; at += kSecond / 25) {
    ASSERT_TRUE(window.add(4900, kStart + at)) << at;  // 980 kbit/s
  }
}

TEST(BitrateWindow, NoticesALittleTooMuchWithinTwoWindows) {
  BitrateWindow window(1'000'000);
  std::int64_t at = 0;
  while (window.add(5600, kStart + at)) at += kSecond / 25;  // 1120 kbit/s
  EXPECT_LE(at, 20 * kSecond);
  EXPECT_GE(at, 5 * kSecond);
}

TEST(BitrateWindow, NoticesMuchTooMuchAtOnce) {
  BitrateWindow window(1'000'000);
  std::int64_t at = 0;
  while (window.add(50'000, kStart + at)) at += kSecond / 25;  // 10 Mbit/s
  EXPECT_LE(at, kSecond + kSecond / 25);
}

// A key frame of four seconds' worth of the limit every ten seconds, half of the limit between.
TEST(BitrateWindow, IsNotTrippedByKeyFrames) {
  BitrateWindow window(1'000'000);
  for (std::int64_t at = 0; at < 100 * kSecond; at += kSecond / 10) {
    const bool key = at % (10 * kSecond) == 0;
    ASSERT_TRUE(window.add(key ? 500'000 : 6'000, kStart + at)) << at;
  }
}

// What was held back for some seconds comes at once.
TEST(BitrateWindow, IsNotTrippedByAStall) {
  BitrateWindow window(1'000'000);
  for (int second = 0; second < 30; ++second) {
    if (second % 10 >= 6 && second % 10 < 9) continue;
    const std::uint64_t seconds = second % 10 == 9 ? 4 : 1;
    ASSERT_TRUE(window.add(120'000 * seconds, kStart + second * kSecond)) << second;
  }
}

TEST(BitrateWindow, ForgetsWhatIsLongAgo) {
  BitrateWindow window(1'000'000);
  ASSERT_TRUE(window.add(1'250'000, kStart));
  EXPECT_FALSE(window.add(1, kStart));
  EXPECT_TRUE(window.add(1, kStart + 10 * kSecond));
  EXPECT_TRUE(window.add(1'249'999, kStart + 1'000'000 * kSecond));
  EXPECT_TRUE(window.add(1, kStart)) << "a clock that steps back changes nothing";
}

TEST(BitrateWindow, HasNoLimitWithoutOne) {
  BitrateWindow window;
  EXPECT_TRUE(window.add(UINT64_MAX / 2, kStart));
  EXPECT_TRUE(window.add(UINT64_MAX / 2, kStart));
}

TEST(ResolutionLimit, ReadsNamesAndSides) {
  for (const std::string text :
       {"480p", "720p", "1080p", "1440p", "2160p", "4320p", "1x1", "1920x1080", "65535x65535", "0"})
    EXPECT_TRUE(ResolutionLimit::parse(text)) << text;
  for (const std::string text : {"", "p", "1080", "1081p", "1080P", "x", "1920x", "x1080", "0x0",
                                 "1920x1080x1", "-1x5", " 720p", "1920X1080", "65536x1", "99999999999x1"})
    EXPECT_FALSE(ResolutionLimit::parse(text)) << text;
}

TEST(ResolutionLimit, HoldsBothSidesUprightToo) {
  const std::vector<std::tuple<std::string, std::uint32_t, std::uint32_t, bool>> cases = {
      {"1080p", 1920, 1080, true},     {"1080p", 1080, 1920, true},  {"1080p", 1440, 1080, true},
      {"1080p", 1920, 1081, false},    {"1080p", 1922, 1080, false}, {"1080p", 2560, 1080, false},
      {"1080p", 1920, 1920, false},    {"480p", 854, 480, true},     {"480p", 640, 480, true},
      {"480p", 480, 854, true},        {"480p", 1280, 720, false},   {"720p", 1280, 720, true},
      {"2160p", 3840, 2160, true},     {"2160p", 4096, 2160, false}, {"4096x2160", 4096, 2160, true},
      {"1080x1920", 1920, 1080, true}, {"0", 65535, 65535, true},    {"1x1", 0, 0, true},
  };
  for (const auto& [text, width, height, allowed] : cases)
    EXPECT_EQ(ResolutionLimit::parse(text)->allows(width, height), allowed) << text << width << "x" << height;
  EXPECT_TRUE(ResolutionLimit().allows(UINT32_MAX, UINT32_MAX));
}

TEST(ResolutionLimit, IsWhatTwoAllow) {
  const ResolutionLimit both = ResolutionLimit::parse("1920x600")->with(*ResolutionLimit::parse("720p"));
  EXPECT_EQ(both.text(), "1280x600");
  EXPECT_EQ(ResolutionLimit().with(*ResolutionLimit::parse("480p")).text(), "854x480");
}

TEST(RefusalStatus, TellsWhoseFaultItIs) {
  const std::vector<std::tuple<std::string, int, std::string>> cases = {
      {"ingest.name", 400, "NetStream.Publish.BadName"},
      {"ingest.unsupported", 400, "NetStream.Publish.Failed"},
      {"codecs.avc_configuration", 400, "NetStream.Publish.Failed"},
      {"ingest.denied", 403, "NetStream.Publish.Denied"},
      {"ingest.max_streams", 403, "NetStream.Publish.Denied"},
      {"ingest.bitrate", 403, "NetStream.Publish.Denied"},
      {"ingest.resolution", 403, "NetStream.Publish.Denied"},
      {"ingest.superseded", 403, "NetStream.Publish.Rejected"},
      {"media.arena_full", 500, "NetStream.Publish.Failed"},
      {"ingest.no_decision", 500, "NetStream.Publish.Failed"},
      {"whatever", 500, "NetStream.Publish.Failed"},
  };
  for (const auto& [error, number, code] : cases) {
    const RefusalStatus status = publish_refusal({ErrorCode::of_lasting(error), ""});
    EXPECT_EQ(status.number, number) << error;
    EXPECT_EQ(status.code, code) << error;
  }
}

TEST(WorkBudget, OpensAgainWithTheNextWindow) {
  WorkBudget budget(40'000, 10'000);
  EXPECT_TRUE(budget.open(kStart));
  budget.spend(6'000);
  EXPECT_TRUE(budget.open(kStart + 6'000));
  budget.spend(6'000);
  EXPECT_FALSE(budget.open(kStart + 12'000));
  EXPECT_EQ(budget.next_us(kStart + 12'000), 28'000);
  EXPECT_TRUE(budget.open(kStart + 40'000));
}

}  // namespace
}  // namespace millrace::ingest
