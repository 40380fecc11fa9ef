#include "ffmpeg/filter.hpp"

#include <gtest/gtest.h>

#include "ffmpeg/decoder.hpp"
#include "ffmpeg/errors.hpp"
#include "media/testing/codec_stream.hpp"

namespace millrace::ffmpeg {
namespace {

constexpr std::int64_t kStep = 3600;

Frame picture(int width, int height, std::int64_t pts) {
  Frame frame = Frame::grey(width, height, 100).value();
  frame.set_pts(pts);
  return frame;
}

Filter::Describe to(int width, int height) {
  return [=](const PictureFormat& source) { return scale_to(width, height, source); };
}

TEST(Filter, ScalesToSquarePixelsOfItsSizeAndKeepsTimes) {
  Filter scale(to(854, 480));
  for (std::int64_t pts = 1'000'000'000'001; pts < 1'000'000'000'001 + 5 * kStep; pts += kStep) {
    ASSERT_TRUE(scale.send(picture(1280, 720, pts)));
    const auto scaled = scale.receive().value();
    ASSERT_TRUE(scaled);
    EXPECT_EQ(scaled->pts(), pts);
    EXPECT_EQ(scaled->picture().width, 854);
    EXPECT_EQ(scaled->picture().height, 480);
    EXPECT_EQ(scaled->picture().sample_aspect, (Rational{1, 1}));
  }
  EXPECT_FALSE(scale.receive().value());
}

TEST(Filter, FollowsPicturesThatChange) {
  Filter scale(to(320, 180));
  for (const int height : {720, 360, 719, 721, 2, 720}) {
    ASSERT_TRUE(scale.send(picture(height * 2, height, height))) << height;
    const auto scaled = scale.receive().value();
    ASSERT_TRUE(scaled) << height;
    EXPECT_EQ(scaled->picture().height, 180);
  }
}

TEST(Filter, MakesOfHdrWhatAllScreensShow) {
  const media::test::CodecStream stream = media::test::load_codec_stream("hevc_pq");
  media::TrackConfiguration description{};
  description.kind = media::TrackKind::kVideo;
  description.codec = media::Codec::kH265;
  description.timescale = 90'000;
  Decoder decoder = Decoder::open(description, stream.configuration, {}).value();
  Filter scale(to(80, 46));
  int scaled = 0;
  const auto take = [&] {
    while (auto frame = decoder.receive().value()) {
      EXPECT_TRUE(is_hdr(frame->picture().colour));
      ASSERT_TRUE(scale.send(std::move(*frame)));
      const auto out = scale.receive().value();
      ASSERT_TRUE(out);
      EXPECT_EQ(out->picture().colour, (codecs::Colour{1, 1, 1, false}));
      ++scaled;
    }
  };
  std::int64_t dts = 0;
  for (const auto& sample : stream.samples) {
    ASSERT_TRUE(decoder.send(sample.payload, dts + sample.composition_offset));
    dts += sample.duration;
    take();
  }
  ASSERT_TRUE(decoder.drain());
  take();
  EXPECT_EQ(scaled, static_cast<int>(stream.samples.size()));
}

TEST(Filter, TakesInterlacingOutAndKeepsWholePictures) {
  Filter filter(deinterlace);
  int received = 0;
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(filter.send(picture(720, 576, i * kStep)));
    while (const auto out = filter.receive().value()) EXPECT_EQ(out->pts(), received++ * kStep);
  }
  ASSERT_TRUE(filter.drain());
  while (const auto out = filter.receive().value()) EXPECT_EQ(out->pts(), received++ * kStep);
  EXPECT_EQ(received, 10);
  // And begins anew.
  ASSERT_TRUE(filter.send(picture(720, 576, 20 * kStep)));
  ASSERT_TRUE(filter.drain());
  EXPECT_EQ(filter.receive().value()->pts(), 20 * kStep);
}

TEST(Filter, RefusesWhatLibavDoesNotKnow) {
  Filter filter([](const PictureFormat&) { return "no_such_filter"; });
  EXPECT_FALSE(filter.send(picture(320, 180, 0)));
  EXPECT_FALSE(filter.receive().value());
}

TEST(Frame, KeepsItsCaptionsWhileItIsShared) {
  const Frame frame = picture(320, 180, 0);
  Frame shared = frame.share().value();
  const Bytes captions{0xFC, 0x80, 0x80};
  ASSERT_TRUE(shared.set_captions(captions));
  EXPECT_EQ(shared.captions(), captions);
  EXPECT_TRUE(frame.captions().empty());
  Filter scale(to(160, 90));
  ASSERT_TRUE(scale.send(std::move(shared)));
  EXPECT_EQ(scale.receive().value()->captions(), captions);
}

}  // namespace
}  // namespace millrace::ffmpeg
