#include "manifest/dash/template_query.hpp"

#include <gtest/gtest.h>

#include "manifest/dash/mpd.hpp"

namespace millrace::dash {
namespace {

TEST(TemplateQuery, StandsBehindEveryAddressOfASegmentAndNothingElse) {
  const std::string mpd =
      "<Representation mimeType=\"video/mp4\">\n"
      "<SegmentTemplate startNumber=\"1\" initialization=\"v0/i.mp4\" media=\"v0/$Number$.m4s\"/>\n"
      "<SegmentTemplate initialization=\"a0/i.mp4\" media=\"a0/$Number$.m4s\">\n"
      "<UTCTiming value=\"/time\"/>\n";
  EXPECT_EQ(with_template_query(mpd, "token=a.b"),
            "<Representation mimeType=\"video/mp4\">\n"
            "<SegmentTemplate startNumber=\"1\" initialization=\"v0/i.mp4?token=a.b\""
            " media=\"v0/$Number$.m4s?token=a.b\"/>\n"
            "<SegmentTemplate initialization=\"a0/i.mp4?token=a.b\" media=\"a0/$Number$.m4s?token=a.b\">\n"
            "<UTCTiming value=\"/time\"/>\n");
}

TEST(TemplateQuery, TakesNoAddressOutOfAText) {
  Mpd mpd;
  AdaptationSet set;
  set.label = " media=\"x\"";
  mpd.periods = {{"1", 0, {set}}};
  const std::string text = serialize(mpd);
  EXPECT_EQ(with_template_query(text, "token=a"), text);
  EXPECT_EQ(with_template_query("", "token=a"), "");
  EXPECT_EQ(with_template_query(" media=\"cut", "token=a"), " media=\"cut");
}

}  // namespace
}  // namespace millrace::dash
