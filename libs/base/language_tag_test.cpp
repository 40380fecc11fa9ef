#include "base/language_tag.hpp"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(LanguageTag, IsWrittenAsRecommended) {
  const std::pair<const char*, const char*> cases[] = {{"en", "en"},
                                                       {"EN", "en"},
                                                       {"en-us", "en-US"},
                                                       {"en_US", "en-US"},
                                                       {"zh-hant-tw", "zh-Hant-TW"},
                                                       {"es-419", "es-419"},
                                                       {"deu", "deu"},
                                                       {"sl-rozaj", "sl-rozaj"},
                                                       {"de-1996", "de-1996"}};
  for (const auto& [text, tag] : cases) EXPECT_EQ(language_tag(text), tag) << text;
}

TEST(LanguageTag, OfAnotherShapeIsNone) {
  for (const char* const text :
       {"", "e", "english", "en-", "-en", "en--US", "e1", "en US", "en\"", "en\n", "x-klingon",
        "en-abcdefghi", "en-US-x-12345678", "\xC3\xA9n", "und", "zxx", "en\xC3\xA9"})
    EXPECT_FALSE(language_tag(text)) << text;
}

TEST(LanguageTag, HasThreeLettersInMp4) {
  EXPECT_EQ(iso639_2("en-US"), "eng");
  EXPECT_EQ(iso639_2("de"), "deu");
  EXPECT_EQ(iso639_2("aa"), "aar");
  EXPECT_EQ(iso639_2("zu"), "zul");
  EXPECT_EQ(iso639_2("gsw"), "gsw");
  EXPECT_EQ(iso639_2("qq"), "");
  EXPECT_EQ(iso639_2(""), "");
  EXPECT_EQ(shortest_language("eng"), "en");
  EXPECT_EQ(shortest_language("gsw"), "gsw");
}

}  // namespace
}  // namespace millrace
