#include "media/timed_event.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "rtmp/amf0.hpp"

namespace millrace::media {
namespace {

namespace amf0 = rtmp::amf0;

// ANSI/SCTE 35 14.2: splice_insert of event 0x4800008F, 60.3 s.
constexpr const char* kBase64 = "/DAvAAAAAAAA///wFAVIAACPf+/+c2nALv4AUsz1AAAAAAAKAAhDVUVJAAABNWLbowo=";
constexpr const char* kHex =
    "0xFC302F000000000000FFFFF014054800008F7FEFFE7369C02EFE0052CCF500000000000A0008435545490000013562DBA30A";

amf0::Object object(std::vector<amf0::Property> properties) {
  return {amf0::Object::Kind::kAnonymous, {}, std::move(properties)};
}

Bytes message(std::string_view name, const amf0::Value& value) {
  ByteWriter writer;
  amf0::serialize(name, writer);
  amf0::serialize(value, writer);
  return writer.take();
}

EventReading read(std::string_view name, const amf0::Value& value, std::uint32_t timestamp_ms = 0) {
  return read_timed_event(message(name, value), timestamp_ms);
}

TEST(TimedEvent, FindsASpliceWhereverAnEncoderPutsIt) {
  const amf0::Value values[] = {
      kBase64,
      kHex,
      object({{"cue", kBase64}, {"type", "scte35"}, {"id", "7"}}),
      object({{"name", "scte35"},
              {"type", "event"},
              {"parameters", object({{"id", "1"}, {"base64", kBase64}})}}),
  };
  for (const char* const name : {"onSCTE35", "onCuePoint", "onAdCue"}) {
    for (const amf0::Value& value : values) {
      const EventReading found = read(name, value);
      ASSERT_TRUE(found.event && !found.refused) << name;
      EXPECT_EQ(found.event->kind, TimedEvent::Kind::kSplice);
      EXPECT_EQ(found.event->message.size(), 50U);
      EXPECT_EQ(found.event->splice.kind, codecs::SpliceInfo::Kind::kOut);
      EXPECT_EQ(found.event->splice.event_id, 0x4800008FU);
    }
  }
}

TEST(TimedEvent, RefusesASpliceThatIsNone) {
  std::string damaged = kBase64;
  damaged[20] = 'B';
  for (const amf0::Value& value :
       {amf0::Value(damaged), amf0::Value("/DAvAAAAAAA"), amf0::Value(std::string(60'000, 'A')),
        amf0::Value(std::string("0x")), amf0::Value(1.0), amf0::Value(object({}))}) {
    const EventReading found = read("onSCTE35", value);
    EXPECT_TRUE(found.refused && !found.event);
  }
  EXPECT_TRUE(read_timed_event(Bytes{2, 0, 8, 'o', 'n', 'S', 'C', 'T', 'E', '3', '5', 0xFF}, 0).refused);
  amf0::Value deep = kBase64;
  for (int i = 0; i < 8; ++i) deep = object({{"o", deep}});
  EXPECT_TRUE(read("onSCTE35", deep).refused) << "it is not looked for at any depth";
  amf0::Object wide;
  for (int i = 0; i < 1000; ++i) wide.properties.push_back({"p" + std::to_string(i), "x"});
  wide.properties.push_back({"cue", kBase64});
  EXPECT_TRUE(read("onSCTE35", wide).refused);
}

TEST(TimedEvent, MakesAnId3TagOfText) {
  const EventReading found = read("onTextData", object({{"text", "hi"}}));
  ASSERT_TRUE(found.event);
  EXPECT_EQ(found.event->kind, TimedEvent::Kind::kText);
  const std::string_view expected(
      "ID3\x04\x00\x00\x00\x00\x00\x23TXXX\x00\x00\x00\x19\x00\x00\x03"
      "onTextData\x00{\"text\":\"hi\"}",
      45);
  EXPECT_EQ(as_text(found.event->message), expected);
}

TEST(TimedEvent, TakesOtherCuePointsForText) {
  for (const char* const name : {"onCuePoint", "onAdCue", "onUserDataEvent", "onCaption"}) {
    const EventReading found = read(name, object({{"name", "goal"}}));
    ASSERT_TRUE(found.event) << name;
    EXPECT_EQ(found.event->kind, TimedEvent::Kind::kText);
    EXPECT_NE(as_text(found.event->message).find(R"({"name":"goal"})"), std::string_view::npos);
  }
}

TEST(TimedEvent, RefusesTextThatIsTooLargeOrNone) {
  EXPECT_TRUE(read("onTextData", std::string(kMaxEventText, 'x')).refused);
  EXPECT_TRUE(read("onTextData", "\xFF\xFE").refused);
}

TEST(TimedEvent, PassesOverWhatIsForRtmpPlayersAlone) {
  for (const char* const name : {"onStatus", "|RtmpSampleAccess", "onFI", "onXMPData", ""}) {
    const EventReading found = read(name, object({{"cue", kBase64}}));
    EXPECT_FALSE(found.event || found.refused) << name;
  }
  EXPECT_FALSE(read_timed_event({}, 0).refused);
}

TEST(TimedEvent, MayBeToldBeforehand) {
  const auto delay = [](const amf0::Value& value, std::uint32_t timestamp_ms) {
    return read("onAdCue", value, timestamp_ms).event->delay_us;
  };
  EXPECT_EQ(delay(object({{"time", 12.5}}), 10'000), 2'500'000);
  EXPECT_EQ(delay(object({{"pre_roll_time_sec", 2.56}}), 10'000), 2'560'000);
  for (const double time : {9.0, 10.0, 71.0, 1e300, -1e300, std::numeric_limits<double>::quiet_NaN()})
    EXPECT_EQ(delay(object({{"time", time}}), 10'000), 0) << time;
}

TEST(TimedEvent, SurvivesEveryTruncation) {
  const Bytes whole = message("onCuePoint", object({{"parameters", object({{"base64", kBase64}})}}));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Bytes prefix(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    const EventReading found = read_timed_event(prefix, 0);
    EXPECT_TRUE(!found.event || found.event->kind == TimedEvent::Kind::kText) << size;
  }
}

TEST(EventLimits, AreOfASegmentAndAKind) {
  EventLimits limits;
  for (const std::uint64_t segment : {7U, 8U}) {
    for (std::size_t i = 0; i < EventLimits::kMaxTexts; ++i)
      EXPECT_TRUE(limits.take(segment, TimedEvent::Kind::kText));
    EXPECT_FALSE(limits.take(segment, TimedEvent::Kind::kText));
    for (std::size_t i = 0; i < EventLimits::kMaxSplices; ++i)
      EXPECT_TRUE(limits.take(segment, TimedEvent::Kind::kSplice));
    EXPECT_FALSE(limits.take(segment, TimedEvent::Kind::kSplice));
  }
}

}  // namespace
}  // namespace millrace::media
