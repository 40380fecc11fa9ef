// Advertisements: the tag, the document, and what neither may let through.
#include "ads.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "api_fixture.hpp"

namespace millrace::api {
namespace {

using http::testing::body_of;
using http::testing::field_of;
using http::testing::status_of;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

TEST(TagTemplate, IsAUrlWithKnownPlaceholders) {
  struct Case {
    std::string text;
    bool good;
  };
  const Case cases[] = {
      {"", true},
      {"https://ads.example/tag?s={streamId}&c={cachebuster}&i={interest}&a={age}", true},
      {"http://ads.example", true},
      {"ftp://ads.example/", false},
      {"https://", false},
      {"https:///x", false},
      {"javascript:alert(1)", false},
      {"https://{streamId}.example/", false},
      {"https://ads.example/{token}", false},
      {"https://ads.example/{streamId", false},
      {"https://ads.example/streamId}", false},
      {"https://ads.example/{{streamId}}", false},
      {"https://ads.example/a b", false},
      {"https://ads.example/\"", false},
      {"https://ads.example/\n", false},
      {"https://ads.example/" + std::string(2100, 'a'), false},
  };
  for (const Case& c : cases) EXPECT_EQ(check_tag_template(c.text).has_value(), c.good) << c.text;
}

TEST(TagTemplate, FillsInPercentEncoded) {
  const TagParameters parameters{"id", "123", "games & more", ""};
  EXPECT_EQ(fill_tag("https://a/{streamId}?c={cachebuster}&i={interest}&a={age}#x", parameters),
            "https://a/id?c=123&i=games%20%26%20more&a=#x");
  EXPECT_EQ(fill_tag("https://a/", parameters), "https://a/");
  EXPECT_EQ(fill_tag("", parameters), "");
}

TEST(VastDocument, IsEmptyWithoutAnAdvertisement) {
  EXPECT_EQ(vast_document({}, "1"),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<VAST xmlns=\"http://www.iab.com/VAST\" "
            "version=\"4.2\"/>\n");
}

TEST(VastDocument, EscapesWhatTheOperatorWrote) {
  const AdsConfig config{.tag_template = {},
                         .media_url = "https://cdn.example/ad.mp4?a=1&b='2'",
                         .media_type = "video/mp4\"><x",
                         .media_width = 1280,
                         .media_height = 720,
                         .seconds = 3725,
                         .click_url = "https://shop.example/?a=1&b=2",
                         .impression_url = {},
                         .title = "Tom & Jerry <b>]]>\x01"};
  const std::string text = vast_document(config, "abc");
  EXPECT_THAT(text, HasSubstr("<Duration>01:02:05</Duration>"));
  EXPECT_THAT(text, HasSubstr("<AdTitle>Tom &amp; Jerry &lt;b&gt;]]&gt;</AdTitle>"));
  EXPECT_THAT(text, HasSubstr("type=\"video/mp4&quot;&gt;&lt;x\" width=\"1280\" height=\"720\""));
  EXPECT_THAT(text, HasSubstr("https://cdn.example/ad.mp4?a=1&amp;b=&apos;2&apos;</MediaFile>"));
  EXPECT_THAT(text, HasSubstr("<ClickThrough>https://shop.example/?a=1&amp;b=2</ClickThrough>"));
  EXPECT_THAT(text, HasSubstr("<Impression>about:blank</Impression><AdServingId>abc</AdServingId>"));
  EXPECT_THAT(text, Not(HasSubstr("\x01")));
}

class AdsTest : public testing::ApiFixture {
 protected:
  std::string tag(const std::string& query) {
    return json::parse(body_of(ask("/ads/vast-tag" + query)))["vastTag"];
  }
};

TEST_F(AdsTest, TheTagLeadsToOurOwnDocument) {
  for (const std::string family : {"/api", ""}) {
    const json answer = json::parse(body_of(ask(family + "/ads/vast-tag?streamId=alice-id")));
    EXPECT_EQ(answer.size(), 1U);
    EXPECT_THAT(answer["vastTag"].get<std::string>(),
                MatchesRegex("http://localhost:3000/ads/vast\\?streamId=alice-id&cb=[0-9]+"));
    const std::string document =
        ask(family + "/ads/vast?streamId=%3Cx%3E", "Origin: https://site.example\r\n");
    EXPECT_EQ(status_of(document), 200);
    EXPECT_EQ(field_of(document, "Content-Type"), "application/xml; charset=utf-8");
    EXPECT_EQ(field_of(document, "Access-Control-Allow-Origin"), "https://site.example");
    EXPECT_THAT(std::string(body_of(document)), HasSubstr("<VAST"));
    EXPECT_THAT(document, Not(HasSubstr("<x>")));
  }
  EXPECT_NE(tag(""), tag("")) << "each has its own cachebuster";
}

TEST_F(AdsTest, ParametersGoIntoTheOperatorsTemplateOnly) {
  ads_.tag_template = "https://ads.example/t?s={streamId}&i={interest}&a={age}&k=v";
  EXPECT_EQ(tag("?streamId=alice-id&interest=games,%20music&age=25"),
            "https://ads.example/t?s=alice-id&i=games%2C%20music&a=25&k=v");
  EXPECT_EQ(tag("?token=x"), "https://ads.example/t?s=&i=&a=&k=v");
  const std::pair<std::string, std::string> wrong[] = {
      {"streamId=a%26b", "streamId"},
      {"interest=a%26b%3Dc", "interest"},
      {"interest=%3Cx%3E", "interest"},
      {"interest=" + std::string(65, 'a'), "interest"},
      {"age=-1", "age"},
      {"age=151", "age"},
      {"age=1e9", "age"},
      {"age=9223372036854775808", "age"},
  };
  for (const auto& [query, field] : wrong) {
    const std::string answer = ask("/ads/vast-tag?" + query);
    EXPECT_EQ(status_of(answer), 400) << query;
    EXPECT_EQ(json::parse(body_of(answer))["field"], field);
  }
}

}  // namespace
}  // namespace millrace::api
