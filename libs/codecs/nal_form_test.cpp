#include "codecs/nal_form.hpp"

#include <gtest/gtest.h>

#include "codecs/test_support.hpp"

namespace millrace::codecs {
namespace {

Bytes with_lengths(const NalSample& sample, unsigned length_size = 4) {
  Bytes out(size_with_lengths(sample, length_size));
  if (!out.empty()) write_with_lengths(sample, length_size, out.data());
  return out;
}

TEST(NalForm, TurnsStartCodesIntoLengths) {
  const struct {
    const char* name;
    const char* sample;
    const char* written;
  } cases[] = {
      {"one unit", "00000001650102", "00000003650102"},
      {"start codes of three bytes", "000001650102000001410a", "0000000365010200000002410a"},
      {"both", "000000010910000001650102", "00000002091000000003650102"},
      {"zeros in front", "000000000001650102", "00000003650102"},
      {"zeros behind", "000000016501020000", "00000003650102"},
      {"zeros between", "00000001650102000000000000000141", "000000036501020000000141"},
      {"empty units", "000000010000000100000165000001", "0000000165"},
      {"emulation prevention stays", "0000000165000003010203", "0000000765000003010203"},
      {"no start code", "650102", ""},
      {"a start code alone", "00000001", ""},
      {"nothing", "", ""},
  };
  for (const auto& c : cases) {
    const Bytes sample = from_hex(c.sample);
    EXPECT_EQ(with_lengths({sample, true, 4}), from_hex(c.written)) << c.name;
    for_each_prefix(sample, [](const Bytes& prefix) { (void)with_lengths({prefix, true, 4}); });
  }
}

TEST(NalForm, LeavesEmptyUnitsOut) {
  const struct {
    const char* name;
    const char* sample;
    unsigned length_size;
    const char* written;
  } cases[] = {
      {"none", "0000000165", 4, "0000000165"},
      {"between", "0000000165000000000000000141", 4, "00000001650000000141"},
      {"at both ends", "00000000000000016500000000", 4, "0000000165"},
      {"lengths of two bytes", "0001650000000141", 2, "00000001650000000141"},
      {"lengths of one byte", "0165000141", 1, "00000001650000000141"},
      {"nothing else", "0000000000000000", 4, ""},
      {"up to a wrong length", "000000016500000009", 4, "0000000165"},
  };
  for (const auto& c : cases) {
    const Bytes sample = from_hex(c.sample);
    EXPECT_EQ(with_lengths({sample, false, c.length_size}), from_hex(c.written)) << c.name;
    for_each_prefix(sample, [&](const Bytes& prefix) { (void)with_lengths({prefix, false, c.length_size}); });
  }
}

TEST(NalForm, WritesShorterLengthsWhereTheUnitsFit) {
  const Bytes sample = from_hex("000000016501020000000141");
  EXPECT_EQ(with_lengths({sample, true, 4}, 2), from_hex("0003650102000141"));
  EXPECT_EQ(with_lengths({sample, true, 4}, 1), from_hex("036501020141"));
  Bytes large = sample;
  large.insert(large.end(), 255, 0x42);
  EXPECT_TRUE(with_lengths({large, true, 4}, 1).empty());
  EXPECT_FALSE(with_lengths({large, true, 4}, 2).empty());
}

TEST(NalForm, PutsLengthsWhereStartCodesStand) {
  const struct {
    const char* sample;
    const char* in_place;  // empty: it can't be
  } cases[] = {
      {"00000001650102", "00000003650102"},
      {"0000000109100000000165010200000001410a", "0000000209100000000365010200000002410a"},
      {"000001650102", ""},
      {"00000001650102000001410a", ""},
      {"0000000165010200", ""},
      {"000000000165", ""},
      {"00000001", ""},
      {"650102", ""},
      {"", ""},
  };
  for (const auto& c : cases) {
    Bytes sample = from_hex(c.sample);
    const bool can = *c.in_place != '\0';
    EXPECT_EQ(put_lengths_in_place(sample), can) << c.sample;
    EXPECT_EQ(sample, from_hex(can ? c.in_place : c.sample)) << c.sample;
    for_each_prefix(from_hex(c.sample), [](const Bytes& prefix) {
      Bytes copy = prefix;
      (void)put_lengths_in_place(copy);
    });
  }
}

TEST(NalForm, KnowsStartCodes) {
  for (const char* text : {"000001", "00000001", "00000165", "0000000165"})
    EXPECT_TRUE(begins_with_start_code(from_hex(text))) << text;
  for (const char* text :
       {"", "00", "0000", "000000", "00000000", "0000000001", "000002", "00000002", "0100"})
    EXPECT_FALSE(begins_with_start_code(from_hex(text))) << text;
}

}  // namespace
}  // namespace millrace::codecs
