#include "media/track_label.hpp"

#include <gtest/gtest.h>

namespace millrace::media {
namespace {

TEST(TrackLabel, KeepsWhatPeopleRead) {
  const TrackLabel label = track_label("pt_br", "Português (narração)");
  EXPECT_EQ(language_of(label), "pt-BR");
  EXPECT_EQ(name_of(label), "Português (narração)");
}

TEST(TrackLabel, LeavesOutWhatIsNoLanguageOrNoText) {
  EXPECT_EQ(language_of(track_label("portuguese", "")), "");
  EXPECT_EQ(language_of(track_label("en\"\n", "")), "");
  EXPECT_EQ(name_of(track_label("", "\xFF\xFE")), "");
  EXPECT_EQ(name_of(track_label("",
                                "a\nb\x7F\xC2\x85"
                                "c")),
            "abc");
}

// U+FFFE and U+FFFF are no characters of XML.
TEST(TrackLabel, LeavesOutWhatXmlCannotSay) {
  EXPECT_EQ(name_of(track_label("",
                                "A\xEF\xBF\xBF\xEF\xBF\xBE"
                                "B")),
            "AB");
  EXPECT_EQ(name_of(track_label("", "A\xEF\xBF\xBD")), "A\xEF\xBF\xBD");
}

TEST(TrackLabel, CutsLongNamesBetweenCharacters) {
  std::string name;
  for (int i = 0; i < 30; ++i) name += "é";
  const std::string cut = name_of(track_label("", name));
  EXPECT_EQ(cut.size(), 38U);
  EXPECT_EQ(name.substr(0, cut.size()), cut);
}

TEST(TrackLabel, OfDamagedMemoryIsNothing) {
  TrackLabel label{};
  label.language.fill('x');
  label.name.fill(static_cast<char>(0xFF));
  EXPECT_EQ(language_of(label), "");
  EXPECT_EQ(name_of(label), "");
}

TEST(PictureColour, ComesBackAsItWas) {
  codecs::HdrMetadata hdr;
  hdr.mastering = codecs::MasteringDisplay{{1, 2, 3, 4, 5, 6, 7, 8}, 9, 10};
  hdr.light = codecs::ContentLight{11, 12};
  const PictureColour picture = picture_colour(codecs::Colour{9, 18, 9, false}, hdr);
  EXPECT_EQ(colour_of(picture), (codecs::Colour{9, 18, 9, false}));
  EXPECT_EQ(hdr_of(picture), hdr);
  EXPECT_EQ(picture_colour(std::nullopt, {}), PictureColour{});
  EXPECT_FALSE(colour_of(PictureColour{}));
  EXPECT_TRUE(hdr_of(PictureColour{}).empty());
}

}  // namespace
}  // namespace millrace::media
