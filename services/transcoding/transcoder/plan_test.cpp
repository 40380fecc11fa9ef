#include "plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "levels.hpp"

namespace millrace::transcoding {
namespace {

using media::Codec;

struct Source {
  const char* what;
  SourceDescription description;
  // "v0-720p 1280x720@30/1 /1 3000": name, size, frame rate, divisor, kbit/s.
  std::vector<std::string> expected;
};

std::string text(const Rendition& made) {
  return made.name + " " + std::to_string(made.width) + "x" + std::to_string(made.height) + "@" +
         std::to_string(made.frame_rate.num) + "/" + std::to_string(made.frame_rate.den) + " /" +
         std::to_string(made.divisor) + " " + std::to_string(made.kbps);
}

std::vector<std::string> texts(const Plan& plan) {
  std::vector<std::string> all;
  for (const Rendition& made : plan.renditions) all.push_back(text(made));
  return all;
}

Plan plan_of(const SourceDescription& source, const PlanLimits& limits = {},
             const EncoderChoice& encoder = {}, std::string_view ladder = kDefaultLadder) {
  return plan_renditions(source, named_ladder(ladder, encoder.codec).value(), limits, encoder).value();
}

SourceDescription source_of(std::uint32_t width, std::uint32_t height, FrameRate rate,
                            std::uint32_t kbps = 0) {
  SourceDescription source;
  source.width = width;
  source.height = height;
  source.frame_rate = rate;
  source.kbps = kbps;
  return source;
}

SourceDescription anamorphic(std::uint32_t width, std::uint32_t height, std::uint32_t num,
                             std::uint32_t den) {
  SourceDescription source = source_of(width, height, {25, 1}, 4000);
  source.aspect_num = num;
  source.aspect_den = den;
  return source;
}

TEST(Plan, LeavesOutWhatPixelsOfStrangeShapesWouldMakeTooLarge) {
  struct Case {
    const char* what;
    SourceDescription source;
    bool none;
  };
  constexpr std::uint32_t kMost = 0x7FFF'FFFF;
  const std::vector<Case> cases{
      {"20:1", anamorphic(1280, 720, 20, 1), true},
      {"1:200", anamorphic(1280, 720, 1, 200), true},
      {"the most that can be stated", anamorphic(1280, 720, kMost, 1), true},
      {"the least", anamorphic(1280, 720, 1, kMost), true},
      {"a narrow strip", source_of(16'384, 480, {25, 1}), true},
      {"HDV", anamorphic(1440, 1080, 4, 3), false},
      {"a wide screen", source_of(3440, 1440, {25, 1}), false},
  };
  for (const Case& each : cases) {
    const Plan plan = plan_of(each.source);
    EXPECT_EQ(plan.renditions.empty(), each.none) << each.what;
    EXPECT_EQ(plan.renditions.size() + plan.left_out.size(), 4U) << each.what;
    for (const Rendition& made : plan.renditions) EXPECT_LE(made.width, 3440U) << each.what;
  }
}

TEST(Plan, HasForEachSourceWhatIsBelowIt) {
  const std::vector<std::string> all{"v0-1080p 1920x1080@30/1 /1 5000", "v0-720p 1280x720@30/1 /1 3000",
                                     "v0-480p 854x480@30/1 /1 1500", "v0-360p 640x360@30/1 /1 800"};
  const std::vector<Source> sources = {
      {"1080p30", source_of(1920, 1080, {30, 1}, 8000), all},
      {"4K", source_of(3840, 2160, {30, 1}, 20'000), all},
      {"1080p30 that has the bit rate of the rung",
       source_of(1920, 1080, {30, 1}, 5000),
       {"v0-720p 1280x720@30/1 /1 2720", "v0-480p 854x480@30/1 /1 1480", "v0-360p 640x360@30/1 /1 800"}},
      {"1080p60 is halved",
       source_of(1920, 1080, {60, 1}, 8000),
       {"v0-1080p 1920x1080@30/1 /2 5000", "v0-720p 1280x720@30/1 /2 3000", "v0-480p 854x480@30/1 /2 1500",
        "v0-360p 640x360@30/1 /2 800"}},
      {"59.94",
       source_of(1280, 720, {60'000, 1001}, 6000),
       {"v0-720p 1280x720@30000/1001 /2 3000", "v0-480p 854x480@30000/1001 /2 1500",
        "v0-360p 640x360@30000/1001 /2 800"}},
      {"50 is halved to 25",
       source_of(1280, 720, {50, 1}, 6000),
       {"v0-720p 1280x720@25/1 /2 3000", "v0-480p 854x480@25/1 /2 1500", "v0-360p 640x360@25/1 /2 800"}},
      {"120", source_of(640, 360, {120, 1}, 6000), {"v0-360p 640x360@30/1 /4 800"}},
      {"23.976 is kept",
       source_of(1280, 720, {24'000, 1001}, 6000),
       {"v0-720p 1280x720@24000/1001 /1 3000", "v0-480p 854x480@24000/1001 /1 1500",
        "v0-360p 640x360@24000/1001 /1 800"}},
      {"50i comes as 25",
       source_of(1920, 1080, {25, 1}, 10'000),
       {"v0-1080p 1920x1080@25/1 /1 5000", "v0-720p 1280x720@25/1 /1 3000", "v0-480p 854x480@25/1 /1 1500",
        "v0-360p 640x360@25/1 /1 800"}},
      {"upright",
       source_of(1080, 1920, {30, 1}, 8000),
       {"v0-1080p 1080x1920@30/1 /1 5000", "v0-720p 720x1280@30/1 /1 3000", "v0-480p 480x854@30/1 /1 1500",
        "v0-360p 360x640@30/1 /1 800"}},
      {"4:3 PAL",
       anamorphic(720, 576, 16, 15),
       {"v0-480p 640x480@25/1 /1 1500", "v0-360p 480x360@25/1 /1 800"}},
      {"16:9 PAL",
       anamorphic(720, 576, 64, 45),
       {"v0-480p 854x480@25/1 /1 1500", "v0-360p 640x360@25/1 /1 800"}},
      {"odd sizes",
       source_of(1279, 719, {30, 1}, 6000),
       {"v0-480p 854x480@30/1 /1 1500", "v0-360p 640x360@30/1 /1 800"}},
      {"a laptop's",
       source_of(1366, 768, {30, 1}, 6000),
       {"v0-720p 1280x720@30/1 /1 3000", "v0-480p 854x480@30/1 /1 1500", "v0-360p 640x360@30/1 /1 800"}},
      {"wide",
       source_of(2560, 1080, {30, 1}, 9000),
       {"v0-1080p 2560x1080@30/1 /1 5000", "v0-720p 1706x720@30/1 /1 3000", "v0-480p 1138x480@30/1 /1 1500",
        "v0-360p 854x360@30/1 /1 800"}},
      {"square",
       source_of(720, 720, {30, 1}, 6000),
       {"v0-720p 720x720@30/1 /1 3000", "v0-480p 480x480@30/1 /1 1500", "v0-360p 360x360@30/1 /1 800"}},
      {"few bits",
       source_of(1280, 720, {30, 1}, 1000),
       {"v0-480p 854x480@30/1 /1 540", "v0-360p 640x360@30/1 /1 350"}},
      {"hardly any bits",
       source_of(1280, 720, {30, 1}, 120),
       {"v0-480p 854x480@30/1 /1 100", "v0-360p 640x360@30/1 /1 100"}},
      {"below every rung", source_of(426, 240, {30, 1}, 400), {}},
      {"nothing known but the size",
       source_of(1280, 720, {}, 0),
       {"v0-720p 1280x720@30/1 /1 3000", "v0-480p 854x480@30/1 /1 1500", "v0-360p 640x360@30/1 /1 800"}},
  };
  for (const Source& source : sources)
    EXPECT_EQ(texts(plan_of(source.description)), source.expected) << source.what;
}

TEST(Plan, IsEvenAndNeverAboveItsSource) {
  for (std::uint32_t width = 2; width < 4096; width += 97) {
    for (std::uint32_t height = 2; height < 2304; height += 61) {
      const SourceDescription source = source_of(width, height, {60, 1}, 3000);
      for (const Rendition& made : plan_of(source, {}, {}, "youtube").renditions) {
        EXPECT_EQ(made.width % 2 + made.height % 2, 0U);
        EXPECT_LE(std::min(made.width, made.height), std::min(width, height));
        EXPECT_LE(made.kbps, 3000U);
        EXPECT_LE(made.frame_rate.num, 30 * made.frame_rate.den);
      }
    }
  }
}

TEST(Plan, SaysWhyRungsAreLeftOut) {
  EXPECT_EQ(plan_of(source_of(1280, 720, {30, 1}, 2000)).left_out,
            (std::vector<std::string>{"1080p30: larger than the source", "720p30: the source again"}));
}

TEST(Plan, KeepsSixtyPicturesWhereTheLadderSaysSo) {
  EXPECT_EQ(texts(plan_of(source_of(1280, 720, {60, 1}, 9000), {}, {}, "default60")),
            (std::vector<std::string>{"v0-720p60 1280x720@60/1 /1 4500", "v0-480p 854x480@30/1 /2 1500",
                                      "v0-360p 640x360@30/1 /2 800"}));
}

TEST(Plan, AsksForNoMorePicturesThanThereAre) {
  EXPECT_EQ(texts(plan_of(source_of(1280, 720, {30, 1}, 9000), {}, {}, "default60")),
            (std::vector<std::string>{"v0-720p 1280x720@30/1 /1 3000", "v0-480p 854x480@30/1 /1 1500",
                                      "v0-360p 640x360@30/1 /1 800"}));
  const Ladder both{{720, 60, 4500}, {720, 30, 2500}};
  EXPECT_EQ(texts(plan_renditions(source_of(1280, 720, {30, 1}, 9000), both, {}, {}).value()),
            (std::vector<std::string>{"v0-720p 1280x720@30/1 /1 3000"}));
}

TEST(Plan, KeepsColoursAndMakesHdrBt709) {
  const auto colour_of = [](const codecs::Colour& colour) {
    SourceDescription source = source_of(1280, 720, {30, 1}, 6000);
    source.colour = colour;
    return plan_of(source).renditions.front().colour;
  };
  EXPECT_EQ(colour_of({}), codecs::Colour{});
  EXPECT_EQ(colour_of({6, 6, 6, false}), (codecs::Colour{6, 6, 6, false}));
  EXPECT_EQ(colour_of({1, 1, 1, true}), (codecs::Colour{1, 1, 1, false}));
  EXPECT_EQ(colour_of({9, 16, 9, false}), (codecs::Colour{1, 1, 1, false}));
  EXPECT_EQ(colour_of({9, 18, 9, false}), (codecs::Colour{1, 1, 1, false}));
}

TEST(Plan, KeepsTheLimits) {
  PlanLimits limits;
  limits.max_height = 480;
  limits.max_kbps = 1000;
  EXPECT_EQ(texts(plan_of(source_of(1920, 1080, {30, 1}, 8000), limits)),
            (std::vector<std::string>{"v0-480p 854x480@30/1 /1 1000", "v0-360p 640x360@30/1 /1 800"}));
}

TEST(Plan, RefusesWhatIsNoPictureOrTooLarge) {
  const Ladder ladder = named_ladder("default", Codec::kH264).value();
  EXPECT_EQ(plan_renditions({}, ladder, {}, {}).error().code, "transcoding.no_size");
  EXPECT_EQ(plan_renditions(source_of(7680, 4320, {30, 1}), ladder, {}, {}).error().code,
            "transcoding.source_too_large");
}

TEST(Plan, AnnouncesWhatNoSegmentIsAbove) {
  PlanLimits limits;
  limits.segment_ms = 2000;
  const Rendition made = plan_of(source_of(1280, 720, {30, 1}), limits).renditions.front();
  EXPECT_EQ(made.max_kbps, 3300U);
  EXPECT_EQ(made.buffer_kbit, 1500U);
  EXPECT_EQ(made.peak_kbps, 3300U + 750U);
}

TEST(Plan, HasCodecStringsBeforeAnythingIsEncoded) {
  const auto codecs = [](const EncoderChoice& encoder) {
    std::vector<std::string> all;
    for (const Rendition& made : plan_of(source_of(1920, 1080, {30, 1}, 0), {}, encoder).renditions)
      all.push_back(made.codec);
    return all;
  };
  EXPECT_EQ(codecs({"x264", "veryfast", Codec::kH264}),
            (std::vector<std::string>{"avc1.640028", "avc1.64001f", "avc1.64001f", "avc1.64001e"}));
  EXPECT_EQ(codecs({"x265", "veryfast", Codec::kH265}),
            (std::vector<std::string>{"hvc1.1.6.L120.90", "hvc1.1.6.L93.90", "hvc1.1.6.L90.90",
                                      "hvc1.1.6.L63.90"}));
}

TEST(Plan, DoesNotChangeItsLevelWithTheSource) {
  const Rendition one = plan_of(source_of(1280, 720, {24, 1}, 3500)).renditions.back();
  const Rendition other = plan_of(source_of(1280, 720, {60, 1}, 9000)).renditions.back();
  EXPECT_EQ(one.level, other.level);
  EXPECT_EQ(one.codec, other.codec);
  EXPECT_EQ(one.reference_frames, other.reference_frames);
}

TEST(Levels, HaveRoomForTheirReferences) {
  EXPECT_EQ(most_reference_frames(31, 1280, 720), 5);
  EXPECT_EQ(most_reference_frames(40, 1920, 1080), 4);
  EXPECT_EQ(most_reference_frames(30, 320, 180), 16);
  EXPECT_EQ(most_reference_frames(10, 1920, 1080), 1);
  EXPECT_EQ(level_for(Codec::kH264, {7680, 4320, 60, 60'000}), 52);
  EXPECT_EQ(codec_string(Codec::kAv1, 31), "av01.0.05M.08");
}

TEST(FrameRates, AreThoseThatEncodersHave) {
  EXPECT_EQ(usual_frame_rate(29.97), (FrameRate{30'000, 1001}));
  EXPECT_EQ(usual_frame_rate(30.02), (FrameRate{30, 1}));
  EXPECT_EQ(usual_frame_rate(23.98), (FrameRate{24'000, 1001}));
  EXPECT_EQ(usual_frame_rate(59.95), (FrameRate{60'000, 1001}));
  EXPECT_EQ(usual_frame_rate(17.5), (FrameRate{17'500, 1000}));
  for (const double none : {0.0, -1.0, 301.0, 1e300, std::nan("")})
    EXPECT_FALSE(usual_frame_rate(none).known());
}

}  // namespace
}  // namespace millrace::transcoding
