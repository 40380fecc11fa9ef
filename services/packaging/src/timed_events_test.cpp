// Data messages from the log into segments, parts and lists.
#include <gtest/gtest.h>

#include "containers/mp4/box_reader.hpp"
#include "containers/mp4/event_message.hpp"
#include "rtmp/amf0.hpp"
#include "stream_package.hpp"
#include "test_publisher.hpp"

namespace millrace::packaging {
namespace {

namespace amf0 = rtmp::amf0;

// ANSI/SCTE 35 14.2: splice_insert out, 60.3 s.
constexpr const char* kSplice = "/DAvAAAAAAAA///wFAVIAACPf+/+c2nALv4AUsz1AAAAAAAKAAhDVUVJAAABNWLbowo=";

Bytes message(std::string_view name, const amf0::Value& value) {
  ByteWriter writer;
  amf0::serialize(name, writer);
  amf0::serialize(value, writer);
  return writer.take();
}

class TimedEventsTest : public ::testing::Test {
 protected:
  TimedEventsTest() {
    arena_ = make_arena(directory_.path());
    reader_ = std::move(media::ArenaReader::open(directory_.path(), "ingest", "test").value());
  }
  std::shared_ptr<const StreamView> fresh_view() {
    StreamPackage package("s1", WindowPolicy{});
    update_ = package.update({sources(reader_)}, 0);
    return package.view();
  }
  static Bytes bytes_of(const SegmentFile& file) {
    Bytes bytes;
    for (const ByteView region : file.regions) bytes.insert(bytes.end(), region.begin(), region.end());
    return bytes;
  }
  static std::vector<mp4::EventMessage> events_in(const Bytes& file) {
    std::vector<mp4::EventMessage> events;
    bool fragment = false;
    mp4::BoxReader boxes(file);
    while (const auto box = boxes.next()) {
      if (box->type == mp4::four_cc("emsg")) {
        EXPECT_FALSE(fragment) << "in front of its fragment";
        events.push_back(mp4::read_event_message(box->payload).value());
      }
      if (box->type == mp4::four_cc("moof")) fragment = true;
      if (box->type == mp4::four_cc("mdat")) fragment = false;
    }
    EXPECT_TRUE(boxes.ok());
    return events;
  }
  // Of all segments of the track.
  std::vector<mp4::EventMessage> delivered(const StreamView& view, std::uint8_t track) {
    std::vector<mp4::EventMessage> events;
    for (const auto& segment : view.offered) {
      const auto file = segment->file(track);
      if (!file) continue;
      for (mp4::EventMessage& event : events_in(bytes_of(*file))) events.push_back(std::move(event));
    }
    return events;
  }

  void expect_all_of_a_silent_picture(std::uint32_t part_us) {
    TestPublisher publisher(*arena_, {.part_us = part_us});
    StreamPackage early("s1", WindowPolicy{.segments = 50});
    for (int i = 0; i < 60; ++i) {
      publisher.show(i < 12 || i >= 43);
      publisher.frame(0);
      publisher.data(message("onTextData", static_cast<double>(i)));
      early.update({sources(reader_)}, 0);
    }
    publisher.groups(3);
    early.update({sources(reader_)}, 0);
    StreamPackage late("s1", WindowPolicy{.segments = 50});
    late.update({sources(reader_)}, 0);
    ASSERT_TRUE(early.view() && late.view());
    auto events = delivered(*early.view(), media::kVideoTrack);
    const auto by_sound = delivered(*early.view(), media::kAudioTrack);
    EXPECT_EQ(by_sound, delivered(*late.view(), media::kAudioTrack));
    EXPECT_EQ(events, delivered(*late.view(), media::kVideoTrack));
    EXPECT_GE(by_sound.size(), 10U);
    events.insert(events.end(), by_sound.begin(), by_sound.end());
    std::set<std::uint32_t> ids;
    for (const mp4::EventMessage& event : events) ids.insert(event.id);
    EXPECT_EQ(events.size(), 60U);
    EXPECT_EQ(ids.size(), 60U);
  }

