#include "codecs/h264.hpp"

#include <gtest/gtest.h>

#include "codecs/test_support.hpp"

namespace millrace::codecs {
namespace {

struct Case {
  const char* name;
  const char* avcc;
  std::uint32_t width, height, chroma_format;
  double fps;
  const char* codec;
};

// Records that x264 wrote.
const Case kCases[] = {
    {"1080p30 high, cropped by 8 lines",
     "01640028ffe1001b67640028acd940780227e5c044000003000400000300f03c60c65801000668ebe3cb22c0fdf8f800", 1920,
     1080, 1, 30, "avc1.640028"},
    {"360p25 baseline", "0142c01effe100196742c01ed900a02ff97011000003000100000300320f162e4801000568cb83cb20",
     640, 360, 1, 25, "avc1.42c01e"},
    {"854x480 main, NTSC rate",
     "014d401fffe10017674d401feca06c1ef37808800001f480007530078c18cb01000568ebe3cb20", 854, 480, 1,
     30000.0 / 1001, "avc1.4d401f"},
    {"720p60 4:4:4",
     "01f40020ffe1001a67f40020919b280a00b76022000003000200000300f01e30632c01000668ebe3c44844fff8f800", 1280,
     720, 3, 60, "avc1.f40020"},
    {"1918x1078 4:2:2",
     "017a0028ffe1001b677a0028bcd940780227a8bc0440000003004000000c03c60c658001000668ebe3cb22c0fef8f800", 1918,
     1078, 2, 24, "avc1.7a0028"},
    {"1080i25",
     "01640028ffe1001a67640028acd94078044fde0220000003002000000643e2c5b2c001000668fba3cb22c0fdf8f800", 1920,
     1080, 1, 25, "avc1.640028"},
    {"10 bit, odd number of macroblocks",
     "016e000dffe1001b676e000da6cd941519e226c044000003000400000300f03c50a65801000668ebe3cb22c0fdfafa00", 322,
     182, 1, 30, "avc1.6e000d"},
};

TEST(AvcConfiguration, TellsSizeRateAndCodecString) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    const auto configuration = parse_avc_configuration(from_hex(c.avcc));
    ASSERT_TRUE(configuration) << configuration.error().code;
    EXPECT_EQ(configuration->width, c.width);
    EXPECT_EQ(configuration->height, c.height);
    ASSERT_TRUE(configuration->fps);
    EXPECT_NEAR(*configuration->fps, c.fps, 0.001);
    EXPECT_EQ(configuration->nal_length_size, 4);
    EXPECT_EQ(codec_string(*configuration), c.codec);
    ASSERT_EQ(configuration->sps.size(), 1U);
    ASSERT_EQ(configuration->pps.size(), 1U);
    EXPECT_EQ(nal_type(configuration->pps[0]), kNalPictureParameterSet);
    const auto sps = parse_sps(configuration->sps[0]);
    ASSERT_TRUE(sps);
    EXPECT_EQ(sps->chroma_format, c.chroma_format);
  }
}

