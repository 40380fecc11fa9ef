#include "dash_manifest.hpp"

#include <gtest/gtest.h>

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

std::size_t count(const std::string& text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(DashManifest, ComesWithTheThirdWholeSegment) {
  OfferingScript script;
  EXPECT_EQ(manifest(script.offering), "");
  EXPECT_EQ(manifest(script.segments(2).offering), "");
  EXPECT_NE(manifest(script.segments(1).offering), "");
  EXPECT_EQ(manifest(script.leave(0, 3).offering), "") << "nothing is listed any more";
}

TEST(DashManifest, OfWhatHasEndedComesWithTheFirstSegment) {
  OfferingScript script;
  script.segments(1).leave_off();
  script.offering.listing.ended = true;
  EXPECT_TRUE(has(manifest(script.offering), R"(mediaPresentationDuration=")"));
  script.offering.listing.long_ended = true;
  EXPECT_TRUE(has(manifest(script.offering), R"(type="static")"));
}

// The last Period stays with its last segment, however long the gap is; the window's end moves on.
TEST(DashManifest, MovesOnWhileThePublisherIsAway) {
  OfferingScript script;
  script.offering.listing.part_target_us = 342'000;
  script.segments(4).gaps(10).leave(3, 5);
  const std::string text = manifest(script.offering);
  EXPECT_EQ(count(text, "<Period "), 1U) << text;
  EXPECT_TRUE(has(text, R"(type="dynamic")")) << text;
  EXPECT_TRUE(has(text, R"(publishTime="2027-01-15T08:00:28.000Z")")) << text;
  EXPECT_TRUE(has(text, R"(timeShiftBufferDepth="PT32S")")) << "22 s, and who stands at the end: " << text;
  EXPECT_TRUE(has(text, R"(startNumber="44")")) << text;
}

// Without a slate there is no other MPD until the end is known.
TEST(DashManifest, KeepsThoseWhoWaitAtTheEndWithinItsDepth) {
  OfferingScript script;
  script.offering.listing.grace_us = 60'000'000;
  script.segments(4);
  EXPECT_TRUE(has(manifest(script.offering), R"(timeShiftBufferDepth="PT8.08S")"));
  EXPECT_TRUE(has(manifest(script.leave_off().offering), R"(timeShiftBufferDepth="PT78.08S")"));
}

TEST(DashManifest, NamesTheSegmentsOfThePlaylists) {
  OfferingScript script;
  const std::string text = manifest(script.segments(5).leave(0, 2).offering);
  for (
      const char* const part :
      {R"(type="dynamic" availabilityStartTime="1970-01-01T00:00:00.000Z" publishTime="2027-01-15T08:00:10.000Z")",
       R"(minimumUpdatePeriod="PT1S" timeShiftBufferDepth="PT6.08S" suggestedPresentationDelay="PT6S")",
       R"(<Period id="7" start="PT1800000000S">)",
       R"(<AdaptationSet id="1" contentType="video" mimeType="video/mp4" startWithSAP="1">)",
       R"(<Representation id="v0" bandwidth="410000" codecs="avc1.64001f" width="640" height="360" frameRate="25">)",
       R"(timescale="90000" presentationTimeOffset="90000" startNumber="43")",
       R"(initialization="v0/init-00000000000000a1-0-0.mp4" media="v0/$Number$-00000000000000a1-0.m4s")",
       R"(<S t="457200" d="180000" r="2"/>)",
       R"(<AdaptationSet id="2" contentType="audio" mimeType="audio/mp4" startWithSAP="1">)",
       "<Label>Audio 1</Label>", R"(codecs="mp4a.40.2" audioSamplingRate="48000")",
       R"(<S t="240000" d="96000" r="2"/>)",
       R"(<UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014" value="/time"/>)"})
    EXPECT_TRUE(has(text, part)) << part << "\n" << text;
}

// ffmpeg 5 writes a number as a signed one of 32 bits.
TEST(DashManifest, KeepsNumbersSmall) {
  OfferingScript script;
  script.media_sequence = 3'592'038'099;
  const std::string text = manifest(script.segments(3).offering);
  EXPECT_TRUE(has(text, R"(startNumber="592038099" initialization="v0/init-00000000000000a1-0-0.mp4")"
                        R"( media="v0/3$Number%09d$-00000000000000a1-0.m4s")"))
      << text;
}

TEST(DashManifest, HasAPeriodForEachEncodersVisit) {
  OfferingScript script;
  const std::string text = manifest(script.segments(3).reconnect().segments(2).offering);
  EXPECT_TRUE(has(text, R"(<Period id="7" start="PT1800000000S">)")) << text;
  EXPECT_TRUE(has(text, R"(<Period id="8" start="PT1800000011S">)")) << text;
  EXPECT_TRUE(has(text, R"(startNumber="44")")) << text;
  EXPECT_FALSE(has(text, "period-continuity")) << text;
}

TEST(DashManifest, LeavesASilentTrackOutAndSaysThatTheOthersGoOn) {
  OfferingScript script;
  script.segments(3);
  script.audio = false;
  const std::string text = manifest(script.segments(1).offering);
  const std::string second = text.substr(text.find("<Period id=\"7.44\""));
  EXPECT_EQ(count(second, "<AdaptationSet"), 1U) << text;
  EXPECT_TRUE(
      has(second, R"(<SupplementalProperty schemeIdUri="urn:mpeg:dash:period-continuity:2015" value="7"/>)"))
      << text;
}

TEST(DashManifest, EndsWithAStaticPresentationThatIsAsLongAsItsEnd) {
  OfferingScript script;
  script.offering.listing.ended = script.offering.listing.long_ended = true;
  const std::string text = manifest(script.segments(3).leave_off().offering);
  EXPECT_TRUE(has(text, R"(type="static" mediaPresentationDuration="PT1800000006.08S")")) << text;
  EXPECT_FALSE(has(text, "minimumUpdatePeriod")) << text;
}

TEST(DashManifest, PutsPicturesThatSwitchIntoOneSetAndOthersBeside) {
  for (const std::int64_t late_us : {0, 400'000}) {
    OfferingScript script;
    script.segments(3);
    Rendition further = script.offering.renditions[0];
    further.name.number = 1;
    for (auto& segment : further.segments) {
      segment->span.first_dts += late_us * 9 / 100;
      segment->span.last_dts += late_us * 9 / 100;
      segment->span.shown_from += late_us * 9 / 100;
    }
    script.offering.renditions.insert(script.offering.renditions.begin() + 1, further);
    const std::string text = manifest(script.offering);
    EXPECT_EQ(count(text, "<AdaptationSet"), late_us == 0 ? 2U : 3U) << text;
    EXPECT_EQ(count(text, "segmentAlignment=\"true\""), late_us == 0 ? 1U : 0U) << text;
    EXPECT_EQ(count(text, R"(role:2011" value="alternate")"), late_us == 0 ? 0U : 1U) << text;
    EXPECT_EQ(count(text, "<Representation"), 3U) << text;
  }
}

TEST(DashManifest, PromisesNoKeyFramesOnceASegmentHadNone) {
  OfferingScript script;
  script.offering.listing.independent = false;
  EXPECT_EQ(count(manifest(script.segments(3).offering), "startWithSAP"), 1U) << "sound alone";
}

// A picture that is shown earlier than its place in the order of decoding said: the one before ends with it.
TEST(DashManifest, LeavesNoSegmentOverlappingTheNext) {
  OfferingScript script;
  script.segments(2);
  script.offset_us = 40'000;
  const std::string text = manifest(script.segments(1).offering);
  EXPECT_TRUE(has(text, R"(<S t="97200" d="180000"/>)")) << text;
  EXPECT_TRUE(has(text, R"(<S d="176400"/>)")) << text;
}

TEST(DashManifest, LetsPlayersAskForGrowingSegmentsByTheClock) {
  OfferingScript script;
  script.offering.listing.part_target_us = 400'000;
  script.segments(5).leave(0, 2);
  DashPeriods periods;
  periods.update(script.offering);
  const std::string text = dash_manifest(script.offering, periods);
  for (
      const char* const part :
      {R"(suggestedPresentationDelay="PT1.7S" minBufferTime="PT0.4S")",
       R"(<Latency referenceId="0" target="1700" max="6000" min="850"/>)",
       R"(<PlaybackRate max="1.04" min="0.96"/>)",
       R"(<ProducerReferenceTime id="0" inband="true" type="encoder" wallClockTime="2027-01-15T08:00:00.000Z")"
       R"( presentationTime="90000">)",
       R"(<Resync type="0" dT="36000"/>)",
       R"(presentationTimeOffset="90000" duration="180000" startNumber="41" availabilityTimeOffset="1.6")"
       R"( availabilityTimeComplete="false")",
       R"(presentationTimeOffset="48000" duration="96000" startNumber="41")"})
    EXPECT_TRUE(has(text, part)) << part << "\n" << text;
  EXPECT_FALSE(has(text, "SegmentTimeline"));
  EXPECT_FALSE(has(text, "endNumber"));
  const std::string plain = dash_manifest(script.offering, periods, ManifestForm::kPlain);
  EXPECT_EQ(count(plain, "SegmentTimeline>"), 4U) << plain;
  EXPECT_FALSE(has(plain, "availabilityTime")) << plain;
}

// dash.js stops for good at the end of a Period that is the last one.
TEST(DashManifest, SaysThatAPeriodEndsOnceAnotherOneFollows) {
  OfferingScript script;
  script.offering.listing.part_target_us = 400'000;
  script.segments(5).leave_off();
  DashPeriods periods;
  periods.update(script.offering);
  EXPECT_FALSE(has(dash_manifest(script.offering, periods), "endNumber")) << "the publisher is away";
  periods.update(script.reconnect().segments(1).offering);
  EXPECT_TRUE(has(dash_manifest(script.offering, periods), R"(startNumber="41" endNumber="45")"));
}

// dash.js moves to 1.7 s behind now as soon as it knows of it, and would stand still in the gap for good.
TEST(DashManifest, ListsWhatFollowsAGapOnceItIsLongEnough) {
  OfferingScript script;
  script.offering.listing.part_target_us = 400'000;
  script.length_us = 1'000'000;
  script.segments(5).reconnect().segments(1);
  DashPeriods periods;
  periods.update(script.offering);
  const std::string before = dash_manifest(script.offering, periods);
  EXPECT_FALSE(has(before, R"(<Period id="8")")) << before;
  EXPECT_FALSE(has(before, "endNumber")) << before;
  periods.update(script.segments(1).offering);
  const std::string after = dash_manifest(script.offering, periods);
  EXPECT_TRUE(has(after, R"(<Period id="8" start="PT1800000010S">)")) << after;
  EXPECT_TRUE(has(after, R"(<Period id="7" start="PT1800000000S" duration="PT5.08S">)"))
      << "nothing is to be expected of the gap\n"
      << after;
  EXPECT_TRUE(has(dash_manifest(script.offering, periods, ManifestForm::kPlain),
                  R"(<Period id="7" start="PT1800000000S">)"));
}

TEST(DashManifest, StepsNotBackWhenThePublisherReturns) {
  OfferingScript script;
  script.offering.listing.part_target_us = 400'000;
  script.length_us = 1'000'000;
  script.segments(5).gaps(10);
  DashPeriods periods;
  periods.update(script.offering);
  const std::string away = dash_manifest(script.offering, periods);
  EXPECT_TRUE(has(away, R"(publishTime="2027-01-15T08:00:15.000Z")")) << away;
  EXPECT_TRUE(has(away, R"(timeShiftBufferDepth="PT25S")")) << "with who stands at the end: " << away;
  periods.update(script.reconnect(0).segments(1).offering);
  const std::string back = dash_manifest(script.offering, periods);
  EXPECT_FALSE(has(back, R"(<Period id="8")")) << "not listed yet";
  EXPECT_TRUE(has(back, R"(publishTime="2027-01-15T08:00:16.000Z")")) << back;
  EXPECT_TRUE(has(back, R"(timeShiftBufferDepth="PT26S")")) << back;
}

// Players that are there would give up.
TEST(DashManifest, StaysWhenTheClockHasSteppedBack) {
  OfferingScript script;
  script.offering.listing.part_target_us = 400'000;
  DashPeriods periods;
  periods.update(script.segments(4).offering);
  periods.update(script.reconnect(-60'000'000).segments(1).offering);
  const std::string text = dash_manifest(script.offering, periods);
  EXPECT_TRUE(has(text, R"(<Period id="8" start="PT1799999948S">)")) << text;
  EXPECT_FALSE(has(text, R"(<Period id="7")")) << text;
}

// A picture that was to be shown after others which never came lasts beyond the end by decode times.
TEST(DashManifest, EndsWithWhatIsPresentedLast) {
  OfferingScript script;
  script.offering.listing.ended = script.offering.listing.long_ended = true;
  script.segments(3).leave_off();
  script.offering.renditions[0].segments.back()->span.shown_until = 7 * 90'000 + 14'401;
  const std::string text = manifest(script.offering);
  EXPECT_TRUE(has(text, R"(mediaPresentationDuration="PT1800000006.161S")"))
      << "up to a millisecond: " << text;
  EXPECT_TRUE(has(text, R"(d="180000" r="1"/>)")) << text;
  EXPECT_TRUE(has(text, R"(<S d="187201"/>)")) << text;
}

// It takes nothing but the type from a static MPD: it has to know the end before.
TEST(DashManifest, SaysWhereAnEndedStreamEndsBeforeItIsStatic) {
  OfferingScript script;
  script.offering.listing.part_target_us = 400'000;
  script.segments(5).leave_off();
  DashPeriods periods;
  periods.update(script.offering);
  script.offering.listing.ended = true;
  const std::string ending = dash_manifest(script.offering, periods);
  for (const char* const part :
       {R"(type="dynamic")", R"(minimumUpdatePeriod="PT1S")",
        R"(mediaPresentationDuration="PT1800000010.08S")", R"(startNumber="41" endNumber="45")"})
    EXPECT_TRUE(has(ending, part)) << part << "\n" << ending;
  script.offering.listing.long_ended = true;
  const std::string ended = dash_manifest(script.offering, periods);
  EXPECT_TRUE(has(ended, R"(type="static" mediaPresentationDuration="PT1800000010.08S")")) << ended;
  EXPECT_EQ(count(ended, "SegmentTimeline>"), 4U) << ended;
}

}  // namespace
}  // namespace millrace::packaging
