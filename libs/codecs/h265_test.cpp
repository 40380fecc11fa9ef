#include "codecs/h265.hpp"

#include <gtest/gtest.h>

#include "codecs/h264.hpp"
#include "codecs/test_support.hpp"

namespace millrace::codecs {
namespace {

struct Case {
  const char* name;
  const char* hvcc;
  std::uint32_t width, height, chroma_format, bit_depth;
  std::optional<double> fps;
  std::optional<Colour> colour;
  const char* codec;
};

// Records that x265 and FFmpeg wrote; codec strings by hand after annex E.
const Case kCases[] = {
    {"1080p60 main, cropped by 8 lines",
     "0101600000009000000000007bf000fcfdf8f800000f03a00001001840010c01ffff01600000030090000003000003007b95980"
     "9a10001002a42010101600000030090000003000003007ba003c08010e596566924caf0168080000003008000001e04a2000100"
     "074401c172b46240",
     1920, 1080, 1, 8, 60, Colour{2, 2, 2, false}, "hvc1.1.6.L123.90"},
    {"360p 4:2:2 10 bit in two sub-layers, NTSC rate",
     "0104080000009d08000000003ff000fcfefafa00001303a00001001b40010c02ffff0408000003009d0800000300003f0000959"
     "8acc048a10001002c4201020408000003009d0800000300003f0000b0050201693659598acd24995e02d01000003e9000075300"
     "80a2000100074401c172b46240",
     640, 360, 2, 10, 30000.0 / 1001, Colour{2, 2, 2, false}, "hvc1.4.10.L63.9D.8"},
    {"180p 4:4:4 in the high tier, with scaling lists",
     "0124080000009e080000000096f000fcfff8f800000f03a00001001740010c01ffff2408000003009e08000003000096959809a"
     "10001002a4201012408000003009e080000030000969001410173e5cb2b349272bc05a02000000300200000030301a200010008"
     "4401c172860c4624",
     320, 180, 3, 8, 24, Colour{2, 2, 2, false}, "hvc1.4.10.H150.9E.8"},
    {"180p full range, five reference pictures",
     "0101600000009000000000003cf000fcfdf8f800000f03a00001001840010c01ffff01600000030090000003000003003c99980"
     "9a10001002a42010101600000030090000003000003003ca00a080b9f796666924caf016c1f80000003008000000c84a2000100"
     "074401c172b46240",
     320, 180, 1, 8, 25, Colour{2, 2, 2, true}, "hvc1.1.6.L60.90"},
    {"322x182 main 10, PQ in BT.2020",
     "0102200000009000000000003cf000fcfdfafa00000f03a00001001840010c01ffff02200000030090000003000003003c95980"
     "9a10001002f42010102200000030090000003000003003ca00a480b9c94d96566924caf016a12201208000003000800000300c8"
     "40a2000100074401c172b46240",
     322, 182, 1, 10, 25, Colour{9, 16, 9, false}, "hvc1.2.4.L60.90"},
};

TEST(HevcConfiguration, TellsSizeRateColourAndCodecString) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    const auto configuration = parse_hevc_configuration(from_hex(c.hvcc));
    ASSERT_TRUE(configuration) << configuration.error().code;
    EXPECT_EQ(configuration->width, c.width);
    EXPECT_EQ(configuration->height, c.height);
    EXPECT_EQ(configuration->chroma_format, c.chroma_format);
    EXPECT_EQ(configuration->bit_depth, c.bit_depth);
    ASSERT_EQ(configuration->fps.has_value(), c.fps.has_value());
    if (c.fps) {
      EXPECT_NEAR(*configuration->fps, *c.fps, 0.001);
    }
    EXPECT_EQ(configuration->colour, c.colour);
    EXPECT_EQ(configuration->nal_length_size, 4);
    EXPECT_EQ(codec_string(*configuration), c.codec);
    EXPECT_EQ(configuration->vps.size(), 1U);
    EXPECT_EQ(configuration->sps.size(), 1U);
    EXPECT_EQ(configuration->pps.size(), 1U);
  }
}

TEST(HevcConfiguration, WritesCodecStringsOfTheSpecification) {
  HevcConfiguration configuration;
  configuration.profile = 1;
  configuration.compatibility = 0x60000000;
  configuration.level = 93;
  configuration.constraints = {0xB0, 0, 0, 0, 0, 0};
  EXPECT_EQ(codec_string(configuration), "hvc1.1.6.L93.B0");
  configuration.profile_space = 1;
  configuration.profile = 12;
  configuration.compatibility = 0x00080000;
  configuration.high_tier = true;
  configuration.level = 150;
  configuration.constraints = {0xB0, 0x23, 0, 0, 0, 0};
  EXPECT_EQ(codec_string(configuration), "hvc1.A12.1000.H150.B0.23");
  configuration.constraints = {};
  EXPECT_EQ(codec_string(configuration), "hvc1.A12.1000.H150");
}

