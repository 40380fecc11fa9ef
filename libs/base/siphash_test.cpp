#include "base/siphash.hpp"

#include <gtest/gtest.h>

namespace millrace {
namespace {

// The reference implementation's vectors: key 00 01 … 0f, input 00 01 … of each length.
TEST(SipHash, GivesTheReferenceVectors) {
  constexpr HashKey kKey{0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};
  struct Case {
    std::size_t length;
    std::uint64_t hash;
  };
  Bytes input;
  for (std::uint8_t i = 0; i < 16; ++i) input.push_back(i);
  for (const Case& c :
       {Case{0, 0x726fdb47dd0e0e31ULL}, Case{1, 0x74f839c593dc67fdULL}, Case{7, 0xab0200f58b01d137ULL},
        Case{8, 0x93f5f5799a932462ULL}, Case{15, 0xa129ca6149be45e5ULL}})
    EXPECT_EQ(siphash(kKey, ByteView(input).first(c.length)), c.hash) << c.length;
  EXPECT_NE(random_hash_key(), random_hash_key());
}

}  // namespace
}  // namespace millrace
