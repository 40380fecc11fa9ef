#include "ffmpeg/filter.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <utility>
#include <vector>

#include "ffmpeg/av.hpp"
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

// libav's own numbers of the formats that decoders give.
std::vector<AVPixelFormat> decoded_formats() {
  return {AV_PIX_FMT_YUV420P,     AV_PIX_FMT_YUVJ420P,    AV_PIX_FMT_YUV422P,     AV_PIX_FMT_YUV444P,
          AV_PIX_FMT_YUV440P,     AV_PIX_FMT_GRAY8,       AV_PIX_FMT_GRAY10LE,    AV_PIX_FMT_GBRP,
          AV_PIX_FMT_GBRP10LE,    AV_PIX_FMT_GBRP12LE,    AV_PIX_FMT_YUV420P10LE, AV_PIX_FMT_YUV422P10LE,
          AV_PIX_FMT_YUV444P10LE, AV_PIX_FMT_YUV420P12LE, AV_PIX_FMT_YUV444P12LE};
}

Frame coloured(AVPixelFormat format, int width, int height, const codecs::Colour& colour) {
  Frame frame = Frame::empty().value();
  AVFrame* av = frame.get();
  av->format = format;
  av->width = width;
  av->height = height;
  av->pts = 0;
  av->color_primaries = static_cast<AVColorPrimaries>(colour.primaries);
  av->color_trc = static_cast<AVColorTransferCharacteristic>(colour.transfer);
  av->colorspace = static_cast<AVColorSpace>(colour.matrix);
  av->color_range = colour.full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
  EXPECT_EQ(av_frame_get_buffer(av, 0), 0);
  for (auto* plane : av->buf) {
    if (plane != nullptr) std::memset(plane->data, 0, plane->size);
  }
  return frame;
}

bool scales(AVPixelFormat format, int width, int height, const codecs::Colour& colour) {
  Filter scale(to(64, 36));
  if (!scale.send(coloured(format, width, height, colour))) return false;
  const auto scaled = scale.receive();
  return scaled && *scaled && (*scaled)->picture().width == 64;
}

constexpr std::uint8_t kUnspecified = 2;
constexpr std::uint8_t kPq = 16;
constexpr std::uint8_t kHlg = 18;

TEST(Filter, ScalesWhateverColoursAreStated) {
  for (int primaries = 0; primaries <= 23; ++primaries) {
    for (int matrix = 0; matrix <= 15; ++matrix) {
      for (const int transfer : {1, int{kUnspecified}, int{kPq}, int{kHlg}}) {
        const codecs::Colour colour{static_cast<std::uint8_t>(primaries), static_cast<std::uint8_t>(transfer),
                                    static_cast<std::uint8_t>(matrix), primaries % 2 == 0};
        EXPECT_TRUE(scales(AV_PIX_FMT_YUV420P10LE, 128, 72, colour))
            << primaries << "/" << transfer << "/" << matrix;
      }
    }
  }
}

TEST(Filter, ScalesWhateverFormatsAndSizesAreDecoded) {
  for (const AVPixelFormat format : decoded_formats()) {
    for (const std::uint8_t transfer : {kUnspecified, kPq, kHlg}) {
      for (const auto& [width, height] :
           {std::pair{128, 72}, {129, 73}, {16, 16}, {2, 400}, {400, 2}, {1, 1}}) {
        const codecs::Colour colour{kUnspecified, transfer, kUnspecified, false};
        EXPECT_TRUE(scales(format, width, height, colour))
            << av_get_pix_fmt_name(format) << " " << int{transfer} << " " << width << "x" << height;
      }
    }
  }
}

TEST(Filter, FitsPicturesOfAnotherShapeBetweenBlackBars) {
  Filter scale(to(320, 180));
  ASSERT_TRUE(scale.send(Frame::grey(90, 160, 200).value()));
  const auto upright = scale.receive().value();
  ASSERT_TRUE(upright);
  const AVFrame& av = *upright->get();
  constexpr int kBlack = 16;
  const std::uint8_t* middle = av.data[0] + std::ptrdiff_t{90} * av.linesize[0];
  EXPECT_EQ(middle[0], kBlack);
  EXPECT_EQ(middle[319], kBlack);
  EXPECT_NEAR(middle[160], 200, 2);
  EXPECT_NEAR(av.data[0][160], 200, 2) << "as high as it can be";
  // Where only rounding differs there are none.
  ASSERT_TRUE(scale.send(Frame::grey(1366, 768, 200).value()));
  EXPECT_NEAR(scale.receive().value()->get()->data[0][0], 200, 2);
}

TEST(Filter, TakesInterlacingOutOfPicturesOfAllSizes) {
  for (int size = 1; size < 20; ++size) {
    for (const auto& [width, height] : {std::pair{size, 64}, {64, size}, {size, size}}) {
      Filter filter(deinterlace);
      Frame frame = picture(width, height, 0);
      frame.get()->interlaced_frame = 1;
      EXPECT_TRUE(filter.send(std::move(frame))) << width << "x" << height;
      EXPECT_TRUE(filter.drain());
      EXPECT_TRUE(filter.receive().value()) << width << "x" << height;
    }
  }
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