  ScratchDirectory directory_;
  std::unique_ptr<media::ArenaWriter> arena_;
  std::shared_ptr<media::ArenaReader> reader_;
  StreamPackage::Update update_;
  std::uint64_t epoch_ = 0;
};

TEST_F(TimedEventsTest, StandInFrontOfTheFragmentsOfThePicture) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(1);
  publisher.data(message("onTextData", "hi"));
  publisher.frame(0);
  publisher.data(message("onSCTE35", kSplice));
  publisher.groups(4);
  const auto view = fresh_view();
  ASSERT_NE(view, nullptr);
  const auto events = delivered(*view, media::kVideoTrack);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].scheme, mp4::kId3Scheme);
  EXPECT_EQ(events[0].timescale, 90'000U);
  EXPECT_EQ(events[0].presentation_time, 200U * 90);
  EXPECT_EQ(events[0].duration, mp4::EventMessage::kUnknownDuration);
  EXPECT_EQ(events[1].scheme, mp4::kSpliceScheme);
  EXPECT_EQ(events[1].presentation_time, 240U * 90);
  EXPECT_EQ(events[1].duration, 5'426'421U);
  EXPECT_EQ(events[1].message.size(), 50U);
  EXPECT_NE(events[0].id, events[1].id);
  EXPECT_TRUE(delivered(*view, media::kAudioTrack).empty()) << "once";
  EXPECT_EQ(update_.events, 2U);
}

// "time" is of the encoder's clock, which the timeline does not follow where it jumps.
TEST_F(TimedEventsTest, AreAsLongBeforehandAsTheEncoderSaysWhateverItsClockDid) {
  for (const std::int64_t step_ms : {0, 30'000, -5'000}) {
    TestPublisher::Options options{.epoch = Epoch{++epoch_}};
    options.publication_id = PublicationId{0xA0 + epoch_};
    options.stream_id = "s" + std::to_string(epoch_);
    TestPublisher publisher(*arena_, options);
    publisher.groups(40);
    publisher.step_clock(step_ms);
    publisher.groups(2);
    for (const double later_s : {0.0, 4.0}) {
      const double time = publisher.encoder_ms() / 1e3 + later_s;
      publisher.data(
          message("onCuePoint",
                  amf0::Object{amf0::Object::Kind::kAnonymous, {}, {{"name", kSplice}, {"time", time}}}));
      publisher.frame(0);
    }
    publisher.groups(4);
    StreamPackage package(options.stream_id, WindowPolicy{});
    package.update({sources(reader_, options.stream_id)}, 0);
    std::vector<std::int64_t> delays_us;
    for (const Segment& segment : package.view()->offering->listing.offered) {
      for (const auto& splice : segment.splices) delays_us.push_back(splice->start - splice->told);
    }
    EXPECT_EQ(delays_us, (std::vector<std::int64_t>{0, 4'000'000})) << step_ms;
    const auto events = delivered(*package.view(), media::kVideoTrack);
    ASSERT_EQ(events.size(), 2U) << step_ms;
    EXPECT_EQ(events[1].presentation_time - events[0].presentation_time, 4'040U * 90) << step_ms;
  }
}

TEST_F(TimedEventsTest, StandInFrontOfSoundAlone) {
  TestPublisher publisher(*arena_, {.video = false});
  publisher.groups(1);
  publisher.data(message("onTextData", "hi"));
  publisher.groups(4);
  const auto view = fresh_view();
  ASSERT_NE(view, nullptr);
  const auto events = delivered(*view, media::kAudioTrack);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].timescale, 48'000U);
}

