#include "track_labels.hpp"

#include <gtest/gtest.h>

#include "codecs/captions.hpp"
#include "dash_manifest.hpp"
#include "hls_playlists.hpp"
#include "offering_script.hpp"

namespace millrace::packaging {
namespace {

std::string manifest(const Offering& offering) {
  DashPeriods periods;
  periods.update(offering);
  return dash_manifest(offering, periods);
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

template <class Change>
std::shared_ptr<const TrackDescription> changed(const std::shared_ptr<const TrackDescription>& description,
                                                Change change) {
  TrackDescription made = *description;
  change(made);
  return std::make_shared<const TrackDescription>(std::move(made));
}

void set_captions(OfferingScript& script, std::size_t segment, std::uint8_t captions) {
  script.offering.renditions[0].segments[segment]->span.captions = captions;
}

TEST(Captions, AreAnnouncedInAllVariantsOrNone) {
  OfferingScript script;
  script.segments(3);
  EXPECT_TRUE(has(multivariant_playlist(script.offering), ",CLOSED-CAPTIONS=NONE\nv0/index.m3u8\n"));
  EXPECT_FALSE(has(manifest(script.offering), "Accessibility"));
  set_captions(script, 2, codecs::kCaptionsCc1 | codecs::kCaptionsCc3 | codecs::kCaptionsService1);
  const std::string list = multivariant_playlist(script.offering);
  EXPECT_TRUE(has(list,
                  "#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID=\"captions\",NAME=\"CC1\",DEFAULT=NO,"
                  "AUTOSELECT=YES,INSTREAM-ID=\"CC1\"\n"))
      << list;
  EXPECT_TRUE(has(list, "INSTREAM-ID=\"CC3\"")) << list;
  EXPECT_FALSE(has(list, "SERVICE1")) << "it says the same as the channels";
  EXPECT_TRUE(has(list, ",CLOSED-CAPTIONS=\"captions\"\nv0/index.m3u8\n")) << list;
  EXPECT_TRUE(has(manifest(script.offering),
                  R"(<Accessibility schemeIdUri="urn:scte:dash:cc:cea-608:2015" value="CC1=und;CC3=und"/>)"));
}

TEST(Captions, OfServicesAloneAreAnnounced) {
  OfferingScript script;
  script.segments(3);
  set_captions(script, 0, codecs::kCaptionsService1);
  EXPECT_TRUE(has(multivariant_playlist(script.offering), "INSTREAM-ID=\"SERVICE1\""));
  EXPECT_TRUE(has(manifest(script.offering),
                  R"(<Accessibility schemeIdUri="urn:scte:dash:cc:cea-708:2015" value="1=lang:und"/>)"));
}

TEST(Captions, AreNotOfSoundAlone) {
  OfferingScript script;
  script.video = false;
  script.offering.renditions[0].current = false;
  EXPECT_FALSE(has(multivariant_playlist(script.segments(3).offering), "CLOSED-CAPTIONS"));
}

TEST(Captions, GoWithTheSegmentsThatAreListed) {
  OfferingScript script;
  script.segments(3);
  set_captions(script, 0, codecs::kCaptionsCc1);
  script.offering.listing.first_listed = 1;
  EXPECT_TRUE(captions(script.offering).empty());
}

TEST(VideoRange, IsToldWhereTheTransferIs) {
  const struct {
    std::uint8_t transfer;
    const char* range;
    const char* property;
  } cases[] = {{1, ",VIDEO-RANGE=SDR", "SupplementalProperty"},
               {16, ",VIDEO-RANGE=PQ", "EssentialProperty"},
               {18, ",VIDEO-RANGE=HLG", "SupplementalProperty"}};
  for (const auto& c : cases) {
    OfferingScript script;
    script.picture = changed(script.picture, [&](TrackDescription& picture) {
      picture.track.colour = codecs::Colour{9, c.transfer, 9, false};
    });
    script.segments(3);
    EXPECT_TRUE(has(multivariant_playlist(script.offering), c.range)) << c.range;
    const std::string text = manifest(script.offering);
    const std::string transfer = std::string("<") + c.property +
                                 R"( schemeIdUri="urn:mpeg:mpegB:cicp:TransferCharacteristics" value=")" +
                                 std::to_string(c.transfer) + "\"/>";
    EXPECT_TRUE(has(text, transfer)) << text;
    EXPECT_TRUE(has(text, "cicp:ColourPrimaries\" value=\"9\"") && has(text, "cicp:MatrixCoefficients"))
        << text;
  }
  OfferingScript script;
  EXPECT_FALSE(has(multivariant_playlist(script.segments(3).offering), "VIDEO-RANGE"));
  EXPECT_EQ(video_range(codecs::Colour{}), "");
}

TEST(Labels, AreTheEncodersAndEscaped) {
  OfferingScript script;
  script.sound = changed(script.sound, [](TrackDescription& sound) {
    sound.language = "de-AT";
    sound.name = "<\"Kommentar\" & Musik>";
  });
  script.segments(3);
  const std::string list = multivariant_playlist(script.offering);
  EXPECT_TRUE(has(list, ",LANGUAGE=\"de-AT\",NAME=\"<Kommentar & Musik>\",")) << list;
  const std::string text = manifest(script.offering);
  EXPECT_TRUE(has(text, R"(mimeType="audio/mp4" lang="de-AT")")) << text;
  EXPECT_TRUE(has(text, "<Label>&lt;&quot;Kommentar&quot; &amp; Musik&gt;</Label>")) << text;
}

TEST(Labels, AreNeverTheSame) {
  OfferingScript script;
  script.segments(1);
  Rendition rendition = script.offering.renditions[1];
  std::vector<std::string> taken;
  EXPECT_EQ(rendition_label(rendition, taken), "Audio 1");
  EXPECT_EQ(rendition_label(rendition, taken), "Audio 1 (a0)");
  EXPECT_EQ(rendition_label(rendition, taken), "Audio 1 (a0) (a0)");
}

// A quoted string of HLS has no quotation marks.
TEST(Labels, DifferByMoreThanQuotationMarks) {
  OfferingScript script;
  script.segments(1);
  Rendition rendition = script.offering.renditions[1];
  auto description = std::make_shared<TrackDescription>(*newest_segment(rendition).description);
  for (auto& segment : rendition.segments)
    if (segment) segment->description = description;
  std::vector<std::string> taken;
  description->name = "A";
  EXPECT_EQ(rendition_label(rendition, taken), "A");
  description->name = "\"A\"";
  EXPECT_EQ(rendition_label(rendition, taken), "\"A\" (a0)");
  description->name = "\"";
  EXPECT_EQ(rendition_label(rendition, taken), "Audio 1");
}

}  // namespace
}  // namespace millrace::packaging
