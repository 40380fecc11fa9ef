#include "ffmpeg/decoder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "ffmpeg/errors.hpp"
#include "ffmpeg/quiet.hpp"
#include "media/testing/codec_stream.hpp"

namespace millrace::ffmpeg {
namespace {

[[maybe_unused]] const bool kQuiet = (quiet(), true);

using media::test::CodecStream;
using media::test::load_codec_stream;

media::TrackConfiguration description_of(const CodecStream& stream) {
  media::TrackConfiguration description{};
  description.kind = stream.video() ? media::TrackKind::kVideo : media::TrackKind::kAudio;
  description.codec = stream.codec;
  description.timescale = stream.timescale;
  description.width = stream.width;
  description.height = stream.height;
  description.sample_rate = stream.sample_rate;
  description.channels = stream.channels;
  return description;
}

std::vector<std::int64_t> received(Decoder& decoder) {
  std::vector<std::int64_t> times;
  constexpr int kMostErrors = 100;
  for (int errors = 0; errors < kMostErrors;) {
    const auto frame = decoder.receive();
    if (!frame) {
      ++errors;
      continue;
    }
    if (!*frame) break;
    times.push_back((*frame)->pts());
  }
  return times;
}

void append(std::vector<std::int64_t>& all, const std::vector<std::int64_t>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

class DecoderOfEachCodec : public ::testing::TestWithParam<const char*> {
 protected:
  DecoderOfEachCodec() : stream_(load_codec_stream(GetParam())) {}
  Decoder open() { return Decoder::open(description_of(stream_), stream_.configuration, {}).value(); }
  // What comes out of these samples.
  static std::vector<std::int64_t> decode(Decoder& decoder, const CodecStream& stream) {
    std::vector<std::int64_t> times;
    std::int64_t dts = 0;
    for (const CodecStream::Sample& sample : stream.samples) {
      (void)decoder.send(sample.payload, dts + sample.composition_offset);
      append(times, received(decoder));
      dts += sample.duration;
    }
    EXPECT_TRUE(decoder.drain());
    append(times, received(decoder));
    return times;
  }

  CodecStream stream_;
};

TEST_P(DecoderOfEachCodec, GivesEachSampleInOrderOfPresentation) {
  Decoder decoder = open();
  std::vector<std::int64_t> expected;
  std::int64_t dts = 0;
  for (const CodecStream::Sample& sample : stream_.samples) {
    expected.push_back(dts + sample.composition_offset);
    dts += sample.duration;
  }
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(decode(decoder, stream_), expected);
}

TEST_P(DecoderOfEachCodec, BeginsAnewBehindItsEnd) {
  Decoder decoder = open();
  const std::vector<std::int64_t> first = decode(decoder, stream_);
  EXPECT_EQ(decode(decoder, stream_), first);
}

TEST_P(DecoderOfEachCodec, GoesOnBehindSamplesThatAreCutOff) {
  Decoder decoder = open();
  CodecStream cut = stream_;
  for (std::size_t i = 0; i < cut.samples.size(); ++i) {
    Bytes& payload = cut.samples[i].payload;
    payload.resize(payload.size() * i / cut.samples.size());
  }
  (void)decode(decoder, cut);
  EXPECT_FALSE(decode(decoder, stream_).empty());
}

TEST_P(DecoderOfEachCodec, BearsDamage) {
  std::mt19937 random(20261130);
  for (int round = 0; round < 8; ++round) {
    Decoder decoder = open();
    CodecStream damaged = stream_;
    for (CodecStream::Sample& sample : damaged.samples) {
      for (int i = 0; i < round && !sample.payload.empty(); ++i)
        sample.payload[random() % sample.payload.size()] = static_cast<std::uint8_t>(random());
    }
    (void)decode(decoder, damaged);
    // Some have to be opened again: VP9's keeps what a damaged header says.
    if (decode(decoder, stream_).empty()) decoder = open();
    EXPECT_FALSE(decode(decoder, stream_).empty()) << round;
  }
}

TEST_P(DecoderOfEachCodec, RefusesOrBearsAConfigurationThatIsNone) {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{7}, stream_.configuration.size()}) {
    Bytes configuration(size, 0xFF);
    Result<Decoder> decoder = Decoder::open(description_of(stream_), configuration, {});
    if (decoder) (void)decode(*decoder, stream_);
  }
}

INSTANTIATE_TEST_SUITE_P(Codecs, DecoderOfEachCodec,
                         ::testing::Values("h264", "hevc", "av1", "vp9", "aac", "opus", "flac", "ac3", "eac3",
                                           "mp3"),
                         [](const auto& test) { return std::string(test.param); });

TEST(Decoder, RefusesPicturesBeyondItsLimit) {
  const CodecStream stream = load_codec_stream("h264");
  DecoderLimits limits;
  limits.max_pixels = 1000;
  Result<Decoder> decoder = Decoder::open(description_of(stream), stream.configuration, limits);
  if (!decoder) return;
  for (const CodecStream::Sample& sample : stream.samples) (void)decoder->send(sample.payload, 0);
  EXPECT_TRUE(received(*decoder).empty());
}

TEST(Decoder, RefusesWhatIsNoMedia) {
  media::TrackConfiguration description{};
  description.codec = media::Codec::kData;
  EXPECT_EQ(Decoder::open(description, {}, {}).error().code, errors::kNotBuiltIn);
}

}  // namespace
}  // namespace millrace::ffmpeg
