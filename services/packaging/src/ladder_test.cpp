// Ladders: what is offered of renditions whose writers are behind, late, killed or done.
#include <gtest/gtest.h>

#include "containers/mp4/fragment.hpp"
#include "delivery.hpp"
#include "ladder_fixture.hpp"

namespace millrace::packaging {
namespace {

// A list that is to have the segment; false: it waits.
bool is_answered(const std::shared_ptr<const StreamView>& view, const std::string& rendition,
                 std::uint64_t media_sequence) {
  PlaybackGate gate(playback::TokenKeys::create(Secret("0123456789abcdef0123456789abcdef")).value());
  gate.revocations.set_complete();
  ViewTable views;
  ViewerCounter viewers;
  Metrics metrics;
  Delivery delivery(views, gate, viewers, metrics, {});
  views.publish(view, &views);
  http::Request request;
  request.method = http::Method::kGet;
  request.path = "/live/s1/" + rendition + "/index.m3u8";
  request.peer_address = "192.0.2.1";
  request.query.emplace_back("_HLS_msn", std::to_string(media_sequence));
  const Delivery::Outcome outcome = delivery.answer(request, kSecond, WallTime::from_seconds(1'000));
  const auto* const response = std::get_if<http::Response>(&outcome);
  EXPECT_TRUE(response == nullptr || response->status == 200);
  return response != nullptr;
}

TEST_F(LadderTest, IsOfferedBesideTheSourceUnderTheSameNames) {
  const auto made = make();
  source_->groups(8);
  made->groups(8);
  source_->frame(0);
  made->frame(0);
  const auto view = fresh_view();
  ASSERT_NE(view, nullptr);
  ASSERT_NE(view->rendition("v0-180p"), nullptr);
  const std::string& multivariant = *view->multivariant_playlist->text().text;
  EXPECT_EQ(count(multivariant, "#EXT-X-STREAM-INF"), 2U) << multivariant;
  EXPECT_EQ(count(multivariant, "AUDIO=\""), 2U) << multivariant;
  EXPECT_NE(multivariant.find("\nv0-180p/index.m3u8\n"), std::string::npos);
  EXPECT_EQ(segments_of(list_of(*view, "v0")), segments_of(list_of(*view, "v0-180p")));
  EXPECT_EQ(count(list_of(*view, "v0-180p"), "EXT-X-GAP"), 0U);
  EXPECT_NE(list_of(*view, "v0-180p").find("URI=\"../v0/index.m3u8\""), std::string::npos);
  EXPECT_NE(list_of(*view, "a0").find("URI=\"../v0-180p/index.m3u8\""), std::string::npos);
}

TEST_F(LadderTest, HasItsOwnBytesUnderTheSourcesName) {
  const auto made = make();
  source_->groups(4);
  made->groups(4);
  source_->frame(0);
  made->frame(0);
  const auto view = fresh_view();
  const RenditionView& rendition = *view->rendition("v0-180p");
  const SegmentName name = segment_name(view->offered.back()->segment());
  ASSERT_EQ(view->presence(rendition, name), Presence::kHere);
  const SegmentPlace& place = view->segment(rendition, name);
  EXPECT_EQ(place.segment->segment().publication_id, PublicationId{0xB01});
  ASSERT_NE(place.segment->file(place.track), nullptr);
  ASSERT_EQ(rendition.init_segments.size(), 1U);
  const auto init = parse_init_name(rendition.init_segments.begin()->first);
  ASSERT_TRUE(init);
  EXPECT_EQ(init->publication_id, PublicationId{0xA1});
}

TEST_F(LadderTest, ListsNothingThatIsStillBeingMade) {
  const auto made = make();
  source_->groups(8);
  made->groups(6);
  source_->frame(0);
  made->frame(0);
  made->frame(0);
  made->frame(0);
  const auto view = fresh_view();
  const RenditionView& rendition = *view->rendition("v0-180p");
  EXPECT_EQ(rendition.behind, 2U);
  auto source = segments_of(list_of(*view, "v0"));
  source.resize(source.size() - 2);
  EXPECT_EQ(segments_of(list_of(*view, "v0-180p")), source);
  EXPECT_EQ(count(list_of(*view, "v0-180p"), "EXT-X-GAP"), 0U);
  EXPECT_EQ(rendition.list_end.last_segment + 2, view->rendition("v0")->list_end.last_segment);
  EXPECT_EQ(rendition.list_end.parts_of_growing, 1U);
  const SegmentName newest = segment_name(view->offered.back()->segment());
  EXPECT_TRUE(view->is_awaited(rendition, newest));
  EXPECT_FALSE(view->is_awaited(*view->rendition("v0"), newest));
  const SegmentName grows = segment_name(view->offered[view->offered.size() - 2]->segment());
  EXPECT_TRUE(view->growing_of(rendition, grows));
  EXPECT_FALSE(view->growing_of(rendition, newest));
  ASSERT_TRUE(rendition.next_part);
  EXPECT_EQ(rendition.next_part->publication_id, PublicationId{0xB01});
}

TEST_F(LadderTest, MarksAsGapsWhatIsLateForGood) {
  const auto made = make();
  source_->groups(8);
  made->groups(6);
  source_->frame(0);
  made->frame(0);
  StreamPackage package("s1", kPolicy);
  EXPECT_EQ(view_of(package, kSecond)->rendition("v0-180p")->behind, 2U);
  const auto late = view_of(package, 3 * kSecond);
  const RenditionView& rendition = *late->rendition("v0-180p");
  EXPECT_EQ(rendition.behind, 0U);
  EXPECT_EQ(count(list_of(*late, "v0-180p", PlaylistForm::kPlain), "EXT-X-GAP"), 2U);
  EXPECT_EQ(count(list_of(*late, "v0"), "EXT-X-GAP"), 0U);
  EXPECT_TRUE(late->is_gap(rendition, segment_name(late->offered.back()->segment())));
  EXPECT_FALSE(late->is_gap(*late->rendition("v0"), segment_name(late->offered.back()->segment())));
  made->groups(2, 3 * kSecond);
  EXPECT_EQ(count(list_of(*view_of(package, 3 * kSecond), "v0-180p", PlaylistForm::kPlain), "EXT-X-GAP"), 2U);
}

TEST_F(LadderTest, IsBehindForLongerWhileItsWriterIsAtWork) {
  const auto made = make();
  source_->groups(8);
  made->groups(6, 2 * kSecond);
  source_->frame(0);
  made->frame(2 * kSecond);
  EXPECT_EQ(fresh_view(3 * kSecond)->rendition("v0-180p")->behind, 2U);
  EXPECT_EQ(fresh_view(7 * kSecond)->rendition("v0-180p")->behind, 0U);
}

// Logs' ids are random: the successor's may stand before its predecessor's.
TEST_F(LadderTest, KeepsWhatAPredecessorHasMade) {
  auto made = make();
  source_->groups(8);
  made->groups(6);
  made->frame(0);
  source_->frame(0);
  made->log().end(media::LogEnd::kWriterLost);
  const auto next = make(2, 7, "v0-180p", 0xA00);
  next->groups(1);
  next->frame(0);
  EXPECT_EQ(count(list_of(*fresh_view(), "v0-180p", PlaylistForm::kPlain), "EXT-X-GAP"), 1U);
}

TEST_F(LadderTest, GoesOnBehindAGapWhereItsWriterWasKilled) {
  auto made = make();
  source_->groups(8);
  made->groups(6);
  for (int i = 0; i < 4; ++i) made->frame(0);  // a part, and some of the next one
  source_->frame(0);
  StreamPackage package("s1", kPolicy);
  const auto before = view_of(package);
  const std::string parts_before = list_of(*before, "v0-180p");
  const std::size_t at = parts_before.rfind("#EXT-X-PART:");
  const std::string part = parts_before.substr(at, parts_before.find('\n', at) - at);
  made->log().end(media::LogEnd::kWriterLost);
  const auto next = make(2, 7);
  next->groups(1);
  next->frame(0);
  const auto view = view_of(package);
  const RenditionView& rendition = *view->rendition("v0-180p");
  const std::string list = list_of(*view, "v0-180p");
  EXPECT_EQ(count(list_of(*view, "v0-180p", PlaylistForm::kPlain), "EXT-X-GAP"), 1U) << list;
  EXPECT_NE(list.find(part), std::string::npos) << part << "\n" << list;
  EXPECT_GT(count(list, "GAP=YES"), 0U) << list;
  EXPECT_EQ(count(list, "#EXT-X-MAP"), 1U) << "the same parameter sets\n" << list;
  EXPECT_EQ(count(list, "#EXT-X-DISCONTINUITY\n"), 0U) << list;
  const SegmentName cut_off = segment_name(view->offered[view->offered.size() - 2]->segment());
  EXPECT_TRUE(view->is_gap(rendition, cut_off));
  ASSERT_EQ(rendition.cut_off.size(), 1U);
  const SegmentPlace& place = rendition.cut_off.front();
  const Part& first = place.segment->segment().track(place.track)->parts.front();
  const PartName name = part_name(place.segment->segment(), first.number);
  EXPECT_TRUE(view->find(rendition, name));
  EXPECT_EQ(list_of(*fresh_view(), "v0-180p"), list) << "the same from the logs alone";
}

// Nor does it matter whether the source has gone on.
TEST_F(LadderTest, ListsTheSamePartsOfWhatWasCutOffBeforeAndAfterThatIsKnown) {
  auto made = make();
  source_->groups(8);
  made->groups(6);
  for (int i = 0; i < 4; ++i) made->frame(0);
  source_->frame(0);
  StreamPackage package("s1", kPolicy);
  const auto parts_of_cut_off = [](const std::string& list) {
    const std::size_t end = list.find("#EXT-X-GAP\n");
    return list.substr(0, std::min(end, list.size()));
  };
  const std::string growing = list_of(*view_of(package), "v0-180p");
  const std::size_t at = growing.rfind("#EXT-X-PART:");
  const std::string part = growing.substr(at, growing.find('\n', at) - at);
  made->log().end(media::LogEnd::kWriterLost);
  const auto ended = view_of(package);
  EXPECT_EQ(ended->rendition("v0-180p")->behind, 1U);
  const std::string known = list_of(*ended, "v0-180p");
  EXPECT_NE(parts_of_cut_off(known).find(part), std::string::npos) << known;
  const std::string late = list_of(*view_of(package, 3 * kSecond), "v0-180p");
  EXPECT_EQ(parts_of_cut_off(late), parts_of_cut_off(known));
}

TEST_F(LadderTest, EndsWithTheSource) {
  auto made = make();
  source_->groups(4);
  made->groups(4);
  source_->log().end(media::LogEnd::kUnpublished);
  made->log().end(media::LogEnd::kUnpublished);
  const auto view = fresh_view();
  EXPECT_EQ(view->rendition("v0-180p")->behind, 0U);
  EXPECT_EQ(segments_of(list_of(*view, "v0")), segments_of(list_of(*view, "v0-180p")));
  EXPECT_EQ(count(list_of(*view, "v0-180p"), "EXT-X-GAP"), 0U);
}

// A stream that was stopped has ended at once: what is made of it has not.
TEST_F(LadderTest, EndsWhenNothingOfItIsToCome) {
  const auto made = make();
  source_->groups(4);
  made->groups(2);
  made->frame(0);
  source_->log().end(media::LogEnd::kRevoked);
  StreamPackage package("s1", kPolicy);
  const auto behind = view_of(package);
  const RenditionView& rendition = *behind->rendition("v0-180p");
  ASSERT_EQ(rendition.behind, 2U);
  EXPECT_EQ(count(list_of(*behind, "v0"), "#EXT-X-ENDLIST"), 1U);
  EXPECT_EQ(count(list_of(*behind, "v0-180p"), "#EXT-X-ENDLIST"), 0U);
  ASSERT_TRUE(rendition.next_part);
  EXPECT_TRUE(behind->is_awaited(rendition, *rendition.next_part));
  const std::uint64_t next = rendition.list_end.last_segment + 1;
  EXPECT_FALSE(is_answered(behind, "v0-180p", next));
  EXPECT_TRUE(is_answered(behind, "v0", next + 10)) << "of a list that has ended it is nothing";

  const auto late = fresh_view(3 * kSecond);
  EXPECT_EQ(count(list_of(*late, "v0-180p", PlaylistForm::kPlain), "#EXT-X-GAP"), 2U);
  EXPECT_EQ(count(list_of(*late, "v0-180p"), "#EXT-X-ENDLIST"), 1U);

  for (int i = 0; i < 9; ++i) made->frame(0);
  made->log().end(media::LogEnd::kUnpublished);
  const auto whole = view_of(package);
  EXPECT_EQ(segments_of(list_of(*whole, "v0")), segments_of(list_of(*whole, "v0-180p")));
  EXPECT_EQ(count(list_of(*whole, "v0-180p"), "#EXT-X-GAP"), 0U);
  EXPECT_EQ(count(list_of(*whole, "v0-180p"), "#EXT-X-ENDLIST"), 1U);
  EXPECT_TRUE(is_answered(whole, "v0-180p", next + 10));
}

TEST_F(LadderTest, LacksTheEndWhereItsWriterWasStoppedBefore) {
  auto made = make();
  source_->groups(4);
  made->groups(3);
  made->frame(0);
  made->log().end(media::LogEnd::kDrained);
  source_->frame(0);
  const auto view = fresh_view();
  EXPECT_EQ(count(list_of(*view, "v0-180p", PlaylistForm::kPlain), "EXT-X-GAP"), 1U)
      << list_of(*view, "v0-180p");
}

TEST_F(LadderTest, IsNothingToTheSourcesListsAndPeriods) {
  source_->groups(8);
  source_->frame(0);
  const auto alone = fresh_view();
  auto made = make(1, 3);
  made->groups(2);
  const auto view = fresh_view();
  EXPECT_EQ(segments_of(list_of(*alone, "v0")), segments_of(list_of(*view, "v0")));
  const std::string& mpd = *view->manifests.full.text;
  EXPECT_EQ(count(mpd, "<Period "), count(*alone->manifests.full.text, "<Period "));
  const auto period = [](const std::string& text) { return text.substr(text.find("<Period "), 40); };
  EXPECT_EQ(period(mpd), period(*alone->manifests.full.text));
}

TEST_F(LadderTest, IsInTheSourcesAdaptationSet) {
  auto made = make(1, 1);
  source_->groups(8);
  made->groups(7);
  source_->frame(0);
  made->frame(0);
  const auto view = fresh_view();
  for (const StoredText& text : {view->manifests.full, view->manifests.plain}) {
    const std::string& mpd = *text.text;
    EXPECT_EQ(count(mpd, "<AdaptationSet "), 2U) << mpd;
    EXPECT_EQ(count(mpd, "<Representation "), 3U) << mpd;
    EXPECT_EQ(count(mpd, "segmentAlignment=\"true\""), 1U) << mpd;
    EXPECT_NE(mpd.find("<Representation id=\"v0-180p\""), std::string::npos) << mpd;
    EXPECT_EQ(count(mpd, "$-00000000000000a1-0.m4s\""), 3U) << mpd;
    EXPECT_NE(mpd.find("media=\"v0-180p/"), std::string::npos) << mpd;
  }
}

TEST_F(LadderTest, OfAnotherPublicationIsNothing) {
  TestPublisher::Options options;
  options.publication_id = PublicationId{0xB9};
  options.role = media::LogRole::kRendition;
  options.rendition = "v0-180p";
  options.origin = PublicationId{0xDEAD};
  TestPublisher made(*made_arena_, options);
  source_->groups(4);
  made.groups(4);
  source_->frame(0);
  EXPECT_EQ(fresh_view()->rendition("v0-180p"), nullptr);
}

TEST(MadeRenditionName, HasOneSpelling) {
  ASSERT_TRUE(parse_made_rendition("v0-720p"));
  EXPECT_EQ(to_string(*parse_made_rendition("v0-720p")), "v0-720p");
  EXPECT_EQ(parse_made_rendition("a0-aac")->kind, media::TrackKind::kAudio);
  for (const char* text : {"", "v", "v0", "v0-", "x0-720p", "v00-720p", "v300-720p", "v0_720p", "v0-7/2"})
    EXPECT_FALSE(parse_made_rendition(text)) << text;
}

}  // namespace
}  // namespace millrace::packaging