// The end of the picture parameter sets is the end of what is needed: every shorter prefix is refused.
TEST(AvcConfiguration, RefusesEveryPrefix) {
  for (const Case& c : kCases) {
    const Bytes whole = from_hex(c.avcc);
    const auto configuration = parse_avc_configuration(whole);
    ASSERT_TRUE(configuration);
    const std::size_t needed = 6 + 2 + configuration->sps[0].size() + 1 + 2 + configuration->pps[0].size();
    for (std::size_t size = 0; size < needed; ++size) {
      const Bytes prefix(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_FALSE(parse_avc_configuration(prefix)) << c.name << " at " << size;
    }
  }
}

Bytes record(std::uint8_t length_size_byte, const std::vector<Bytes>& sps) {
  ByteWriter writer;
  for (const int byte : {1, 100, 0, 40}) writer.u8(static_cast<std::uint8_t>(byte));
  writer.u8(length_size_byte);
  writer.u8(static_cast<std::uint8_t>(0xE0 | sps.size()));
  for (const Bytes& nal : sps) {
    writer.u16(static_cast<std::uint16_t>(nal.size()));
    writer.append(nal);
  }
  writer.u8(0);
  return writer.take();
}

const Bytes kGoodSps = from_hex("6742c01ed900a02ff97011000003000100000300320f162e48");

TEST(AvcConfiguration, TakesLengthSizesOneTwoAndFourOnly) {
  for (const auto& [byte, size] : {std::pair{0xFC, 1}, {0xFD, 2}, {0xFF, 4}}) {
    const auto configuration = parse_avc_configuration(record(static_cast<std::uint8_t>(byte), {kGoodSps}));
    ASSERT_TRUE(configuration);
    EXPECT_EQ(configuration->nal_length_size, size);
  }
  const auto refused = parse_avc_configuration(record(0xFE, {kGoodSps}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "codecs.avc_nal_length_size");
}

TEST(AvcConfiguration, TakesOneToThirtyOneParameterSets) {
  const auto none = parse_avc_configuration(record(0xFF, {}));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, "codecs.avc_no_sps");
  const auto many = parse_avc_configuration(record(0xFF, std::vector<Bytes>(31, kGoodSps)));
  ASSERT_TRUE(many);
  EXPECT_EQ(many->sps.size(), 31U);
  Bytes large = kGoodSps;
  large.resize(65'535, 0x80);
  EXPECT_TRUE(parse_avc_configuration(record(0xFF, {large})));
}

TEST(AvcConfiguration, RefusesOtherVersionsAndOtherUnits) {
  Bytes version = record(0xFF, {kGoodSps});
  version[0] = 2;
  EXPECT_EQ(parse_avc_configuration(version).error().code, "codecs.avc_version");
  Bytes idr = kGoodSps;
  idr[0] = 0x65;
  EXPECT_EQ(parse_avc_configuration(record(0xFF, {idr})).error().code, "codecs.sps_invalid");
  EXPECT_FALSE(parse_avc_configuration(record(0xFF, {Bytes{}})));
}

// Writes a baseline parameter set bit by bit.
class SpsBits {
 public:
  SpsBits& ue(std::uint32_t value) {
    const std::uint64_t code = std::uint64_t{value} + 1;
    unsigned length = 0;
    while (code >> length > 1) ++length;
    text_ += std::string(length, '0');
    for (unsigned i = length + 1; i-- > 0;) text_ += (code >> i & 1) != 0 ? '1' : '0';
    return *this;
  }
  SpsBits& bits(std::string_view text) {
    text_ += text;
    return *this;
  }
  Bytes nal() const {
    Bytes bytes = {0x67, 66, 0, 30};
    const std::string padded = text_ + "1" + std::string(7 - text_.size() % 8, '0');
    for (std::size_t i = 0; i < padded.size(); i += 8) {
      bytes.push_back(static_cast<std::uint8_t>(std::stoul(padded.substr(i, 8), nullptr, 2)));
    }
    return bytes;
  }

 private:
  std::string text_;
};

Bytes sps_of(std::uint32_t macroblocks_wide, std::uint32_t macroblocks_high,
             std::string_view crop_and_vui = "00") {
  return SpsBits()
      .ue(0)      // seq_parameter_set_id
      .ue(0)      // log2_max_frame_num_minus4
      .ue(2)      // pic_order_cnt_type
      .ue(1)      // max_num_ref_frames
      .bits("0")  // gaps
      .ue(macroblocks_wide - 1)
      .ue(macroblocks_high - 1)
      .bits("11")  // frame_mbs_only, direct_8x8
      .bits(crop_and_vui)
      .nal();
}

TEST(SequenceParameterSet, RefusesNoPictureAndTooLargeOnes) {
  EXPECT_EQ(parse_sps(sps_of(1024, 1024))->width, 16'384U);
  for (const Bytes& nal : {sps_of(1025, 1), sps_of(1, 1025), sps_of(4096, 4096), sps_of(0x7FFFFFFF, 1),
                           // one macroblock, 8 of 8 chroma columns cropped away
                           sps_of(1, 1,
                                  "1"
                                  "0001001"
                                  "1"
                                  "1"
                                  "1"
                                  "0")}) {
    const auto sps = parse_sps(nal);
    ASSERT_FALSE(sps);
    EXPECT_EQ(sps.error().code, "codecs.sps_dimensions");
  }
}

TEST(SequenceParameterSet, ABrokenVuiOnlyCostsTheRate) {
  // VUI present; nothing but timing_info_present, then the end.
  const auto sps = parse_sps(sps_of(10, 10,
                                    "01"
                                    "0000"
                                    "1"));
  ASSERT_TRUE(sps);
  EXPECT_EQ(sps->width, 160U);
  EXPECT_FALSE(sps->fps);
}

TEST(SequenceParameterSet, RefusesValuesOutOfRange) {
  const Bytes id = SpsBits().ue(32).ue(0).ue(2).ue(1).bits("0").ue(9).ue(9).bits("1100").nal();
  EXPECT_EQ(parse_sps(id).error().code, "codecs.sps_invalid");
  const Bytes order = SpsBits().ue(0).ue(0).ue(3).ue(1).bits("0").ue(9).ue(9).bits("1100").nal();
  EXPECT_EQ(parse_sps(order).error().code, "codecs.sps_invalid");
}

TEST(EmulationPrevention, RemovesOnlyTheThirdByteOfItsPattern) {
  EXPECT_EQ(strip_emulation_prevention(from_hex("0000030000030103")), from_hex("000000000103"));
  EXPECT_EQ(strip_emulation_prevention(from_hex("000003")), from_hex("0000"));
  EXPECT_EQ(strip_emulation_prevention(from_hex("0003000003")), from_hex("00030000"));
  EXPECT_TRUE(strip_emulation_prevention({}).empty());
}

struct Walk {
  std::vector<std::size_t> sizes;
  bool ok;
};

Walk walk(const Bytes& sample, unsigned length_size) {
  Walk result{};
  result.ok = for_each_nal(sample, length_size, [&](ByteView nal) {
                result.sizes.push_back(nal.size());
              }).has_value();
  return result;
}

TEST(NalReader, WalksEachLengthSizeAndPassesOverEmptyUnits) {
  EXPECT_EQ(walk(from_hex("0265aa0000000141"), 1).sizes, (std::vector<std::size_t>{2, 1}));
  EXPECT_EQ(walk(from_hex("000265aa0000000141"), 2).sizes, (std::vector<std::size_t>{2, 1}));
  const Walk four = walk(from_hex("0000000265aa000000000000000141"), 4);
  EXPECT_EQ(four.sizes, (std::vector<std::size_t>{2, 1}));
  EXPECT_TRUE(four.ok);
  EXPECT_TRUE(walk({}, 4).ok);
}

TEST(NalReader, StopsAtALengthBeyondTheSample) {
  const Walk beyond = walk(from_hex("00000001410000000241"), 4);
  EXPECT_EQ(beyond.sizes, (std::vector<std::size_t>{1}));
  EXPECT_FALSE(beyond.ok);
  EXPECT_FALSE(walk(from_hex("ffffffff41"), 4).ok);
  const Bytes whole = from_hex("0000000265aa");
  for (std::size_t size = 1; size < whole.size(); ++size) {
    EXPECT_FALSE(walk(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)), 4).ok);
  }
}

TEST(NalReader, KnowsAnIdrSlice) {
  EXPECT_TRUE(is_idr(from_hex("65")));
  EXPECT_FALSE(is_idr(from_hex("41")));
  EXPECT_FALSE(is_idr({}));
}

}  // namespace
}  // namespace millrace::codecs
