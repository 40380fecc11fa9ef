#include "codecs/parameter_sets.hpp"

#include <gtest/gtest.h>

#include "codecs/h265.hpp"
#include "codecs/test_support.hpp"

namespace millrace::codecs {
namespace {

// From x264: 640x360 and 320x180 baseline; another PPS.
constexpr const char* kSps360 = "6742c01ed900a02ff97011000003000100000300320f162e48";
constexpr const char* kSps180 =
    "6742c00dd90141"
    "9f9e1000000300100000030003c0f142a4e0";
constexpr const char* kPps = "68cb83cb20";
constexpr const char* kOtherPps = "68cb83cb21";
// From x265, 320x180.
constexpr const char* kVps = "40010c01ffff01600000030090000003000003003c959009";
constexpr const char* kHevcSps =
    "42010101600000030090000003000003003ca00a080c1f3e595912930bc05a020000030002000003003210";
constexpr const char* kHevcPps = "4401c073c189";

Bytes with_start_codes(std::initializer_list<const char*> units) {
  Bytes sample;
  for (const char* const unit : units) {
    const Bytes nal = from_hex(unit);
    for (const std::uint8_t byte : {0, 0, 0, 1}) sample.push_back(byte);
    sample.insert(sample.end(), nal.begin(), nal.end());
  }
  return sample;
}

TEST(ParameterSets, MakeAnAvcRecord) {
  const Bytes sample = with_start_codes({"0910", kSps360, kPps, "6588"});
  ParameterSets sets(NalCodec::kH264);
  sets.take_sample({sample, true, 4});
  const Bytes record = sets.record(4);
  EXPECT_EQ(record, from_hex(std::string("0142c01effe10019") + kSps360 + "010005" + kPps));
  EXPECT_TRUE(holds_parameter_sets(NalCodec::kH264, record, {sample, true, 4}));
}

TEST(ParameterSets, ReplaceThoseOfTheSameId) {
  const Bytes first = with_start_codes({kSps180, kPps});
  ParameterSets sets(NalCodec::kH264);
  sets.take_sample({first, true, 4});
  const Bytes record = sets.record(4);
  for (const Bytes& change :
       {with_start_codes({kSps360, kPps}), with_start_codes({kSps360}), with_start_codes({kOtherPps})}) {
    EXPECT_FALSE(holds_parameter_sets(NalCodec::kH264, record, {change, true, 4}));
    ParameterSets changed(NalCodec::kH264);
    changed.take_record(record);
    changed.take_sample({change, true, 4});
    const auto avc = parse_avc_configuration(changed.record(2));
    ASSERT_TRUE(avc);
    EXPECT_EQ(avc->nal_length_size, 2);
    EXPECT_EQ(avc->sps.size(), 1U);
    EXPECT_EQ(avc->pps.size(), 1U);
    EXPECT_TRUE(holds_parameter_sets(NalCodec::kH264, changed.record(2), {change, true, 4}));
  }
}

TEST(ParameterSets, MakeAnHevcRecordAsX265Does) {
  const Bytes sample = with_start_codes({kVps, kHevcSps, kHevcPps, "2601af15"});
  ParameterSets sets(NalCodec::kH265);
  sets.take_sample({sample, true, 4});
  const auto made = parse_hevc_configuration(sets.record(4));
  ASSERT_TRUE(made);
  EXPECT_EQ(made->width, 320U);
  EXPECT_EQ(made->height, 180U);
  EXPECT_EQ(codec_string(*made), "hvc1.1.6.L60.90");
  EXPECT_EQ(made->nal_length_size, 4);
  EXPECT_EQ(made->vps, std::vector<Bytes>{from_hex(kVps)});
  EXPECT_EQ(made->pps, std::vector<Bytes>{from_hex(kHevcPps)});
}

TEST(ParameterSets, MakeNoRecordWhenOneIsMissing) {
  for (const auto& units : {with_start_codes({kSps360}), with_start_codes({kPps}), with_start_codes({"6588"}),
                            with_start_codes({"6742", kPps}), Bytes{}}) {
    ParameterSets sets(NalCodec::kH264);
    sets.take_sample({units, true, 4});
    EXPECT_TRUE(sets.record(4).empty());
  }
  for (const auto& units : {with_start_codes({kHevcSps, kHevcPps}), with_start_codes({kVps, kHevcPps}),
                            with_start_codes({kVps, kHevcSps})}) {
    ParameterSets sets(NalCodec::kH265);
    sets.take_sample({units, true, 4});
    EXPECT_TRUE(sets.record(4).empty());
  }
}

TEST(ParameterSets, AreBounded) {
  ParameterSets sets(NalCodec::kH264);
  Bytes sample = with_start_codes({kSps360, kPps});
  for (unsigned id = 1; id < 200; ++id) {  // PPS of 300 bytes with ids of their own
    Bytes pps(300, 0x55);
    pps[0] = 0x68;
    pps[1] = 0;
    pps[2] = static_cast<std::uint8_t>(id + 1);
    for (const std::uint8_t byte : {0, 0, 0, 1}) sample.push_back(byte);
    sample.insert(sample.end(), pps.begin(), pps.end());
  }
  sets.take_sample({sample, true, 4});
  EXPECT_LE(sets.record(4).size(), ParameterSets::kMaxBytes + 2 * ParameterSets::kMaxSets + 16);
}

TEST(ParameterSets, SurviveEveryPrefix) {
  for (const NalCodec codec : {NalCodec::kH264, NalCodec::kH265}) {
    for (const Bytes& whole :
         {with_start_codes({kSps360, kPps}), with_start_codes({kVps, kHevcSps, kHevcPps})}) {
      for_each_prefix(whole, [&](const Bytes& prefix) {
        ParameterSets sets(codec);
        sets.take_sample({prefix, true, 4});
        const Bytes record = sets.record(4);
        (void)holds_parameter_sets(codec, record, {prefix, true, 4});
        for_each_prefix(record, [&](const Bytes& cut) { ParameterSets(codec).take_record(cut); });
      });
    }
  }
}

}  // namespace
}  // namespace millrace::codecs
