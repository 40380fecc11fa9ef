// Ladders that are made on demand: what is offered before there is anything of them.
#include <gtest/gtest.h>

#include "ladder_fixture.hpp"
#include "ladder_logs.hpp"
#include "test_plan.hpp"

namespace millrace::packaging {
namespace {

class PlannedLadderTest : public LadderTest {};

TEST_F(PlannedLadderTest, IsOfferedBeforeThereIsAnythingOfIt) {
  source_->groups(8);
  source_->frame(0);
  StreamPackage package("s1", kPolicy);
  package.set_plan(test_plan());
  const auto view = view_of(package);
  const RenditionView* const rendition = view->rendition("v0-180p");
  ASSERT_NE(rendition, nullptr);
  const std::string& multivariant = *view->multivariant_playlist->text().text;
  EXPECT_EQ(count(multivariant, "#EXT-X-STREAM-INF"), 2U) << multivariant;
  EXPECT_NE(multivariant.find("\nv0-180p/index.m3u8\n"), std::string::npos) << multivariant;
  const std::string list = list_of(*view, "v0-180p");
  EXPECT_EQ(count(list, "EXT-X-GAP"), 0U) << list;
  EXPECT_EQ(count(list, "#EXT-X-PART:"), 0U) << list;
  EXPECT_EQ(segments_of(list), segments_of(list_of(*view, "v0")));
  EXPECT_EQ(list_of(*view, "v0").find("v0-180p"), std::string::npos) << "no report of what nobody makes";
  const SegmentName name = segment_name(view->offered.back()->segment());
  EXPECT_TRUE(view->is_awaited(*rendition, name));
  EXPECT_FALSE(view->is_gap(*rendition, name));
  EXPECT_EQ(rendition->init_segments.size(), 1U);
  for (const StoredText& text : {view->manifests.full, view->manifests.plain})
    EXPECT_EQ(count(*text.text, "<Representation "), 3U) << *text.text;
}

// Players begin with the first variant: never one that has to be made, however few bits the source has.
TEST_F(PlannedLadderTest, StandsBehindTheSource) {
  source_->groups(8);
  source_->frame(0);
  StreamPackage package("s1", kPolicy);
  const auto large = test_plan();
  large->renditions.front().most = {90'000'000, 80'000'000};
  package.set_plan(large);
  const std::string multivariant = *view_of(package)->multivariant_playlist->text().text;
  EXPECT_LT(multivariant.find("\nv0/index.m3u8\n"), multivariant.find("\nv0-180p/index.m3u8\n"))
      << multivariant;
  EXPECT_NE(multivariant.find("\nv0-180p/index.m3u8\n"), std::string::npos);
}

TEST_F(PlannedLadderTest, KeepsWhatWasPromisedUntilItsWriterHasPassedIt) {
  source_->groups(8);
  source_->frame(0);
  StreamPackage package("s1", kPolicy);
  package.set_plan(test_plan());
  const auto before = view_of(package);
  const auto init = before->rendition("v0-180p")->init_segments.begin()->first;
  const auto made = make(1, 4);
  made->groups(1);
  made->frame(0);
  const auto view = view_of(package);
  const RenditionView& rendition = *view->rendition("v0-180p");
  const std::string list = list_of(*view, "v0-180p");
  EXPECT_EQ(count(list_of(*view, "v0-180p", PlaylistForm::kPlain), "EXT-X-GAP"), 4U) << list;
  EXPECT_EQ(segments_of(list).size(), 8U) << list;
  EXPECT_EQ(rendition.behind, 0U);
  const auto name = [&](std::size_t place) { return segment_name(view->offered[place]->segment()); };
  EXPECT_TRUE(view->is_gap(rendition, name(3)));
  EXPECT_EQ(view->presence(rendition, name(4)), Presence::kHere);
  EXPECT_TRUE(view->is_awaited(rendition, name(5)));
  EXPECT_TRUE(view->growing_of(rendition, name(5)));
  EXPECT_TRUE(view->is_awaited(rendition, name(7)));
  EXPECT_EQ(rendition.init_segments.size(), 1U);
  EXPECT_EQ(rendition.init_segments.begin()->first, init) << "what is made is what was planned";
  source_->groups(1);
  EXPECT_EQ(view_of(package)->rendition("v0-180p")->behind, 1U) << "nothing is promised of what is made";
}

TEST_F(PlannedLadderTest, IsIdleAgainWhenItsWriterHasEnded) {
  source_->groups(8);
  source_->frame(0);
  StreamPackage package("s1", kPolicy);
  package.set_plan(test_plan());
  view_of(package);
  auto made = make();
  made->groups(8);
  made->frame(0);
  EXPECT_EQ(count(list_of(*view_of(package), "v0"), "v0-180p/index.m3u8"), 1U);
  made->log().end(media::LogEnd::kUnpublished);
  source_->groups(2);
  source_->frame(0);
  const auto view = view_of(package);
  const RenditionView& rendition = *view->rendition("v0-180p");
  EXPECT_EQ(rendition.behind, 0U);
  EXPECT_EQ(count(list_of(*view, "v0-180p", PlaylistForm::kPlain), "EXT-X-GAP"), 1U) << "what was cut off";
  EXPECT_TRUE(view->is_awaited(rendition, segment_name(view->offered.back()->segment())));
}

TEST_F(PlannedLadderTest, IsNotOfferedWhereItIsRefused) {
  source_->groups(8);
  source_->frame(0);
  StreamPackage package("s1", kPolicy);
  const auto refused = test_plan();
  refused->is_refused = true;
  package.set_plan(refused);
  const auto view = view_of(package);
  EXPECT_EQ(count(*view->multivariant_playlist->text().text, "#EXT-X-STREAM-INF"), 1U);
  EXPECT_GT(count(list_of(*view, "v0-180p"), "EXT-X-GAP"), 0U);
}

TEST_F(PlannedLadderTest, IsOfOnePublication) {
  source_->groups(8);
  source_->frame(0);
  StreamPackage package("s1", kPolicy);
  package.set_plan(test_plan("v0-180p", PublicationId{0xDEAD}));
  EXPECT_EQ(view_of(package)->rendition("v0-180p"), nullptr);
}

// The source's picture has changed, and what it is made into is not known yet.
TEST_F(PlannedLadderTest, PromisesWhatItWasPlannedOf) {
  source_->groups(8);
  source_->frame(0);
  StreamPackage package("s1", kPolicy);
  const auto other = test_plan();
  other->renditions.front().source_configuration = 7;
  package.set_plan(other);
  const auto view = view_of(package);
  const RenditionView& rendition = *view->rendition("v0-180p");
  EXPECT_GT(rendition.behind, 0U);
  for (std::size_t i = 0; i < view->offered.size(); ++i) EXPECT_FALSE(rendition.is_promised(i)) << i;
  package.set_plan(test_plan());
  const auto planned = view_of(package);
  EXPECT_EQ(planned->rendition("v0-180p")->behind, 0U);
  EXPECT_TRUE(planned->rendition("v0-180p")->is_promised(7));
}

// While something of it is in a log: the stream has ended, or has another picture, that this is not made of.
TEST_F(PlannedLadderTest, PromisesNothingThatIsNoLongerPlanned) {
  source_->groups(8);
  source_->frame(0);
  const auto made = make(1, 4);
  made->groups(1);
  made->frame(0);
  made->log().end(media::LogEnd::kUnpublished);
  const auto another = test_plan("v0-90p");
  const auto of_another = test_plan();
  of_another->renditions.front().source_configuration = 7;
  for (const auto& plan : {std::shared_ptr<RenditionPlan>(), another, of_another}) {
    StreamPackage package("s1", kPolicy);
    package.set_plan(test_plan());
    const auto before = view_of(package);
    ASSERT_TRUE(before->rendition("v0-180p")->is_promised(7));
    package.set_plan(plan);
    const auto view = view_of(package, 1);
    const RenditionView& rendition = *view->rendition("v0-180p");
    for (std::size_t i = 0; i < view->offered.size(); ++i) EXPECT_FALSE(rendition.is_promised(i)) << i;
    for (const PlaylistForm form : {PlaylistForm::kFull, PlaylistForm::kPlain, PlaylistForm::kDelta})
      EXPECT_NE(list_of(*view, "v0-180p", form), "");
    EXPECT_NE(*view->multivariant_playlist->text().text, "");
    EXPECT_NE(*view->manifests.full.text, "");
  }
}

// Who asks for the oldest that is listed waits for a writer that has to start first.
TEST_F(PlannedLadderTest, KeepsAPromiseForAWhileBehindTheWindow) {
  source_->groups(16);
  source_->frame(0);
  StreamPackage package("s1", kPolicy);
  package.set_plan(test_plan());
  const std::string oldest = to_string(segment_name(view_of(package)->offered[1]->segment()));
  source_->groups(4);
  source_->frame(0);
  const auto is_awaited = [&](std::int64_t now_us) {
    const auto view = view_of(package, now_us);
    return view->is_awaited(*view->rendition("v0-180p"), *parse_segment_name(oldest));
  };
  EXPECT_TRUE(is_awaited(LadderLogs::kPromisedTargets * kSecond - 1));
  EXPECT_FALSE(is_awaited(LadderLogs::kPromisedTargets * kSecond));
}

// Its source's picture has paused: who comes now is offered the sound.
TEST_F(PlannedLadderTest, IsNotOfferedWhileItsSourcePauses) {
  source_->groups(8);
  source_->frame(0);
  StreamPackage package("s1", kPolicy);
  package.set_plan(test_plan());
  EXPECT_EQ(count(*view_of(package)->multivariant_playlist->text().text, "v0-180p/"), 1U);
  source_->show(false);
  source_->groups(40);
  const std::string multivariant = *view_of(package)->multivariant_playlist->text().text;
  EXPECT_EQ(count(multivariant, "v0-180p/"), 0U) << multivariant;
  EXPECT_GT(count(multivariant, "a0/index.m3u8"), 0U) << multivariant;
}

TEST_F(PlannedLadderTest, IsAnErrorWhereWhatIsMadeIsNotWhatWasAnnounced) {
  source_->groups(8);
  source_->frame(0);
  const auto made = make();
  made->groups(8);
  made->frame(0);
  StreamPackage package("s1", kPolicy);
  const auto other = test_plan();
  TrackDescription description = *other->renditions.front().description;
  ++description.digest;
  other->renditions.front().description = std::make_shared<const TrackDescription>(description);
  package.set_plan(other);
  const StreamPackage::Update update = package.update(logs(), 0);
  EXPECT_EQ(update.problems, std::vector<std::string>{"v0-180p is not what was announced"});
  EXPECT_EQ(count(*package.view()->multivariant_playlist->text().text, "#EXT-X-STREAM-INF"), 1U);
  EXPECT_TRUE(package.update(logs(), 1).problems.empty()) << "it is said once";
}

}  // namespace
}  // namespace millrace::packaging
