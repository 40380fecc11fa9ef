#include "ffmpeg/sound.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "codecs/aac.hpp"
#include "ffmpeg/av.hpp"
#include "ffmpeg/decoder.hpp"
#include "ffmpeg/errors.hpp"
#include "ffmpeg/quiet.hpp"
#include "media/testing/codec_stream.hpp"

namespace millrace::ffmpeg {
namespace {

using media::test::CodecStream;

[[maybe_unused]] const bool kQuiet = (quiet(), true);

struct Coded {
  std::int64_t pts;
  Bytes sample;
};

void receive(SoundEncoder& encoder, std::vector<Coded>& coded) {
  while (const auto sample = encoder.receive().value()) {
    Coded each{sample->pts(), Bytes(sample->size())};
    sample->write(each.sample.data());
    coded.push_back(std::move(each));
  }
}

class SoundOf : public ::testing::TestWithParam<const char*> {
 protected:
  SoundOf() : stream_(media::test::load_codec_stream(GetParam())) {}

  media::TrackConfiguration description() const {
    media::TrackConfiguration description{};
    description.track = media::kAudioTrack;
    description.kind = media::TrackKind::kAudio;
    description.codec = stream_.codec;
    description.timescale = stream_.sample_rate;
    description.sample_rate = stream_.sample_rate;
    description.channels = stream_.channels;
    return description;
  }
  // The stream through its decoder and the encoder, from this time on.
  std::vector<Coded> encoded(SoundEncoder& encoder, std::int64_t begin) {
    Decoder decoder = Decoder::open(description(), stream_.configuration, {}).value();
    std::vector<Coded> coded;
    std::int64_t dts = begin;
    const auto pass_on = [&] {
      while (auto frame = decoder.receive().value()) {
        EXPECT_TRUE(encoder.send(std::move(*frame)));
        receive(encoder, coded);
      }
    };
    for (const CodecStream::Sample& sample : stream_.samples) {
      EXPECT_TRUE(decoder.send(sample.payload, dts));
      dts += sample.duration;
      pass_on();
    }
    EXPECT_TRUE(decoder.drain());
    pass_on();
    EXPECT_TRUE(encoder.drain());
    receive(encoder, coded);
    end_ = dts;
    return coded;
  }

  CodecStream stream_;
  std::int64_t end_ = 0;
};

TEST_P(SoundOf, BecomesAacThatBeginsAndEndsWithIt) {
  constexpr std::int64_t kBegin = 48'000LL * 3600 * 24;
  SoundEncoder encoder = SoundEncoder::open(2, 128'000).value();
  const auto aac = codecs::parse_audio_specific_config(encoder.configuration()).value();
  EXPECT_EQ(codecs::codec_string(aac), "mp4a.40.2");
  EXPECT_EQ(aac.sample_rate, 48'000U);
  EXPECT_EQ(aac.channels, 2U);
  const std::vector<Coded> coded = encoded(encoder, kBegin);
  ASSERT_GT(coded.size(), 3U);
  for (std::size_t i = 1; i < coded.size(); ++i) EXPECT_EQ(coded[i].pts - coded[i - 1].pts, 1024) << i;
  EXPECT_EQ(coded.front().pts, kBegin - 1024) << "what a decoder has to be given first";
  EXPECT_GE(coded.back().pts + 1024, end_);
  EXPECT_LT(coded.back().pts, end_ + 1024);
}

TEST_P(SoundOf, BeginsAnewBehindItsEnd) {
  SoundEncoder encoder = SoundEncoder::open(1, 64'000).value();
  const std::vector<Coded> first = encoded(encoder, 0);
  const std::vector<Coded> second = encoded(encoder, 480'000);
  ASSERT_EQ(first.size(), second.size());
  EXPECT_EQ(second.front().pts, first.front().pts + 480'000);
}

Frame silence(int sample_rate, int channels) {
  Frame frame = Frame::empty().value();
  AVFrame& av = *frame.get();
  av.format = AV_SAMPLE_FMT_FLTP;
  av.sample_rate = sample_rate;
  av.nb_samples = 4096;
  av.pts = 0;
  av_channel_layout_default(&av.ch_layout, channels);
  EXPECT_EQ(av_frame_get_buffer(&av, 0), 0);
  for (int channel = 0; channel < channels; ++channel)
    std::memset(av.extended_data[channel], 0, sizeof(float) * static_cast<std::size_t>(av.nb_samples));
  return frame;
}

TEST(Sound, RefusesWhatCannotBeConvertedAndGoesOn) {
  SoundEncoder encoder = SoundEncoder::open(2, 128'000).value();
  for (int channels = 9; channels <= 255; channels += 41) {
    const Result<void> sent = encoder.send(silence(48'000, channels));
    ASSERT_FALSE(sent) << channels;
    EXPECT_NE(sent.error().code, errors::kNoMemory) << channels;
  }
  // A second of it would be hours of memory.
  for (const int rate : {0, 1, 100, SoundEncoder::kLeastSampleRate - 1}) {
    const Result<void> sent = encoder.send(silence(rate, 2));
    ASSERT_FALSE(sent) << rate;
    EXPECT_EQ(sent.error().code, errors::kBadInput) << rate;
  }
  for (const int rate : {SoundEncoder::kLeastSampleRate, 44'100, 655'350}) {
    ASSERT_TRUE(encoder.send(silence(rate, 6))) << rate;
    std::vector<Coded> coded;
    receive(encoder, coded);
  }
  ASSERT_TRUE(encoder.drain());
  std::vector<Coded> coded;
  receive(encoder, coded);
  EXPECT_FALSE(coded.empty());
}

TEST(Sound, RefusesNumbersThatAreNoneAndGoesOn) {
  SoundEncoder encoder = SoundEncoder::open(2, 128'000).value();
  Frame broken = silence(48'000, 2);
  reinterpret_cast<float*>(broken.get()->extended_data[0])[0] = std::nanf("");
  ASSERT_TRUE(encoder.send(std::move(broken)));
  int refused = 0;
  int coded = 0;
  for (int i = 0; i < 20; ++i) {
    for (auto sample = encoder.receive(); !sample || *sample; sample = encoder.receive()) {
      ++(sample ? coded : refused);
      ASSERT_LT(refused, 100);
    }
    Frame next = silence(48'000, 2);
    next.set_pts(4096 * (i + 1));
    ASSERT_TRUE(encoder.send(std::move(next)));
  }
  EXPECT_GT(refused, 0);
  EXPECT_GT(coded, 20) << refused;
}

INSTANTIATE_TEST_SUITE_P(Codecs, SoundOf, ::testing::Values("opus", "flac", "ac3", "eac3", "mp3"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace millrace::ffmpeg
