#include "manifest/dash/mpd.hpp"

#include <gtest/gtest.h>

namespace millrace::dash {
namespace {

constexpr WallTime kMidnight = WallTime::from_seconds(1'795'219'200);  // 2026-11-21T00:00:00Z

SegmentTemplate numbered(std::vector<TimelineSegment> timeline) {
  SegmentTemplate segments;
  segments.media = "v0/$Number$-a.m4s";
  segments.initialization = "v0/init-a.mp4";
  segments.timescale = 90'000;
  segments.start_number = 41;
  segments.timeline = std::move(timeline);
  return segments;
}

Mpd live() {
  Representation picture;
  picture.id = "v0";
  picture.bandwidth = 300'000;
  picture.codecs = "avc1.4d400d";
  picture.width = 320;
  picture.height = 180;
  picture.frame_rate_millihertz = 30'000;
  picture.segments = numbered({{90'000, 180'000}, {270'000, 180'000}});
  picture.segments.presentation_time_offset = 90'000;
  AdaptationSet set;
  set.id = 1;
  set.content_type = "video";
  set.mime_type = "video/mp4";
  set.starts_with_sync = true;
  set.representations = {picture};
  Mpd mpd;
  mpd.availability_start = WallTime::from_seconds(0);
  mpd.publish_time = kMidnight + 4'000'000;
  mpd.update_period_us = 1'000'000;
  mpd.buffer_us = 2'000'000;
  mpd.time_shift_us = 4'000'000;
  mpd.presentation_delay_us = 6'000'000;
  mpd.longest_segment_us = 2'500'000;
  mpd.time_url = "/time";
  mpd.periods = {{"7", kMidnight.us(), {set}}};
  return mpd;
}

std::string timeline_of(std::vector<TimelineSegment> timeline) {
  Mpd mpd = live();
  mpd.periods[0].sets[0].representations[0].segments = numbered(std::move(timeline));
  const std::string text = serialize(mpd);
  std::string found;
  for (std::size_t at = text.find("<S "); at != std::string::npos; at = text.find("<S ", at + 1))
    found += text.substr(at, text.find('>', at) + 1 - at);
  return found;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Mpd, WritesALivePresentation) {
  EXPECT_EQ(serialize(live()),
            R"(<?xml version="1.0" encoding="UTF-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011" type="dynamic")"
            R"( availabilityStartTime="1970-01-01T00:00:00.000Z" publishTime="2026-11-21T00:00:04.000Z")"
            R"( minimumUpdatePeriod="PT1S" timeShiftBufferDepth="PT4S" suggestedPresentationDelay="PT6S")"
            R"( minBufferTime="PT2S" maxSegmentDuration="PT2.5S">
  <Period id="7" start="PT1795219200S">
    <AdaptationSet id="1" contentType="video" mimeType="video/mp4" startWithSAP="1">
      <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>
      <Representation id="v0" bandwidth="300000" codecs="avc1.4d400d" width="320" height="180" frameRate="30">
        <SegmentTemplate timescale="90000" presentationTimeOffset="90000" startNumber="41")"
            R"( initialization="v0/init-a.mp4" media="v0/$Number$-a.m4s">
          <SegmentTimeline>
            <S t="90000" d="180000" r="1"/>
          </SegmentTimeline>
        </SegmentTemplate>
      </Representation>
    </AdaptationSet>
  </Period>
  <UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014" value="/time"/>
</MPD>
)");
}

TEST(Mpd, SaysHowLongAnEndedOneIsAndNothingOfUpdates) {
  Mpd mpd = live();
  mpd.dynamic = false;
  mpd.duration_us = kMidnight.us() + 4'000'000;
  const std::string text = serialize(mpd);
  EXPECT_TRUE(has(text, R"(type="static" mediaPresentationDuration="PT1795219204S")")) << text;
  for (const char* const part : {"publishTime", "minimumUpdatePeriod", "timeShiftBufferDepth", "UTCTiming"})
    EXPECT_FALSE(has(text, part)) << part;
}

TEST(Mpd, SaysWhereAnEndIsKnownWhileItIsStillDynamic) {
  Mpd mpd = live();
  mpd.duration_us = kMidnight.us() + 4'000'000;
  mpd.periods.front().duration_us = 3'500'000;
  const std::string text = serialize(mpd);
  EXPECT_TRUE(has(text, R"(mediaPresentationDuration="PT1795219204S")")) << text;
  EXPECT_TRUE(has(text, R"(duration="PT3.5S">)")) << text;
}

TEST(Mpd, JoinsEqualSegmentsAndWritesATimeWhereOneDoesNotFollow) {
  const struct {
    std::vector<TimelineSegment> timeline;
    const char* expected;
  } table[] = {
      {{}, ""},
      {{{0, 5}}, R"(<S t="0" d="5"/>)"},
      {{{7, 5}, {12, 5}, {17, 6}}, R"(<S t="7" d="5" r="1"/><S d="6"/>)"},
      {{{7, 5}, {13, 5}}, R"(<S t="7" d="5"/><S t="13" d="5"/>)"},
      {{{7, 5}, {12, 6}, {18, 5}, {23, 5}}, R"(<S t="7" d="5"/><S d="6"/><S d="5" r="1"/>)"},
  };
  for (const auto& row : table) EXPECT_EQ(timeline_of(row.timeline), row.expected);
}

TEST(Mpd, WritesWhatLowLatencyPlayersNeed) {
  Mpd mpd = live();
  mpd.service = ServiceDescription{1500, 750, 6000, 960, 1040, 0};
  Representation& picture = mpd.periods[0].sets[0].representations[0];
  picture.segments.duration = 180'000;
  picture.segments.availability_time_offset_us = 1'666'667;
  picture.segments.end_number = 99;
  picture.reference_time = ProducerReferenceTime{0, kMidnight, 90'000};
  picture.resync_ticks = 30'000;
  const std::string text = serialize(mpd);
  for (
      const char* const part :
      {R"(<Latency referenceId="0" target="1500" max="6000" min="750"/>)",
       R"(<PlaybackRate max="1.04" min="0.96"/>)",
       R"(<ProducerReferenceTime id="0" inband="true" type="encoder" wallClockTime="2026-11-21T00:00:00.000Z")"
       R"( presentationTime="90000">)",
       R"(<Resync type="0" dT="30000"/>)",
       R"(duration="180000" startNumber="41" endNumber="99" availabilityTimeOffset="1.666667")"
       R"( availabilityTimeComplete="false")"})
    EXPECT_TRUE(has(text, part)) << part << "\n" << text;
  EXPECT_FALSE(has(text, "SegmentTimeline"));
}

TEST(Mpd, DescribesSoundsAndWhatTheyGoOnFrom) {
  Mpd mpd = live();
  AdaptationSet& set = mpd.periods[0].sets[0];
  set.continues = "6";
  set.label = "Audio 1";
  set.role = "alternate";
  set.segments_aligned = true;
  Representation& sound = set.representations[0];
  sound.width = 0;
  sound.frame_rate_millihertz = 0;
  sound.audio_sampling_rate = 48'000;
  sound.channels = 2;
  const std::string text = serialize(mpd);
  const char* const channels =
      R"(<AudioChannelConfiguration schemeIdUri="urn:mpeg:dash:23003:3:audio_channel_configuration:2011" value="2"/>)";
  for (const char* const part :
       {channels, R"(segmentAlignment="true")",
        R"(<SupplementalProperty schemeIdUri="urn:mpeg:dash:period-continuity:2015" value="6"/>)",
        "<Label>Audio 1</Label>", R"(value="alternate")", R"(audioSamplingRate="48000")"})
    EXPECT_TRUE(has(text, part)) << part << "\n" << text;
  EXPECT_FALSE(has(text, " width="));
}

TEST(Mpd, WritesRatesAsWholeNumbersOrFractions) {
  const struct {
    std::uint32_t millihertz;
    const char* expected;
  } table[] = {{25'000, "\"25\""},         {29'970, "\"30000/1001\""}, {23'976, "\"24000/1001\""},
               {59'940, "\"60000/1001\""}, {12'500, "\"12500/1000\""}, {14'999, "\"14999/1000\""}};
  for (const auto& row : table) {
    Mpd mpd = live();
    mpd.periods[0].sets[0].representations[0].frame_rate_millihertz = row.millihertz;
    EXPECT_TRUE(has(serialize(mpd), std::string("frameRate=") + row.expected)) << row.millihertz;
  }
}

TEST(Mpd, WritesDurationsWithNoMoreDecimalsThanNeeded) {
  const struct {
    std::int64_t us;
    const char* expected;
  } table[] = {{0, "PT0S"},           {-1, "PT0S"},          {1, "PT0.000001S"},
               {2'500'000, "PT2.5S"}, {60'000'000, "PT60S"}, {1'001, "PT0.001001S"}};
  for (const auto& row : table) EXPECT_EQ(duration_text(row.us), row.expected);
}

TEST(Mpd, LetsNoTextBreakOutOfItsPlace) {
  Mpd mpd = live();
  mpd.periods[0].sets[0].label = "a<b&\"c\">\n";
  mpd.periods[0].sets[0].representations[0].codecs = "x\" onload=\"'\x01";
  const std::string text = serialize(mpd);
  EXPECT_TRUE(has(text, "<Label>a&lt;b&amp;&quot;c&quot;&gt;</Label>")) << text;
  EXPECT_TRUE(has(text, "codecs=\"x&quot; onload=&quot;'\"")) << text;
}

}  // namespace
}  // namespace millrace::dash
