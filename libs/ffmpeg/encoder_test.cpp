#include "ffmpeg/encoder.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "codecs/h264.hpp"
#include "codecs/h265.hpp"
#include "ffmpeg/decoder.hpp"
#include "ffmpeg/errors.hpp"

#ifdef MILLRACE_SANITIZED
// x265 3.5 keeps some memory of each encoder that is closed.
extern "C" const char* __lsan_default_suppressions() {  // NOLINT(bugprone-reserved-identifier)
  return "leak:libx265.so\n";
}
#endif

namespace millrace::ffmpeg {
namespace {

constexpr std::int64_t kBegin = 123'456'789'012;  // long after a stream has begun
constexpr std::int64_t kStep = 3003;

struct Coded {
  std::int64_t pts;
  std::int64_t dts;
  bool key;
  Bytes sample;
};

EncoderSettings settings_of(const std::string& encoder) {
  EncoderSettings settings;
  settings.encoder = encoder;
  settings.preset = "ultrafast";
  settings.width = 320;
  settings.height = 180;
  settings.frame_rate = {30'000, 1001};
  settings.bit_rate = 300'000;
  settings.max_rate = 330'000;
  settings.buffer_bits = 150'000;
  settings.level = encoder == "libaom_av1" ? 0 : 30;
  return settings;
}

void receive(Encoder& encoder, std::vector<Coded>& coded) {
  while (const auto picture = encoder.receive().value()) {
    Coded each{picture->pts(), picture->dts(), picture->key(), Bytes(picture->size())};
    picture->write(each.sample.data());
    coded.push_back(std::move(each));
  }
}

std::vector<Coded> encode(Encoder& encoder, int pictures, const std::set<int>& keys) {
  std::vector<Coded> coded;
  for (int i = 0; i < pictures; ++i) {
    Frame frame = Frame::grey(320, 180, static_cast<std::uint8_t>(20 + i * 37 % 200)).value();
    frame.set_pts(kBegin + i * kStep);
    EXPECT_TRUE(encoder.send(std::move(frame), keys.contains(i)));
    receive(encoder, coded);
  }
  EXPECT_TRUE(encoder.drain());
  receive(encoder, coded);
  return coded;
}

class EachEncoder : public ::testing::TestWithParam<const char*> {};

TEST_P(EachEncoder, PutsKeyFramesWhereTheyAreAskedForAndNowhereElse) {
  Encoder encoder = Encoder::open(settings_of(GetParam())).value();
  const std::set<int> keys{0, 11, 12, 40};
  const std::vector<Coded> coded = encode(encoder, 60, keys);
  ASSERT_EQ(coded.size(), 60U);
  for (int i = 0; i < 60; ++i) {
    EXPECT_EQ(coded[i].pts, kBegin + i * kStep) << i;
    EXPECT_LE(coded[i].dts, coded[i].pts) << i;
    EXPECT_EQ(coded[i].key, keys.contains(i)) << i;
  }
  EXPECT_FALSE(encoder.configuration().empty());
}

TEST_P(EachEncoder, GivesTheSameParameterSetsEachTime) {
  Encoder one = Encoder::open(settings_of(GetParam())).value();
  Encoder other = Encoder::open(settings_of(GetParam())).value();
  (void)encode(one, 5, {0});
  (void)encode(other, 9, {0, 4});
  EXPECT_EQ(one.configuration(), other.configuration());
}

TEST_P(EachEncoder, MakesWhatADecoderHasBackWithItsTimes) {
  Encoder encoder = Encoder::open(settings_of(GetParam())).value();
  const std::vector<Coded> coded = encode(encoder, 30, {0});
  media::TrackConfiguration description{};
  description.kind = media::TrackKind::kVideo;
  description.codec = encoder.codec();
  description.timescale = 90'000;
  Decoder decoder = Decoder::open(description, encoder.configuration(), {}).value();
  int decoded = 0;
  const auto take = [&] {
    while (const auto frame = decoder.receive().value()) {
      EXPECT_EQ(frame->pts(), kBegin + decoded++ * kStep);
      EXPECT_EQ(frame->picture().height, 180);
    }
  };
  for (const Coded& each : coded) {
    ASSERT_TRUE(decoder.send(each.sample, each.pts));
    take();
  }
  ASSERT_TRUE(decoder.drain());
  take();
  EXPECT_EQ(decoded, 30);
}

INSTANTIATE_TEST_SUITE_P(Encoders, EachEncoder, ::testing::Values("x264", "x265", "libaom_av1"),
                         [](const auto& test) { return std::string(test.param); });

TEST(Encoder, OfX264HasTheLevelAndNoPictureLate) {
  Encoder encoder = Encoder::open(settings_of("x264")).value();
  const auto avc = codecs::parse_avc_configuration(encoder.configuration()).value();
  EXPECT_EQ(codecs::codec_string(avc), "avc1.64001e");
  EXPECT_EQ(avc.width, 320U);
  EXPECT_EQ(avc.height, 180U);
  EXPECT_NEAR(avc.fps.value_or(0), 29.97, 0.01);
  Frame frame = Frame::grey(320, 180, 100).value();
  frame.set_pts(0);
  ASSERT_TRUE(encoder.send(std::move(frame), true));
  EXPECT_TRUE(encoder.receive().value());
}

TEST(Encoder, OfX264ClosesItsGroups) {
  Encoder encoder = Encoder::open(settings_of("x264")).value();
  for (const Coded& coded : encode(encoder, 20, {0, 10})) {
    bool idr = false;
    ASSERT_TRUE(
        codecs::for_each_nal(coded.sample, 4, [&](ByteView nal) { idr = idr || codecs::is_idr(nal); }));
    EXPECT_EQ(idr, coded.key);
  }
}

TEST(Encoder, SaysWhyItCannotBeOpened) {
  EXPECT_EQ(Encoder::open(settings_of("x266")).error().code, errors::kUnknownName);
  EXPECT_EQ(Encoder::open(settings_of("vaapi_h264")).error().code, errors::kNotUsable);
  EncoderSettings settings = settings_of("x264");
  settings.preset = "reckless";
  EXPECT_EQ(Encoder::open(settings).error().code, errors::kUnknownName);
  settings = settings_of("x264");
  settings.width = 0;
  EXPECT_FALSE(Encoder::open(settings));
}

TEST(EncoderTrial, FindsWhatKeepsItsPromises) {
  EXPECT_TRUE(try_encoder("x264", "veryfast"));
  EXPECT_FALSE(try_encoder("x266", "veryfast"));
}

TEST(EncoderTrial, RefusesAnEncoderThatPutsKeyFramesElsewhere) {
  const Result<void> tried = try_encoder("svt_av1", "ultrafast");
  if (!tried && tried.error().code == errors::kNotBuiltIn) GTEST_SKIP() << tried.error().message;
  EXPECT_EQ(tried.error().code, errors::kNotUsable);
}

TEST(EncoderTrial, ChoosesTheFirstThatIsThere) {
  EXPECT_EQ(choose_encoder("auto", "veryfast").value().codec, media::Codec::kH264);
  EXPECT_EQ(choose_encoder("x265", "veryfast").value().libav, "libx265");
  EXPECT_EQ(choose_encoder("x266", "veryfast").error().code, errors::kUnknownName);
}

}  // namespace
}  // namespace millrace::ffmpeg
