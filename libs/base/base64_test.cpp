#include "base/base64.hpp"

#include <gtest/gtest.h>

namespace millrace {
namespace {

// RFC 4648 10.
TEST(Base64, ReadsTheVectorsOfItsSpecification) {
  const std::pair<const char*, const char*> cases[] = {{"", ""},
                                                       {"Zg==", "f"},
                                                       {"Zm8=", "fo"},
                                                       {"Zm9v", "foo"},
                                                       {"Zm9vYg==", "foob"},
                                                       {"Zm9vYmE=", "fooba"},
                                                       {"Zm9vYmFy", "foobar"},
                                                       {"Zg", "f"},
                                                       {"Zm8", "fo"}};
  for (const auto& [text, bytes] : cases) {
    const auto decoded = decode_base64(text);
    ASSERT_TRUE(decoded) << text;
    EXPECT_EQ(as_text(*decoded), bytes) << text;
  }
  EXPECT_EQ(decode_base64("+/+/"), (Bytes{0xFB, 0xFF, 0xBF}));
}

TEST(Base64, RefusesAnythingElse) {
  for (const char* const text :
       {"Z", "Zg=", "Z===", "====", "=", "Zg==Zg==", "Zm9v\n", " Zm9v", "Zm-_", "Zm9v="})
    EXPECT_FALSE(decode_base64(text)) << text;
}

TEST(Hex, IsReadInEitherCaseAndWrittenInCapitals) {
  EXPECT_EQ(decode_hex("fC00aB"), (Bytes{0xFC, 0x00, 0xAB}));
  EXPECT_EQ(encode_hex(Bytes{0xFC, 0x00, 0xAB}), "FC00AB");
  for (const char* const text : {"f", "0x", "fg", "-1", " 1"}) EXPECT_FALSE(decode_hex(text)) << text;
}

}  // namespace
}  // namespace millrace
