// Lists of a stream with its past.
#include <filesystem>
#include <map>

#include "dvr_fixture.hpp"

namespace millrace::packaging {
namespace {

using DvrListsTest = DvrTest;

TEST_F(DvrListsTest, ListsThePastBeforeWhatIsLiveUnderTheSameNames) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(12);
  open(PublicationId{0xA1});
  record();
  publisher.groups(2);  // the log's lead
  const auto recorded = read();
  const auto live = view();
  const std::string text = list(*recorded, live->offering.get());
  EXPECT_EQ(count(text, ".m4s\n"), 13U);
  EXPECT_EQ(count(text, "#EXT-X-DISCONTINUITY\n"), 0U);
  EXPECT_EQ(count(text, "#EXT-X-GAP\n"), 0U);
  EXPECT_EQ(count(text, "#EXT-X-MAP"), 1U);
  EXPECT_EQ(count(text, "#EXT-X-ENDLIST"), 0U);
  EXPECT_EQ(text.find("#EXT-X-PLAYLIST-TYPE"), std::string::npos) << "the window slides";
  // The live list is its end.
  const std::string& plain = *live->rendition("v0")->playlist->text(PlaylistForm::kPlain).text;
  const std::string tail = plain.substr(plain.find("#EXT-X-PROGRAM-DATE-TIME"));
  EXPECT_TRUE(text.ends_with(tail)) << text << plain;
  // The log has gone; the file is not finished yet.
  const std::string waiting = list(*recorded, nullptr);
  EXPECT_EQ(count(waiting, ".m4s\n"), 11U);
  EXPECT_EQ(count(waiting, "#EXT-X-ENDLIST"), 0U);
  const std::string after = list(*read(true), nullptr);
  EXPECT_EQ(count(after, ".m4s\n"), 12U) << "with the last one, which nothing follows";
  EXPECT_TRUE(after.ends_with("#EXT-X-ENDLIST\n"));
}

// The file takes long to be finished, or for ever: the log had ended.
TEST_F(DvrListsTest, AnEndThatWasShownStays) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(8);
  open(PublicationId{0xA1});
  record();
  publisher.log().end(media::LogEnd::kUnpublished);
  const auto recorded = read();
  ASSERT_TRUE(recorded->goes_on);
  Offering live = *view()->offering;
  live.listing.ended = live.listing.long_ended = true;
  DvrLists lists;
  const auto ended = [&](const Offering* log) {
    const std::string text = *lists.texts(*recorded, log, kHourUs, kJustNow)->media.at("v0")->text().text;
    EXPECT_EQ(count(text, ".m4s\n"), 8U) << text;
    EXPECT_NE(lists.manifest(*recorded, log, kHourUs, kJustNow).text->find("type=\"static\""),
              std::string::npos);
    return text.ends_with("#EXT-X-ENDLIST\n");
  };
  EXPECT_TRUE(ended(&live));
  EXPECT_TRUE(ended(nullptr)) << "and the log has gone";
  // Packaging has started again since.
  DvrLists others;
  const auto restarted = [&](WallTime now) {
    return *others.texts(*recorded, nullptr, kHourUs, now)->media.at("v0")->text().text;
  };
  EXPECT_EQ(count(restarted(kJustNow), "#EXT-X-ENDLIST"), 0U) << "recording may be about to write more";
  EXPECT_EQ(count(restarted(kLater), "#EXT-X-ENDLIST"), 1U);
  EXPECT_EQ(count(restarted(kLater), ".m4s\n"), 8U) << "with the last one";
}

void drop_oldest(Offering& live) {
  live.listing.offered.erase(live.listing.offered.begin());
  for (Rendition& rendition : live.renditions) rendition.segments.erase(rendition.segments.begin());
}