TEST(HevcConfiguration, RefusesEveryPrefix) {
  for (const Case& c : kCases) {
    for_each_prefix(from_hex(c.hvcc), [&](const Bytes& prefix) {
      EXPECT_FALSE(parse_hevc_configuration(prefix)) << c.name << " at " << prefix.size();
    });
  }
}

// A prefix is refused, or ends behind the dimensions and then says the same of them.
TEST(HevcSequenceParameterSet, SurvivesEveryPrefix) {
  for (const Case& c : kCases) {
    const auto configuration = parse_hevc_configuration(from_hex(c.hvcc));
    ASSERT_TRUE(configuration);
    for_each_prefix(configuration->sps[0], [&](const Bytes& prefix) {
      const auto sps = parse_hevc_sps(prefix);
      if (!sps) return;
      EXPECT_EQ(sps->width, c.width) << c.name << " at " << prefix.size();
      EXPECT_EQ(sps->height, c.height) << c.name << " at " << prefix.size();
    });
  }
}

// 1920x1080 as above with other values; positions from the record's first byte.
TEST(HevcConfiguration, RefusesWhatCannotBe) {
  const struct {
    const char* name;
    std::size_t position;
    std::uint8_t value;
    std::string_view code;
  } cases[] = {
      {"version 0", 0, 0, "codecs.hevc_version"},
      {"version 2", 0, 2, "codecs.hevc_version"},
      {"NAL lengths of 3 bytes", 21, 0x0E, "codecs.hevc_nal_length_size"},
      {"no array", 22, 0, "codecs.hevc_no_sps"},
      {"only the array of VPS", 22, 1, "codecs.hevc_no_sps"},
      {"the array says VPS, the unit says otherwise", 28, 0x42, "codecs.sps_invalid"},
      {"more arrays than there are", 22, 4, "codecs.hevc_truncated"},
      {"65535 VPS", 24, 0xFF, "codecs.hevc_truncated"},
  };
  for (const auto& c : cases) {
    Bytes hvcc = from_hex(kCases[0].hvcc);
    hvcc[c.position] = c.value;
    const auto configuration = parse_hevc_configuration(hvcc);
    ASSERT_FALSE(configuration) << c.name;
    EXPECT_EQ(configuration.error().code, c.code) << c.name;
  }
}

TEST(HevcConfiguration, AcceptsShorterNalLengthsAndOtherUnits) {
  Bytes hvcc = from_hex(kCases[0].hvcc);
  for (const auto& [bits, size] : {std::pair{0, 1}, std::pair{1, 2}, std::pair{3, 4}}) {
    hvcc[21] = static_cast<std::uint8_t>(0x0C | bits);
    const auto configuration = parse_hevc_configuration(hvcc);
    ASSERT_TRUE(configuration);
    EXPECT_EQ(configuration->nal_length_size, size);
  }
  hvcc[22] = 4;  // one more array: a SEI
  const Bytes sei = from_hex(
      "a70001"
      "0003"
      "4e0105");
  hvcc.insert(hvcc.end(), sei.begin(), sei.end());
  const auto configuration = parse_hevc_configuration(hvcc);
  ASSERT_TRUE(configuration);
  EXPECT_EQ(configuration->pps.size(), 1U);
}

// Writes the fields of an SPS bit by bit.
class SpsBits {
 public:
  SpsBits& bits(std::uint64_t value, unsigned count) {
    for (unsigned i = count; i-- > 0;) bits_.push_back((value >> i & 1) != 0);
    return *this;
  }
  SpsBits& ue(std::uint32_t value) {
    const std::uint64_t code = std::uint64_t{value} + 1;
    unsigned length = 0;
    while (code >> (length + 1) != 0) ++length;
    return bits(0, length).bits(code, length + 1);
  }
  // With header and emulation prevention.
  Bytes nal() const {
    Bytes raw(bits_.size() / 8 + 1);
    for (std::size_t i = 0; i < bits_.size(); ++i) {
      if (bits_[i]) raw[i / 8] |= static_cast<std::uint8_t>(0x80 >> i % 8);
    }
    Bytes nal = {0x42, 0x01};
    unsigned zeros = 0;
    for (const std::uint8_t byte : raw) {
      if (zeros >= 2 && byte <= 3) {
        nal.push_back(3);
        zeros = 0;
      }
      zeros = byte == 0 ? zeros + 1 : 0;
      nal.push_back(byte);
    }
    return nal;
  }

