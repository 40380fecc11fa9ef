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
