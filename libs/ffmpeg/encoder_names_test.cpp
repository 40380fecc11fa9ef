#include "ffmpeg/encoder_names.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "ffmpeg/encoder_options.hpp"

namespace millrace::ffmpeg {
namespace {

TEST(EncoderNames, AreEachThereOnce) {
  std::set<std::string_view> names;
  for (const EncoderName& encoder : encoder_names()) EXPECT_TRUE(names.insert(encoder.name).second);
  for (const std::string_view name : automatic_encoders()) EXPECT_TRUE(find_encoder(name)) << name;
  EXPECT_FALSE(find_encoder("auto"));
  EXPECT_FALSE(find_encoder("libx264"));
}

TEST(EncoderNames, MapPresetsToEachEncodersOwn) {
  struct Case {
    EncoderFamily family;
    const char* preset;
    const char* expected;
  };
  for (const Case& each :
       {Case{EncoderFamily::kX264, "veryfast", "veryfast"},
        Case{EncoderFamily::kX265, "veryslow", "veryslow"}, Case{EncoderFamily::kNvenc, "ultrafast", "p1"},
        Case{EncoderFamily::kNvenc, "medium", "p6"}, Case{EncoderFamily::kNvenc, "veryslow", "p7"},
        Case{EncoderFamily::kAmf, "veryfast", "speed"}, Case{EncoderFamily::kAmf, "medium", "balanced"},
        Case{EncoderFamily::kSvtAv1, "medium", "6"}, Case{EncoderFamily::kAomAv1, "veryfast", "6"}}) {
    EXPECT_EQ(preset_of(each.family, each.preset), each.expected) << each.preset;
  }
  for (const std::string_view preset : preset_names()) EXPECT_TRUE(is_preset(preset));
  EXPECT_FALSE(is_preset(""));
  EXPECT_FALSE(is_preset("placebo"));
}

TEST(EncoderNames, AskEveryFamilyForClosedGroupsWithoutOwnKeyFrames) {
  EncoderSettings settings;
  settings.level = 31;
  const auto text = [&](EncoderFamily family) {
    std::string all;
    for (const auto& [name, value] : encoder_options(family, settings))
      all.append(name).append("=").append(value + " ");
    return all;
  };
  EXPECT_NE(text(EncoderFamily::kX264).find("scenecut=0:open-gop=0"), std::string::npos);
  EXPECT_NE(text(EncoderFamily::kX264).find("level=3.1"), std::string::npos);
  EXPECT_NE(text(EncoderFamily::kX265).find("scenecut=0:open-gop=0"), std::string::npos);
  EXPECT_NE(text(EncoderFamily::kX265).find("level-idc=3.1"), std::string::npos);
  EXPECT_NE(text(EncoderFamily::kNvenc).find("forced-idr=1"), std::string::npos);
}

}  // namespace
}  // namespace millrace::ffmpeg
