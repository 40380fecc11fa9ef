// A publisher is away and a slate stands in for it: what lists and the MPD have meanwhile and afterwards.
#include <gtest/gtest.h>

#include <optional>
#include <sstream>

#include "containers/mp4/fragment.hpp"
#include "gap_segment.hpp"
#include "publication/gap_writer.hpp"
#include "stream_package.hpp"
#include "test_publisher.hpp"

namespace millrace::packaging {
namespace {

constexpr std::uint32_t kPartUs = 80'000;
constexpr std::int64_t kMs = 1'000;
constexpr std::int64_t kGrace = 20'000 * kMs;
// Segments of 200 ms in three even parts.
constexpr std::int64_t kPieceUs = kGroupMs * kMs / 3;

class StreamGapsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    arena_ = make_arena(directory_.path());
    ASSERT_NE(arena_, nullptr);
    reader_ = media::ArenaReader::open(directory_.path(), "ingest", "test").value();
  }

  // Segments that are over, then the beginning of another. Everything of it came at 0.
  void publish(std::uint64_t id, int groups, std::uint32_t part_us = kPartUs, std::int64_t later_us = 0) {
    TestPublisher::Options options;
    options.publication_id = PublicationId{id};
    options.epoch = Epoch{id};
    options.part_us = part_us;
    options.started_wall = options.started_wall + later_us;
    publisher_.emplace(*arena_, options);
    publisher_->groups(groups);
    publisher_->frame(0);
  }
  void leave() { publisher_->log().end(media::LogEnd::kDisconnected); }
  void stand_in(std::uint64_t id, std::uint64_t origin, std::uint32_t incarnation = 0) {
    media::LogDescription slate;
    slate.stream_id = "s1";
    slate.role = media::LogRole::kSlate;
    slate.publication_id = PublicationId{id};
    slate.origin_publication_id = PublicationId{origin};
    slate.incarnation = incarnation;
    slate.numbers = arena_->continuation({.stream_id = "s1"});
    slate.epoch = slate.numbers->epoch;
    slate.retention.guaranteed_bytes = slate.retention.max_bytes = 0;
    gap_.emplace(std::move(*arena_->create_log(slate)), 0, WallTime::from_us(1'800'000'100'000'000));
  }
  void away(std::int64_t until_us) { ASSERT_TRUE(gap_->advance(until_us)); }

  StreamLogs logs() {
    StreamLogs logs{sources(reader_)};
    for (media::LogInfo& info : reader_->logs(media::LogRole::kSlate)) logs.slates.push_back({reader_, info});
    return logs;
  }
  std::shared_ptr<const StreamView> view(std::int64_t now_us = 0) {
    while (package_.update(logs(), now_us).more) {
    }
    return package_.view();
  }
  std::shared_ptr<const StreamView> fresh_view(std::int64_t now_us = 0) {
    StreamPackage package("s1", kPolicy);
    while (package.update(logs(), now_us).more) {
    }
    return package.view();
  }

  static constexpr WindowPolicy kPolicy{.segments = 4, .reconnect_grace_us = kGrace};
  ScratchDirectory directory_;
  std::unique_ptr<media::ArenaWriter> arena_;
  std::shared_ptr<media::ArenaReader> reader_;
  std::optional<TestPublisher> publisher_;
  std::optional<publication::GapWriter> gap_;
  StreamPackage package_{"s1", kPolicy};
};

std::string list_of(const StreamView& view, std::string_view rendition,
                    PlaylistForm form = PlaylistForm::kFull) {
  return *view.rendition(rendition)->playlist->text(form).text;
}

std::size_t count(const std::string& text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

std::vector<std::string> names(const std::string& list) {
  std::vector<std::string> found;
  std::istringstream lines(list);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with('#')) found.push_back(line);
  }
  return found;
}

// The media sequence in the name of the list's last segment.
std::uint64_t last_number(const std::string& list) {
  return std::stoull(names(list).back());
}

TEST_F(StreamGapsTest, ListsMoveOnPartByPart) {
  publish(1, 5);
  leave();
  const std::uint64_t last = last_number(list_of(*view(), "v0"));
  stand_in(0xA, 1);
  for (int pieces = 1; pieces <= 7; ++pieces) {
    away(pieces * kPieceUs);
    for (const char* const rendition : {"v0", "a0"}) {
      const std::string list = list_of(*view(), rendition);
      EXPECT_EQ(last_number(list), last + static_cast<std::uint64_t>(pieces / 3)) << list;
      EXPECT_EQ(count(list, "GAP=YES"), static_cast<std::size_t>(pieces)) << list;
      EXPECT_EQ(count(list, "#EXT-X-GAP\n"), static_cast<std::size_t>(pieces / 3)) << list;
      EXPECT_EQ(count(list, "#EXT-X-DISCONTINUITY\n"), 0U) << "the same timeline: " << list;
      EXPECT_EQ(count(list, "PRELOAD-HINT"), 0U) << list;
      const hls::ListEnd end = view()->rendition(rendition)->list_end;
      EXPECT_EQ(end.last_segment, last + static_cast<std::uint64_t>(pieces / 3));
      EXPECT_EQ(end.parts_of_growing, static_cast<std::uint64_t>(pieces % 3));
    }
    EXPECT_EQ(list_of(*view(), "v0"), list_of(*fresh_view(), "v0"));
  }
}

TEST_F(StreamGapsTest, StreamsWithoutPartsHaveWholeSegments) {
  publish(1, 5, 0);
  leave();
  const std::uint64_t last = last_number(list_of(*view(), "v0"));
  stand_in(0xA, 1);
  away(450 * kMs);
  const std::string list = list_of(*view(), "v0");
  EXPECT_EQ(last_number(list), last + 2);
  EXPECT_EQ(count(list, "#EXT-X-GAP\n#EXTINF:0.200,\n"), 2U) << list;
  EXPECT_EQ(count(list, "EXT-X-PART"), 0U) << list;
}

// New viewers are offered what there was, and who asks for what is missing is not kept waiting.
TEST_F(StreamGapsTest, WhatThereWasIsDescribedWhenNothingOfItIsListed) {
  publish(1, 5);
  leave();
  const std::string before = *view()->multivariant_playlist->text({}).text;
  stand_in(0xA, 1);
  away(15'000 * kMs);
  const auto now = view();
  const std::string list = list_of(*now, "v0");
  EXPECT_EQ(count(list, "#EXT-X-GAP\n"), names(list).size()) << list;
  EXPECT_EQ(count(list, "#EXT-X-MAP:URI=\"init-0000000000000001-0-0.mp4\""), 1U) << list;
  const std::string multivariant = *now->multivariant_playlist->text({}).text;
  EXPECT_EQ(count(multivariant, "v0/index.m3u8"), 1U) << multivariant;
  EXPECT_EQ(count(multivariant, "a0/index.m3u8"), 1U) << multivariant;
  EXPECT_EQ(count(multivariant, "avc1."), count(before, "avc1."));
  const RenditionView& pictures = *now->rendition("v0");
  EXPECT_EQ(pictures.init_segments.size(), 1U);
  const SegmentName missing = segment_name(now->offered.back()->segment());
  EXPECT_EQ(now->presence(pictures, missing), Presence::kUnknown);
  EXPECT_FALSE(now->is_awaited(missing));
  ASSERT_NE(now->growing, nullptr);
  EXPECT_FALSE(now->is_awaited(segment_name(now->growing->segment())));
  EXPECT_EQ(list, list_of(*fresh_view(), "v0"));
  EXPECT_EQ(multivariant, *fresh_view()->multivariant_playlist->text({}).text);
}

TEST_F(StreamGapsTest, ThePublisherComesBackBehindTheGap) {
  publish(1, 5);
  leave();
  const std::uint64_t last = last_number(list_of(*view(), "v0"));
  stand_in(0xA, 1);
  away(480 * kMs);
  (void)view();
  gap_->finish(media::LogEnd::kTakenOver);
  publish(2, 1);
  const auto now = view();
  EXPECT_EQ(now->offered.back()->segment().media_sequence, last + 4) << "two whole gaps and a part of one";
  for (const char* const rendition : {"v0", "a0"}) {
    const std::string list = list_of(*now, rendition);
    EXPECT_EQ(count(list, "#EXT-X-DISCONTINUITY\n"), 1U) << list;
    EXPECT_LT(list.rfind("#EXT-X-GAP\n"), list.find("#EXT-X-DISCONTINUITY\n")) << list;
    EXPECT_EQ(count(list, "GAP=YES"), 0U) << "parts are of the newest timeline: " << list;
    EXPECT_EQ(count(list, "#EXT-X-PRELOAD-HINT:TYPE=PART"), 1U) << list;
    EXPECT_EQ(list, list_of(*fresh_view(), rendition));
  }
}

// A list may still have gaps when all that was before them has left it: they stay what they were.
TEST_F(StreamGapsTest, GapsStayWhatTheyWereAsLongAsTheyAreListed) {
  publish(1, 5);
  leave();
  stand_in(0xA, 1);
  away(15'000 * kMs);
  const auto before = view();
  const std::uint64_t number = last_number(list_of(*before, "v0"));
  gap_->finish(media::LogEnd::kTakenOver);
  publish(2, 1);
  const auto now = view();
  for (const char* const rendition : {"v0", "a0"}) {
    const std::string list = list_of(*now, rendition);
    EXPECT_LT(list.find("URI=\"init-0000000000000001-"), list.find("URI=\"init-0000000000000002-")) << list;
    EXPECT_NE(list.find(gap_name(number)), std::string::npos) << list;
    const auto bytes = gap_segment(*now->offering, rendition, number);
    ASSERT_TRUE(bytes);
    EXPECT_EQ(*bytes, gap_segment(*before->offering, rendition, number));
    EXPECT_EQ(*bytes, gap_segment(*fresh_view()->offering, rendition, number));
  }
}

// Some players load gaps: there is a fragment without samples, at the gap's time, and nothing behind parts.
TEST_F(StreamGapsTest, BehindAGapsNameIsAFragmentWithoutSamples) {
  publish(1, 5);
  leave();
  const std::uint64_t last = last_number(list_of(*view(), "v0"));
  stand_in(0xA, 1);
  away(450 * kMs);
  const Offering& offering = *view()->offering;
  const Rendition& pictures = offering.renditions.front();
  for (const std::uint64_t number : {last + 1, last + 2}) {
    const Segment& gap = offering.listing.offered[number - offering.listing.offered.front().media_sequence];
    const TrackSpan& media = pictures.segments[last - offering.listing.offered.front().media_sequence]->span;
    const auto ticks =
        static_cast<std::uint64_t>(media.first_dts + (gap.start_wall - media.start_wall) * 9 / 100);
    const auto made = gap_segment(offering, "v0", number);
    ASSERT_TRUE(made);
    EXPECT_EQ(*made, as_text(mp4::empty_segment(static_cast<std::uint32_t>(number), 1, ticks)));
  }
  EXPECT_FALSE(gap_segment(offering, "v0", last)) << "it is no gap";
  EXPECT_FALSE(gap_segment(offering, "v0", last + 3)) << "it is not over";
  EXPECT_FALSE(gap_segment(offering, "v7", last + 1));
  EXPECT_EQ(parse_gap_name(gap_name(last)), last);
  for (const char* const other :
       {"-gap.m4s", "07-gap.m4s", "x-gap.m4s", "7-gap.m4", "gap0-7-gap.m4s", "7x-gap.m4s"})
    EXPECT_FALSE(parse_gap_name(other)) << other;
}

// The last segment of a publisher that was cut off, as often as not: of one track alone.
TEST_F(StreamGapsTest, BehindTheNameOfASilentTracksSegmentIsAFragmentOfThatTrack) {
  publish(1, 3);
  publisher_->silence(true);
  publisher_->groups(3);
  publisher_->frame(0);
  const auto now = view();
  const Offering& offering = *now->offering;
  const RenditionView& sound = *now->rendition("a0");
  const auto silent = std::find_if(offering.listing.offered.begin(), offering.listing.offered.end(),
                                   [&](const Segment& one) { return now->is_gap(sound, segment_name(one)); });
  ASSERT_NE(silent, offering.listing.offered.end());
  ASSERT_NE(silent, offering.listing.offered.begin());
  const std::size_t place = static_cast<std::size_t>(silent - offering.listing.offered.begin());
  const auto& own =
      std::find_if(offering.renditions.begin(), offering.renditions.end(), [](const Rendition& r) {
        return to_string(r.name) == "a0";
      })->segments[place - 1];
  ASSERT_TRUE(own);
  const std::int64_t later_us = silent->start_wall - own->span.start_wall;
  const auto ticks =
      static_cast<std::uint64_t>(own->span.first_dts + later_us * own->span.timescale / 1'000'000);
  const std::uint64_t number = silent->media_sequence;
  EXPECT_EQ(missing_segment(offering, "a0", number),
            as_text(mp4::empty_segment(static_cast<std::uint32_t>(number), 2, ticks)));
  EXPECT_FALSE(now->is_gap(*now->rendition("v0"), segment_name(*silent)));
  publisher_->groups(4);
  EXPECT_EQ(missing_segment(*view()->offering, "a0", number), missing_segment(offering, "a0", number))
      << "the same bytes for ever";
}

// Sound that comes after the first part of pictures is late for its segment only where it was silent before:
// in a gap everything was.
TEST_F(StreamGapsTest, TracksAreAsTheyWereBeforeTheGap) {
  publish(1, 5);
  leave();
  stand_in(0xA, 1);
  away(250 * kMs);
  (void)view();
  gap_->finish(media::LogEnd::kTakenOver);
  TestPublisher::Options options;
  options.publication_id = PublicationId{2};
  options.epoch = Epoch{2};
  options.part_us = kPartUs;
  publisher_.emplace(*arena_, options);
  publisher_->silence(true);
  for (int i = 0; i < 3; ++i) publisher_->frame(0);
  const auto late = view();
  EXPECT_EQ(late->rendition("v0")->list_end.parts_of_growing, 1U);
  EXPECT_EQ(late->rendition("a0")->list_end.parts_of_growing, 0U) << "it is waited for";
  publisher_->silence(false);
  for (int i = 0; i < 8; ++i) publisher_->frame(0);
  const std::string list = list_of(*view(), "a0");
  EXPECT_GT(list.find("#EXT-X-PART:"), list.find("#EXT-X-DISCONTINUITY\n")) << list;
  EXPECT_EQ(count(list, "GAP=YES"), 0U) << list;
}

TEST_F(StreamGapsTest, TheListIsClosedWithTheTimeToComeBack) {
  publish(1, 5);
  leave();
  stand_in(0xA, 1);
  away(kGrace - 1);
  EXPECT_FALSE(view(kGrace - 1)->ended);
  EXPECT_FALSE(view(kGrace)->ended) << "its log goes on";
  gap_->finish(media::LogEnd::kTimedOut);
  const auto now = view(kGrace);
  EXPECT_TRUE(now->ended) << "counted from the last media, not from the last gap";
  EXPECT_EQ(count(list_of(*now, "v0"), "#EXT-X-ENDLIST\n"), 1U);
}

// Killed in a gap, ingest begins another slate: it stands behind the first one, whichever is found first.
TEST_F(StreamGapsTest, SlatesFollowOneAnother) {
  publish(1, 5);
  leave();
  const std::uint64_t last = last_number(list_of(*view(), "v0"));
  stand_in(0xB, 1);
  away(280 * kMs);
  gap_->finish(media::LogEnd::kWriterLost);
  stand_in(0xA, 1, 1);
  away(250 * kMs);
  const std::string list = list_of(*view(), "v0");
  EXPECT_EQ(last_number(list), last + 3) << "a whole one, a part of one, a whole one";
  EXPECT_EQ(count(list, "#EXT-X-GAP\n"), 3U) << list;
  EXPECT_EQ(list, list_of(*fresh_view(), "v0"));
}

TEST_F(StreamGapsTest, ThereIsNoListOfGapsAlone) {
  publish(1, 5);
  leave();
  stand_in(0xA, 1);
  away(500 * kMs);
  StreamLogs slates = logs();
  slates.logs.clear();
  StreamPackage package("s1", kPolicy);
  while (package.update(slates, 0).more) {
  }
  EXPECT_EQ(package.view(), nullptr);
}

TEST_F(StreamGapsTest, OnlyAPeriodThatAnotherOneFollowsHasAnEnd) {
  publish(1, 5);
  leave();
  publish(2, 2, kPartUs, 5 * 200 * kMs);
  leave();
  const std::string before = *view()->manifests.full.text;
  EXPECT_EQ(count(before, "<Period "), 2U) << before;
  EXPECT_GT(count(before, "endNumber="), 0U) << before;
  stand_in(0xA, 2);
  away(450 * kMs);
  const std::string during = *view()->manifests.full.text;
  EXPECT_EQ(count(during, "<Period "), 2U) << during;
  EXPECT_EQ(count(during, "endNumber="), count(before, "endNumber=")) << "the last one may go on: " << during;
}

TEST_F(StreamGapsTest, TheManifestMovesOnInAGap) {
  publish(1, 5);
  leave();
  const std::string before = *view()->manifests.full.text;
  stand_in(0xA, 1);
  away(450 * kMs);
  const std::string during = *view()->manifests.full.text;
  EXPECT_NE(during, before) << "it is published again";
  EXPECT_EQ(count(during, "<Period "), count(before, "<Period ")) << during;
  away(15'000 * kMs);
  const std::string later = *view()->manifests.full.text;
  EXPECT_EQ(count(later, "<Period "), 1U) << later;
  EXPECT_EQ(count(later, "type=\"dynamic\""), 1U) << later;
  gap_->finish(media::LogEnd::kTakenOver);
  publish(2, 2);
  const std::string after = *view()->manifests.full.text;
  EXPECT_EQ(count(after, "<Period "), 1U) << "the other one left with the gap: " << after;
  EXPECT_NE(after.find("-0000000000000002-0.m4s"), std::string::npos) << after;
  EXPECT_EQ(after.find("-0000000000000001-0.m4s"), std::string::npos) << after;
}

}  // namespace
}  // namespace millrace::packaging