// Every event is in one part, and a segment is its parts in a row.
TEST_F(TimedEventsTest, AreEachInOnePart) {
  TestPublisher publisher(*arena_, {.part_us = 80'000});
  for (int i = 0; i < 20; ++i) {
    publisher.data(message("onTextData", static_cast<double>(i)));
    publisher.frame(0);
  }
  publisher.groups(2);
  const auto view = fresh_view();
  ASSERT_NE(view, nullptr);
  std::size_t count = 0;
  std::set<std::uint32_t> ids;
  for (const auto& segment : view->offered) {
    Bytes parts;
    const TrackSpan* const span = segment->segment().track(media::kVideoTrack);
    ASSERT_FALSE(span->parts.empty());
    for (std::size_t i = 0; i < span->parts.size(); ++i) {
      const Bytes part = bytes_of(*segment->part_file(media::kVideoTrack, i));
      for (const mp4::EventMessage& event : events_in(part)) ids.insert(event.id);
      count += events_in(part).size();
      parts.insert(parts.end(), part.begin(), part.end());
    }
    EXPECT_EQ(parts, bytes_of(*segment->file(media::kVideoTrack)));
  }
  EXPECT_EQ(count, 20U);
  EXPECT_EQ(ids.size(), 20U);
  EXPECT_LT(*ids.rbegin() - *ids.begin(), 1000U) << "counted: drawn ones would meet sooner or later";
}

// The sound carries what comes while the picture is silent: each once, whoever reads the log.
TEST_F(TimedEventsTest, AreNotLostWhileThePictureIsSilent) {
  expect_all_of_a_silent_picture(0);
}
TEST_F(TimedEventsTest, AreNotLostFromPartsWhileThePictureIsSilent) {
  expect_all_of_a_silent_picture(80'000);
}

TEST_F(TimedEventsTest, AreTheSameWhoeverReadsTheLogAndWhenever) {
  TestPublisher publisher(*arena_, {.part_us = 80'000});
  StreamPackage early("s1", WindowPolicy{});
  for (int i = 0; i < 30; ++i) {
    if (i % 3 == 0) publisher.data(message("onTextData", static_cast<double>(i)));
    publisher.frame(0);
    early.update({sources(reader_)}, 0);
  }
  const auto late = fresh_view();
  ASSERT_TRUE(early.view() && late);
  ASSERT_EQ(early.view()->offered.size(), late->offered.size());
  for (std::size_t i = 0; i < late->offered.size(); ++i) {
    for (const std::uint8_t track : {media::kVideoTrack, media::kAudioTrack})
      EXPECT_EQ(bytes_of(*early.view()->offered[i]->file(track)), bytes_of(*late->offered[i]->file(track)));
  }
}

TEST_F(TimedEventsTest, AreBoundedInASegment) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(1);
  publisher.frame(0);
  for (int i = 0; i < 1000; ++i) {
    publisher.data(message("onTextData", static_cast<double>(i)));
    publisher.data(message("onSCTE35", kSplice));
  }
  publisher.data(message("onSCTE35", "no splice"));
  publisher.groups(4);
  const auto view = fresh_view();
  ASSERT_NE(view, nullptr);
  EXPECT_EQ(delivered(*view, media::kVideoTrack).size(),
            media::EventLimits::kMaxTexts + media::EventLimits::kMaxSplices);
  EXPECT_EQ(update_.events, media::EventLimits::kMaxTexts + media::EventLimits::kMaxSplices);
  EXPECT_EQ(update_.refused_events, 2001 - update_.events);
}

TEST_F(TimedEventsTest, OfAPrivatePublicationAreInNoPublicList) {
  StreamPackage package("s1", WindowPolicy{});
  TestPublisher hidden(*arena_, {.is_private = true});
  hidden.groups(1);
  hidden.data(message("onSCTE35", kSplice));
  hidden.groups(4);
  package.update({sources(reader_)}, 0);
  ASSERT_TRUE(package.view());
  EXPECT_EQ(package.view()->offering->date_ranges.size(), 1U);
  hidden.log().end(media::LogEnd::kUnpublished);
  TestPublisher open(*arena_, {.publication_id = PublicationId{0xA2}, .epoch = Epoch{2}});
  open.groups(5);
  package.update({sources(reader_)}, 0);
  ASSERT_TRUE(package.view());
  EXPECT_FALSE(package.view()->offering->is_private);
  EXPECT_TRUE(package.view()->offering->date_ranges.empty());
}

TEST_F(TimedEventsTest, OfABreakAreInAllLists) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(1);
  publisher.data(message("onSCTE35", kSplice));
  publisher.groups(4);
  const auto view = fresh_view();
  ASSERT_NE(view, nullptr);
  const auto line_of = [&](std::string_view rendition) {
    const std::string& list = *view->rendition(rendition)->playlist->text().text;
    const std::size_t begin = list.find("#EXT-X-DATERANGE:");
    EXPECT_NE(begin, std::string::npos) << list;
    return begin == std::string::npos ? std::string() : list.substr(begin, list.find('\n', begin) - begin);
  };
  const std::string line = line_of("v0");
  EXPECT_EQ(line, line_of("a0"));
  EXPECT_NE(line.find(",CLASS=\"urn:scte:scte35:2013:bin\",START-DATE=\"2027-01-15T08:00:00.200Z\","
                      "PLANNED-DURATION=60.293566,SCTE35-OUT=0xFC302F"),
            std::string::npos)
      << line;
  EXPECT_EQ(line.find("END-DATE"), std::string::npos);
}

}  // namespace
}  // namespace millrace::packaging
