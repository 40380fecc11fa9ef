#include "codecs/random_access.hpp"

#include <gtest/gtest.h>

#include "codecs/test_support.hpp"

namespace millrace::codecs {
namespace {

struct Case {
  const char* name;
  const char* nal;
  bool expected;
};

// From x264 with open-gop=1 and intra-refresh=1, or made by hand.
const Case kSei[] = {
    {"open GOP", "060601c480", true},
    {"intra refresh", "06060107 0480", true},
    {"buffering period and picture timing", "0600018001043480", false},
    {"behind picture timing", "06010400000a2806 01c480", true},
    {"user data with the number in it", "0605040606060680", false},
    {"user data of 255 and more bytes in front", "0605ff01", false},
    {"a size that needs two bytes", "06ff0600", false},
    {"emulation prevention in front of it", "060503000003000601c480", true},
    {"no size", "0606", false},
    {"a size of 0", "06060080", false},
    {"nothing behind the size", "060601", false},
    {"a header alone", "06", false},
    {"nothing", "", false},
};

Bytes nal_of(std::string text) {
  std::erase(text, ' ');
  return from_hex(text);
}

TEST(RecoveryPoint, IsFoundAmongOtherMessages) {
  for (const Case& c : kSei) EXPECT_EQ(has_recovery_point(nal_of(c.nal)), c.expected) << c.name;
}

TEST(RecoveryPoint, IsFoundBehindLongUserData) {
  Bytes sei = {0x06, 0x05, 0xFF, 0x10};
  sei.resize(sei.size() + 255 + 16, 0x42);
  const Bytes point = from_hex("0601c480");
  sei.insert(sei.end(), point.begin(), point.end());
  EXPECT_TRUE(has_recovery_point(sei));
}

TEST(RecoveryPoint, IsFoundInHevc) {
  EXPECT_TRUE(has_hevc_recovery_point(from_hex("4e01060180c080")));
  EXPECT_FALSE(has_hevc_recovery_point(from_hex("4e0101060680")));
  EXPECT_FALSE(has_hevc_recovery_point(from_hex("4e01")));
}

TEST(RecoveryPoint, SurvivesEveryPrefix) {
  for (const Case& c : kSei) {
    for_each_prefix(nal_of(c.nal), [](const Bytes& prefix) {
      (void)has_recovery_point(prefix);
      (void)has_hevc_recovery_point(prefix);
    });
  }
}

TEST(IntraSlice, IsToldByTheSliceType) {
  const Case cases[] = {
      {"I, all slices", "418884", true},         // 0, 7
      {"I, this slice", "41b6", true},           // 0, 2
      {"P, all slices", "419a24", false},        // 0, 5
      {"P, this slice", "41e0", false},          // 0, 0
      {"B, all slices", "019e42", false},        // 0, 6
      {"SI", "4194", true},                      // 0, 4
      {"I of macroblock 40", "41052200", true},  // 40, 7
      {"P of macroblock 40", "41052600", false},
      {"nothing behind the header", "41", false},
      {"zeros", "4100000000000000000000000000", false},
      {"nothing", "", false},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(is_intra_slice(from_hex(c.nal)), c.expected) << c.name;
    for_each_prefix(from_hex(c.nal), [](const Bytes& prefix) { (void)is_intra_slice(prefix); });
  }
}

}  // namespace
}  // namespace millrace::codecs