// The encoder comes back when the log has let go of its first publication: that has a last segment all the
// same.
TEST_F(DvrListsTest, KeepsTheLastSegmentOfALogThatHasGone) {
  TestPublisher first(*arena_, {});
  first.groups(3);
  open(PublicationId{0xA1});
  record();
  first.log().end(media::LogEnd::kDisconnected);
  TestPublisher second(*arena_, {.publication_id = PublicationId{0xA2},
                                 .epoch = Epoch{2},
                                 .started_wall = WallTime::from_us(1'800'000'002'000'000)});
  second.groups(3);
  const auto recorded = read();  // nothing of the second one yet
  Offering live = *view()->offering;
  while (live.listing.offered.front().publication_id == PublicationId{0xA1}) {
    drop_oldest(live);
  }
  live.listing.first_listed = 0;
  const std::string text = list(*recorded, &live);
  EXPECT_EQ(count(text, "00a1-0.m4s\n"), 3U) << text;
  EXPECT_EQ(count(text, "#EXT-X-GAP\n"), 0U);
}

// Recording stalls for longer than the log holds what it has not written.
TEST_F(DvrListsTest, ASegmentThatNobodyHasAnyMoreKeepsItsName) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(3);
  open(PublicationId{0xA1});
  record();
  publisher.groups(4);
  const auto recorded = read();
  Offering live = *view()->offering;
  DvrLists lists;
  const std::string before = *lists.texts(*recorded, &live, kHourUs, kJustNow)->media.at("v0")->text().text;
  for (int i = 0; i < 2; ++i) {
    drop_oldest(live);
  }
  while (live.listing.offered.front().media_sequence < recorded->rest.back()->segment.media_sequence + 3) {
    drop_oldest(live);
  }
  live.listing.first_listed = 0;
  const std::string after = *lists.texts(*recorded, &live, kHourUs, kJustNow)->media.at("v0")->text().text;
  EXPECT_GE(count(after, "#EXT-X-GAP\n"), 2U) << after;
  EXPECT_EQ(count(after, "-gap.m4s"), 0U) << "a list renames nothing";
  EXPECT_EQ(count(after, ".m4s\n"), count(before, ".m4s\n"));
}

// A list of an hour is not fetched again with every segment.
TEST_F(DvrListsTest, ListsHaveDeltaUpdates) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(60);
  open(PublicationId{0xA1});
  record();
  const auto recorded = read();
  DvrLists lists;
  const auto texts = lists.texts(*recorded, view()->offering.get(), kHourUs, kJustNow);
  const auto& media = *texts->media.at("v0");
  const std::string& full = *media.text().text;
  EXPECT_EQ(count(full, "#EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL=6.000\n"), 1U) << full;
  EXPECT_EQ(count(full, "#EXT-X-VERSION:9\n"), 1U);
  const std::string& delta = *media.text(PlaylistForm::kDelta).text;
  const std::size_t left_out = count(full, ".m4s\n") - count(delta, ".m4s\n");
  EXPECT_GT(left_out, 20U);
  EXPECT_EQ(count(delta, "#EXT-X-SKIP:SKIPPED-SEGMENTS=" + std::to_string(left_out) + "\n"), 1U) << delta;
  EXPECT_TRUE(full.ends_with(delta.substr(delta.find("#EXT-X-PROGRAM-DATE-TIME"))));
  EXPECT_EQ(count(list(*read(true), nullptr), "#EXT-X-VERSION:9\n"), 1U) << "also when it has ended";
}

// After the end its times begin with 0, whatever of it has left the window.
TEST_F(DvrListsTest, AnEndedStreamsMpdIsARecordings) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(12);
  open(PublicationId{0xA1});
  record();
  DvrLists lists;
  view();
  const auto before = lists.manifest(*read(), view()->offering.get(), 1'000'000, kJustNow);
  ASSERT_TRUE(before.text);
  EXPECT_NE(before.text->find("type=\"dynamic\""), std::string::npos);
  const auto after = lists.manifest(*read(true), nullptr, 1'000'000, kJustNow);
  ASSERT_TRUE(after.text);
  EXPECT_NE(after.text->find("type=\"static\""), std::string::npos) << *after.text;
  EXPECT_NE(after.text->find("start=\"PT0S\""), std::string::npos) << *after.text;
  EXPECT_NE(after.text->find("mediaPresentationDuration=\"PT1."), std::string::npos) << *after.text;
}