 private:
  std::vector<bool> bits_;
};

Bytes sps_of(std::uint32_t width, std::uint32_t height, std::uint32_t chroma = 1, std::uint32_t crop = 0,
             std::uint32_t depth = 0) {
  SpsBits sps;
  sps.bits(0, 4).bits(0, 3).bits(1, 1).bits(1, 8).bits(0, 40).bits(0, 40).bits(93, 8);
  sps.ue(0).ue(chroma).ue(width).ue(height).bits(crop != 0 ? 1 : 0, 1);
  if (crop != 0) sps.ue(0).ue(crop).ue(0).ue(crop);
  return sps.ue(depth).ue(depth).ue(4).bits(0xFF, 8).nal();
}

TEST(HevcSequenceParameterSet, BoundsDimensions) {
  const struct {
    const char* name;
    Bytes nal;
    std::string_view code;  // empty: accepted
  } cases[] = {
      {"the largest", sps_of(16'384, 16'384), ""},
      {"too wide", sps_of(16'385, 64), "codecs.sps_dimensions"},
      {"too high", sps_of(64, 65'536), "codecs.sps_dimensions"},
      {"no width", sps_of(0, 64), "codecs.sps_dimensions"},
      {"no height", sps_of(64, 0), "codecs.sps_dimensions"},
      {"the largest code", sps_of(0xFFFFFFFE, 0xFFFFFFFE), "codecs.sps_dimensions"},
      {"cropped", sps_of(64, 64, 1, 4), ""},
      {"cropped away", sps_of(64, 64, 1, 32), "codecs.sps_dimensions"},
      {"cropped by the largest code", sps_of(64, 64, 1, 0x7FFFFFFE), "codecs.sps_dimensions"},
      {"a reserved chroma format", sps_of(64, 64, 4), "codecs.sps_invalid"},
      {"17 bits", sps_of(64, 64, 1, 0, 9), "codecs.sps_invalid"},
      {"16 bits", sps_of(64, 64, 1, 0, 8), ""},
      {"a VPS", {0x40, 0x01, 0x0C}, "codecs.sps_invalid"},
      {"an empty unit", {}, "codecs.sps_invalid"},
      {"a header alone", {0x42, 0x01}, "codecs.sps_truncated"},
  };
  for (const auto& c : cases) {
    const auto sps = parse_hevc_sps(c.nal);
    EXPECT_EQ(sps ? "" : sps.error().code, c.code) << c.name;
  }
}

TEST(HevcSequenceParameterSet, RefusesCodesWithoutEnd) {
  Bytes nal = {0x42, 0x01, 0x01};
  nal.resize(4096, 0x00);
  const auto sps = parse_hevc_sps(nal);
  ASSERT_FALSE(sps);
}

TEST(HevcNal, TellsRandomAccessPictures) {
  const struct {
    std::uint8_t header;
    bool irap, idr;
  } cases[] = {{0x02, false, false}, {0x20, true, false}, {0x26, true, true},   {0x28, true, true},
               {0x2A, true, false},  {0x2E, true, false}, {0x30, false, false}, {0x42, false, false}};
  for (const auto& c : cases) {
    const Bytes nal = {c.header, 0x01, 0x80};
    EXPECT_EQ(is_irap(nal), c.irap) << int{c.header};
    EXPECT_EQ(is_hevc_idr(nal), c.idr) << int{c.header};
  }
  EXPECT_FALSE(is_irap({}));
}

TEST(HevcSample, FindsTheRandomAccessPicture) {
  // A SEI, then an IDR; a delimiter, then a trailing picture; a wrong length in front of an IDR.
  EXPECT_TRUE(has_irap(from_hex("000000034e0105"
                                "000000032801af"),
                       4));
  EXPECT_FALSE(has_irap(from_hex("00000003460150"
                                 "000000030201d0"),
                        4));
  EXPECT_FALSE(has_irap(from_hex("000000ff4e0105"
                                 "000000032801af"),
                        4));
  EXPECT_TRUE(has_irap(from_hex("032801af"), 1));
  EXPECT_FALSE(has_irap({}, 4));
}

}  // namespace
}  // namespace millrace::codecs