TEST_F(DvrListsTest, GoesOnOverAReconnectWithADiscontinuity) {
  TestPublisher first(*arena_, {});
  first.groups(3);
  open(PublicationId{0xA1});
  record();
  first.log().end(media::LogEnd::kDisconnected);
  TestPublisher second(*arena_, {.publication_id = PublicationId{0xA2},
                                 .epoch = Epoch{2},
                                 .started_wall = WallTime::from_us(1'800'000'005'000'000)});
  second.groups(3);
  open(PublicationId{0xA2});
  record();
  const std::string text = list(*read(true), nullptr);
  EXPECT_EQ(count(text, ".m4s\n"), 6U) << text;
  EXPECT_EQ(count(text, "#EXT-X-DISCONTINUITY\n"), 1U);
  EXPECT_EQ(count(text, "#EXT-X-MAP"), 2U);
}

std::vector<std::string> starts_of_periods(const StoredText& manifest) {
  std::vector<std::string> starts;
  const std::string text = manifest.text ? *manifest.text : "";
  for (std::size_t at = text.find("<Period "); at != std::string::npos; at = text.find("<Period ", at + 1)) {
    const std::size_t begin = text.find("start=", at);
    starts.push_back(text.substr(begin, text.find(' ', begin) - begin));
  }
  return starts;
}

// The dates of its first segment are late: the live MPD has its beginning by those of the second one.
TEST_F(DvrListsTest, ATimelineBeginsWhereTheLiveMpdHasIt) {
  constexpr std::int64_t kLateUs = 150'000;
  TestPublisher first(*arena_, {});
  first.groups(3);
  open(PublicationId{0xA1});
  record();
  first.log().end(media::LogEnd::kDisconnected);
  TestPublisher second(*arena_, {.publication_id = PublicationId{0xA2},
                                 .epoch = Epoch{2},
                                 .started_wall = WallTime::from_us(1'800'000'005'000'000)});
  second.groups(1);
  second.frame(0);
  DvrLists lists;
  for (int round = 0; round < 2; ++round) {
    Offering live = *view()->offering;
    const std::size_t late = 3;
    ASSERT_EQ(live.listing.offered.size(), 4U + static_cast<std::size_t>(round));
    ASSERT_NE(live.listing.timeline(live.listing.offered[late].discontinuity_sequence), nullptr);
    live.listing.offered[late].start_wall += kLateUs;
    for (Rendition& rendition : live.renditions) rendition.segments[late]->span.start_wall += kLateUs;
    const auto starts = starts_of_periods(DashPresentation().update(live).plain);
    ASSERT_EQ(starts.size(), 2U);
    EXPECT_EQ(starts_of_periods(lists.manifest(*read(), &live, kHourUs, kJustNow)), starts) << round;
    second.groups(1);
  }
}

// The recorder was away: numbers go on, what nobody has is a gap.
TEST_F(DvrListsTest, HasGapsWhereNothingWasRecorded) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(4);
  open(PublicationId{0xA1});
  record();
  publisher.groups(3);
  recording_.skip_to(log_->info().committed);
  publisher.groups(4);
  record();
  const auto recorded = read(true);
  const std::string text = list(*recorded, nullptr);
  const std::size_t gaps = count(text, "#EXT-X-GAP\n");
  EXPECT_GE(gaps, 3U) << text;
  EXPECT_EQ(count(text, ".m4s\n") - gaps, recorded->segments.size() + recorded->rest.size());
  const std::uint64_t first = recorded->segments.front()->segment.media_sequence;
  EXPECT_EQ(recorded->rest.back()->segment.media_sequence, first + count(text, ".m4s\n") - 1);
}

// What stands in for a publisher who is away has names and lengths of its own, which no recording has.
TEST_F(DvrListsTest, GapsStayAsTheyWereShown) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(4);
  open(PublicationId{0xA1});
  record();
  publisher.groups(3);
  recording_.skip_to(log_->info().committed);
  publisher.groups(4);
  record();
  const auto recorded = read(true);
  const auto gaps_of = [](const Offering& offering) {
    std::map<std::uint64_t, Segment> gaps;
    for (const Segment& segment : offering.listing.offered) {
      if (segment.tracks.empty()) gaps.emplace(segment.media_sequence, segment);
    }
    return gaps;
  };
  const DvrRequest fresh{.window_us = kHourUs};
  std::map<std::uint64_t, Segment> shown = gaps_of(*dvr_offering(recorded->segments, nullptr, fresh));
  ASSERT_GE(shown.size(), 2U);
  for (auto& [number, segment] : shown) {
    segment.publication_id = PublicationId{0xFF};
    segment.duration_us += 1'000;
  }
  DvrRequest again = fresh;
  again.gaps = shown;
  const auto gaps = gaps_of(*dvr_offering(recorded->segments, nullptr, again));
  ASSERT_EQ(gaps.size(), shown.size());
  for (const auto& [number, segment] : gaps) {
    EXPECT_EQ(segment.publication_id, PublicationId{0xFF});
    EXPECT_EQ(segment.duration_us, shown.at(number).duration_us);
  }
}

TEST_F(DvrListsTest, ShowsStrangersNothingOfAPrivatePublication) {
  TestPublisher hidden(*arena_, {.is_private = true});
  hidden.groups(3);
  open(PublicationId{0xA1});
  record();
  hidden.log().end(media::LogEnd::kUnpublished);
  EXPECT_TRUE(is_private(read()->segments, nullptr));
  TestPublisher open_one(*arena_, {.publication_id = PublicationId{0xA2}, .epoch = Epoch{2}});
  open_one.groups(3);
  open(PublicationId{0xA2});
  record();
  const auto recorded = read(true);
  EXPECT_FALSE(is_private(recorded->segments, nullptr));
  EXPECT_EQ(count(list(*recorded, nullptr), "00a1-0.m4s\n"), 0U);
  EXPECT_EQ(count(list(*recorded, nullptr), "00a2-0.m4s\n"), 3U);
}

// The private one's last segment is not whole yet: it counts all the same.
TEST_F(DvrListsTest, JudgesPrivacyByTheNewestRecord) {
  for (const bool is_private_last : {true, false}) {
    const PublicationId one{is_private_last ? 0xA1U : 0xB1U}, other{is_private_last ? 0xA2U : 0xB2U};
    recording_ = TestRecording();
    std::filesystem::remove(path(false));
    TestPublisher first(*arena_, {.publication_id = one, .is_private = !is_private_last});
    first.groups(3);
    open(one);
    record();
    first.log().end(media::LogEnd::kUnpublished);
    TestPublisher second(*arena_,
                         {.publication_id = other, .epoch = Epoch{2}, .is_private = is_private_last});
    second.groups(1);
    open(other);
    record();
    const auto recorded = read();
    ASSERT_EQ(recorded->rest.size(), 1U);
    EXPECT_EQ(is_private(*recorded), is_private_last);
    EXPECT_EQ(list(*recorded, nullptr).empty(), !is_private_last) << "nothing of it is for strangers";
    second.log().end(media::LogEnd::kUnpublished);
  }
}

TEST_F(DvrListsTest, NeverStepsBackAndForgetsWhatIsOlderThanTheWindow) {
  RecordingsOfStream files(directory_.path(), 2'000'000);
  TestPublisher publisher(*arena_, {});
  publisher.groups(1);
  open(PublicationId{0xA1});
  DvrLists lists;
  std::uint64_t first = 0;
  for (int i = 0; i < 20; ++i) {
    publisher.groups(1);
    record();
    write_file(path(false), recording_.live());
    const auto recorded = files.read({*recordings::parse_file_name(std::string(kStem) + ".part.mp4")});
    const auto texts = lists.texts(*recorded, view() ? view()->offering.get() : nullptr, 1'000'000, kJustNow);
    if (!texts->offering) continue;
    const auto& offered = texts->offering->listing.offered;
    EXPECT_GE(offered.front().media_sequence, first);
    first = offered.front().media_sequence;
    EXPECT_LE(offered.size(), 6U);
    EXPECT_LE(recorded->segments.size(), 12U);
  }
  EXPECT_GT(first, 10U);
}

// What a list has said of a break holds until the break is over, and is what the live list says.
TEST_F(DvrListsTest, KeepABreakThatBeganBeforeTheWindow) {
  const auto breaks_in = [](const std::string& text) {
    const std::size_t begin = text.find("#EXT-X-DATERANGE:");
    return begin == std::string::npos ? std::string() : text.substr(begin, text.find('\n', begin) - begin);
  };
  TestPublisher publisher(*arena_, {});
  publisher.groups(1);
  publisher.data(message("onSCTE35", kSplice));
  open(PublicationId{0xA1});
  DvrLists lists;
  std::string first;
  for (int i = 0; i < 20; ++i) {
    publisher.groups(1);
    record();
    const auto recorded = read();
    const auto live = view();
    const auto texts = lists.texts(*recorded, live ? live->offering.get() : nullptr, 1'000'000, kJustNow);
    if (!texts->offering) continue;
    const std::string line = breaks_in(*texts->media.at("v0")->text().text);
    if (first.empty()) first = line;
    EXPECT_EQ(line, first);
    EXPECT_EQ(line, breaks_in(*live->rendition("v0")->playlist->text().text));
  }
  EXPECT_NE(first.find("SCTE35-OUT=0xFC"), std::string::npos) << first;
  EXPECT_GT(lists.texts(*read(), nullptr, 1'000'000, kJustNow)->offering->date_ranges.size(), 0U);
}

TEST_F(DvrListsTest, BoundsListsThatAreBeingWritten) {
  DvrLists lists;
  const std::size_t half = DvrLists::kMostWrittenBytes / 2;
  auto first = lists.hand_out(std::string(half, 'x'));
  const auto second = lists.hand_out(std::string(half, 'x'));
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(lists.has_room_for(1));
  EXPECT_FALSE(lists.hand_out("x"));
  first = nullptr;
  EXPECT_TRUE(lists.has_room_for(half));
  EXPECT_TRUE(lists.hand_out("x"));
}

}  // namespace
}  // namespace millrace::packaging
