// The actors on CAF's test coordinator: one thread, virtual time, a real arena.
#include "actors.hpp"

#include <gtest/gtest.h>

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <filesystem>
#include <fstream>

#include "base/clock.hpp"
#include "bus/v1/bus.pb.h"
#include "test_publisher.hpp"

namespace millrace::packaging {
namespace {

using namespace std::chrono_literals;

class ActorsTest : public ::testing::Test {
 protected:
  ActorsTest() : system_(config()), scheduler_(dynamic_cast<Scheduler&>(system_.scheduler())) {
    shared_->media_log_directory = directory_.path();
    shared_->policy.segments = 4;
    shared_->health = std::make_shared<runtime::Health>();
    shared_->report_viewers = [this](const std::vector<StreamViewers>& streams) { told_ += streams.size(); };
  }
  ~ActorsTest() override {
    for (const auto& entry : shared_->streams.all()) entry->slot.replace({});
    shared_->catalogue.replace({});
    shared_->supervisor.set({});
    if (root_) caf::anon_send_exit(root_, caf::exit_reason::kill);
    root_ = nullptr;
    scheduler_.run();
    advance(60s);
  }

  void start() {
    runtime::SupervisorConfig supervision;
    supervision.name = "root";
    root_ = runtime::spawn_supervisor(system_, std::move(supervision), packaging_children(shared_));
    scheduler_.run();
  }
  void run() { scheduler_.run(); }
  void advance(std::chrono::milliseconds time) {
    for (; time > 0ms; time -= 100ms) {
      scheduler_.advance_time(100ms);
      scheduler_.run();
    }
  }
  std::size_t offered() const {
    const auto view = shared_->views.find("s1");
    return view ? view->offered.size() : 0;
  }
  void make_stream(const TestPublisher::Options& options = {}) {
    if (!arena_) arena_ = make_arena(directory_.path());
    publisher_ = std::make_unique<TestPublisher>(*arena_, options);
  }

  bus::v1::PointerBatch pointer_to(std::uint64_t publication_id, std::uint64_t media_sequence) const {
    bus::v1::PointerBatch batch;
    batch.set_stream_id("s1");
    batch.set_publication_id(publication_id);
    batch.set_arena("ingest");
    batch.set_slot(number_of(publisher_->log().slot()));
    batch.set_media_sequence(media_sequence);
    batch.set_role(stream::v1::LOG_ROLE_SOURCE);
    return batch;
  }
  // What a ladder makes of s1 while it is live.
  static TestPublisher::Options rendition() {
    return {.publication_id = PublicationId{0xC3},
            .epoch = Epoch{9},
            .role = media::LogRole::kRendition,
            .rendition = "360p",
            .origin = PublicationId{0xA1}};
  }

  ScratchDirectory directory_;
  std::unique_ptr<media::ArenaWriter> arena_;
  std::unique_ptr<TestPublisher> publisher_;
  std::shared_ptr<PackagingShared> shared_ = std::make_shared<PackagingShared>();
  std::size_t told_ = 0;

 private:
  using Scheduler = caf::scheduler::test_coordinator;
  static caf::actor_system_config& config() {
    static thread_local std::unique_ptr<caf::actor_system_config> fresh;
    fresh = std::make_unique<caf::actor_system_config>();
    fresh->set("scheduler.policy", caf::atom("testing"));
    return *fresh;
  }

  caf::actor_system system_;
  Scheduler& scheduler_;

 protected:
  caf::actor root_;
};

TEST_F(ActorsTest, OffersWhatIsInTheLogAtOnceAndGoesOnWithoutTheBus) {
  make_stream();
  publisher_->groups(2);
  publisher_->frame(monotonic_us());
  shared_->viewers.seen("s1", "127.0.0.1", "test", monotonic_us(), 60'000'000);
  start();
  EXPECT_TRUE(shared_->scanned);
  EXPECT_EQ(told_, 1U) << "who watches is told";
  EXPECT_EQ(offered(), 2U);
  publisher_->groups(1, monotonic_us());
  EXPECT_EQ(offered(), 2U);
  advance(500ms);
  EXPECT_EQ(offered(), 3U);
}

TEST_F(ActorsTest, ActsOnAPointerThatNamesANewSegmentOrAnUnknownStream) {
  arena_ = make_arena(directory_.path());
  start();
  make_stream();
  publisher_->groups(1, monotonic_us());
  publisher_->frame(monotonic_us());
  const auto pointer = [this](std::uint64_t media_sequence) {
    pointer_received(*shared_, pointer_to(0xA1, media_sequence));
    advance(100ms);
  };
  pointer(1);
  EXPECT_EQ(offered(), 1U);
  publisher_->groups(1, monotonic_us());
  pointer(1);
  EXPECT_EQ(offered(), 2U);
  publisher_->groups(1, monotonic_us());
  pointer(1);
  EXPECT_EQ(offered(), 2U) << "the same segment still grows, as far as is known";
  pointer(2);
  EXPECT_EQ(offered(), 3U);
}

TEST_F(ActorsTest, ActsOnAPointerThatNamesANewPart) {
  make_stream({.part_us = 80'000});
  publisher_->groups(2, monotonic_us());
  publisher_->frame(monotonic_us());
  start();
  const auto parts = [this] { return shared_->views.find("s1")->rendition("v0")->list_end.parts_of_growing; };
  const auto pointer = [this](std::uint64_t closed_parts) {
    bus::v1::PointerBatch batch = pointer_to(0xA1, 3);
    batch.set_closed_parts(closed_parts);
    pointer_received(*shared_, batch);
    run();
  };
  pointer(12);
  EXPECT_EQ(parts(), 0U);
  for (int i = 0; i < 2; ++i) publisher_->frame(monotonic_us());
  pointer(12);
  EXPECT_EQ(parts(), 0U) << "nothing has been closed, as far as is known";
  pointer(13);
  EXPECT_EQ(parts(), 1U);
}

// Renditions stand beside the source, in its writer's arena or in another one, and are newer than it.
TEST_F(ActorsTest, ShowsTheSourceOfAStreamWhateverStandsBesideIt) {
  make_stream();
  publisher_->groups(2, monotonic_us());
  publisher_->frame(monotonic_us());
  start();
  const std::string before = *shared_->views.find("s1")->rendition("v0")->playlist->text().text;
  TestPublisher beside(*arena_, rendition());
  beside.groups(3, monotonic_us());
  const auto ladder = make_arena(directory_.path(), "ladder");
  TestPublisher::Options other = rendition();
  other.publication_id = PublicationId{0xC4};
  other.rendition = "720p";
  TestPublisher elsewhere(*ladder, other);
  elsewhere.groups(3, monotonic_us());
  other.publication_id = PublicationId{0xC5};
  other.stream_id = "nobody-publishes";
  TestPublisher alone(*ladder, other);
  alone.groups(3, monotonic_us());
  bus::v1::PointerBatch pointer = pointer_to(0xC3, 99);
  pointer.set_role(stream::v1::LOG_ROLE_RENDITION);
  pointer.set_rendition("360p");
  pointer_received(*shared_, pointer);
  advance(1s);
  EXPECT_EQ(*shared_->views.find("s1")->rendition("v0")->playlist->text().text, before);
  EXPECT_EQ(shared_->streams.find("nobody-publishes"), nullptr);
  publisher_->groups(1, monotonic_us());
  advance(500ms);
  EXPECT_EQ(offered(), 3U);
}

TEST_F(ActorsTest, ActsOnAPointerThatNamesAGap) {
  make_stream({.part_us = 80'000});
  publisher_->groups(2, monotonic_us());
  start();
  publisher_->log().end(media::LogEnd::kDisconnected);
  advance(500ms);
  media::LogDescription description;
  description.stream_id = "s1";
  description.role = media::LogRole::kSlate;
  description.publication_id = PublicationId{0xF1};
  description.origin_publication_id = PublicationId{0xA1};
  description.numbers = arena_->continuation({"s1"});
  description.epoch = description.numbers->epoch;
  const auto slate = arena_->create_log(description).value();
  bus::v1::PointerBatch pointer = pointer_to(0xF1, 0);
  pointer.set_role(stream::v1::LOG_ROLE_SLATE);
  pointer.set_slot(number_of(slate->slot()));
  for (std::uint32_t part = 1; part <= 3; ++part) {
    media::SampleRecord gap{};
    gap.media_sequence = description.numbers->last_media_sequence + 1;
    gap.discontinuity_sequence = description.numbers->last_discontinuity_sequence;
    if (part == 1) gap.flags = media::kSampleSegmentStart;
    gap.gap_us = 80'000;
    gap.part = part;
    ASSERT_TRUE(slate->commit_gap(gap));
    pointer.set_media_sequence(gap.media_sequence);
    pointer.set_closed_parts(part);
    pointer_received(*shared_, pointer);
    part == 1 ? advance(100ms) : run();  // the first one names a log that the catalogue looks for
    EXPECT_EQ(shared_->views.find("s1")->rendition("v0")->list_end.parts_of_growing, part);
  }
}

// A batch comes every 20 ms; of an arena that can't be read each one names what is not known.
TEST_F(ActorsTest, ScansSeldomForPointersToWhatItCannotFind) {
  make_stream();
  start();
  advance(1s);
  const std::uint64_t before = shared_->scans;
  bus::v1::PointerBatch pointer = pointer_to(0xDEAD, 1);
  pointer.set_stream_id("elsewhere");
  pointer.set_arena("unreadable");
  for (int i = 0; i < 50; ++i) {
    pointer_received(*shared_, pointer);
    run();
    if (i % 5 == 4) advance(100ms);
  }
  EXPECT_LE(shared_->scans - before, 13U) << "ten a second, and the regular ones";
  EXPECT_GE(shared_->scans - before, 5U);
}

TEST_F(ActorsTest, TakesTheStreamsOfAllArenas) {
  make_stream();
  publisher_->groups(2, monotonic_us());
  publisher_->frame(monotonic_us());
  start();
  const auto second = make_arena(directory_.path(), "second");
  TestPublisher other(*second, {.stream_id = "s2", .publication_id = PublicationId{0xD4}});
  other.groups(2, monotonic_us());
  other.frame(monotonic_us());
  bus::v1::PointerBatch pointer = pointer_to(0xD4, 1);
  pointer.set_stream_id("s2");
  pointer.set_arena("second");
  pointer.set_slot(number_of(other.log().slot()));
  pointer_received(*shared_, pointer);
  advance(100ms);
  ASSERT_NE(shared_->views.find("s2"), nullptr) << "the pointer named an arena that was not known";
  EXPECT_EQ(shared_->views.find("s2")->offered.size(), 2U);
  EXPECT_EQ(offered(), 2U);
}

// The stream's next publication comes to another writer; the pointer names a publication by its place.
TEST_F(ActorsTest, FollowsAStreamToAnotherArena) {
  make_stream();
  publisher_->groups(2, monotonic_us());
  publisher_->frame(monotonic_us());
  start();
  publisher_->log().end(media::LogEnd::kDisconnected);
  const auto second = make_arena(directory_.path(), "second");
  TestPublisher next(*second, {.publication_id = PublicationId{0xE5},
                               .epoch = Epoch{2},
                               .started_wall = WallTime::from_us(1'800'000'600'000'000)});
  next.groups(3, monotonic_us());
  next.frame(monotonic_us());
  bus::v1::PointerBatch pointer = pointer_to(0xE5, 1);
  pointer.set_arena("second");
  pointer.set_slot(number_of(next.log().slot()));
  pointer_received(*shared_, pointer);
  advance(100ms);
  const auto view = shared_->views.find("s1");
  ASSERT_NE(view, nullptr);
  EXPECT_EQ(view->offered.back()->segment().publication_id, PublicationId{0xE5});
  EXPECT_EQ(view->offered.size(), 3U);
}

TEST_F(ActorsTest, KeepsTheViewOfACrashedStreamAndMakesItAgainFromTheLog) {
  make_stream();
  publisher_->groups(2, monotonic_us());
  publisher_->frame(monotonic_us());
  start();
  const std::string before = *shared_->views.find("s1")->rendition("v0")->playlist->text().text;
  const caf::actor crashed = shared_->streams.find("s1")->slot.actor();
  caf::anon_send_exit(crashed, caf::exit_reason::kill);
  advance(100ms);
  EXPECT_EQ(*shared_->views.find("s1")->rendition("v0")->playlist->text().text, before);
  advance(1s);
  EXPECT_NE(shared_->streams.find("s1")->slot.actor(), crashed);
  EXPECT_EQ(*shared_->views.find("s1")->rendition("v0")->playlist->text().text, before);
  publisher_->groups(1, monotonic_us());
  advance(500ms);
  EXPECT_EQ(offered(), 3U);
}

// Too little memory for some seconds, or a stream that nothing can be made of.
TEST_F(ActorsTest, TakesAStreamUpAgainThatCrashedTooOften) {
  make_stream({.retention = {.keep_us = 0, .pinned_limit_us = 0, .guaranteed_bytes = 1U << 20}});
  publisher_->groups(2, monotonic_us());
  publisher_->frame(monotonic_us());
  start();
  const auto crash = [this] {
    for (int i = 0; i < 50; ++i) {
      caf::anon_send_exit(shared_->streams.find("s1")->slot.actor(), caf::exit_reason::kill);
      advance(100ms);
    }
  };
  crash();
  publisher_->groups(1, monotonic_us());
  advance(5s);
  EXPECT_EQ(offered(), 2U) << "it rests";
  EXPECT_EQ(shared_->health->overall(), runtime::HealthState::kDegraded);
  advance(40s);
  EXPECT_EQ(offered(), 3U);
  EXPECT_EQ(shared_->health->overall(), runtime::HealthState::kReady);
  crash();
  publisher_.reset();
  for (int i = 1; i < 10; ++i) arena_->maintain(monotonic_us() + i * 1'000'000'000LL);
  advance(40s);
  EXPECT_EQ(shared_->views.find("s1"), nullptr) << "it left the log meanwhile";
}

TEST_F(ActorsTest, KeepsTheStreamsWhenTheCatalogueCrashes) {
  make_stream();
  publisher_->groups(2);
  publisher_->frame(monotonic_us());
  start();
  caf::anon_send_exit(shared_->catalogue.actor(), caf::exit_reason::kill);
  publisher_->groups(1, monotonic_us());
  advance(1s);
  EXPECT_EQ(offered(), 3U);
}

TEST_F(ActorsTest, TakesAllStreamsUpAgainWhenTheirSupervisorCrashed) {
  make_stream();
  publisher_->groups(2);
  publisher_->frame(monotonic_us());
  start();
  caf::anon_send_exit(shared_->supervisor.get(), caf::exit_reason::kill);
  advance(10ms);
  publisher_->groups(1, monotonic_us());
  shared_->streams.find("s1")->slot.wake();  // to the dead one
  advance(1s);
  EXPECT_EQ(offered(), 3U);
  EXPECT_EQ(shared_->streams.all().size(), 1U);
}

TEST_F(ActorsTest, WaitsForAMediaLogAndSaysSo) {
  start();
  EXPECT_TRUE(shared_->scanned);
  EXPECT_EQ(shared_->health->overall(), runtime::HealthState::kDegraded);
  make_stream();
  publisher_->groups(2, monotonic_us());
  advance(500ms);
  EXPECT_EQ(shared_->health->overall(), runtime::HealthState::kReady);
  EXPECT_GE(offered(), 1U);
}

TEST_F(ActorsTest, ForgetsAStreamThatHasLeftTheLogAndTakesItUpAgain) {
  make_stream({.retention = {.keep_us = 0, .pinned_limit_us = 0, .guaranteed_bytes = 1U << 20}});
  publisher_->groups(2);
  publisher_->frame(0);
  start();
  EXPECT_EQ(offered(), 2U);
  publisher_.reset();
  for (int i = 1; i < 10; ++i) arena_->maintain(monotonic_us() + i * 1'000'000'000LL);
  advance(500ms);
  EXPECT_EQ(shared_->views.find("s1"), nullptr);
  EXPECT_EQ(shared_->streams.find("s1"), nullptr);
  make_stream({.publication_id = PublicationId{0xB2}, .epoch = Epoch{2}});
  publisher_->groups(1, monotonic_us());
  publisher_->frame(monotonic_us());
  advance(500ms);
  EXPECT_EQ(offered(), 1U);
}

TEST_F(ActorsTest, ForgetsAStreamAlsoBesideAFileThatIsNoArena) {
  make_stream({.retention = {.keep_us = 0, .pinned_limit_us = 0, .guaranteed_bytes = 1U << 20}});
  publisher_->groups(2);
  publisher_->frame(0);
  start();
  ASSERT_EQ(offered(), 2U);
  std::ofstream(directory_.path() + "/old.arena") << "of another version";
  publisher_.reset();
  for (int i = 1; i < 10; ++i) arena_->maintain(monotonic_us() + i * 1'000'000'000LL);
  advance(60s);
  EXPECT_EQ(shared_->health->overall(), runtime::HealthState::kDegraded);
  EXPECT_EQ(shared_->views.find("s1"), nullptr);
  EXPECT_EQ(shared_->streams.find("s1"), nullptr);
}

TEST_F(ActorsTest, KeepsTheStreamsOfAnArenaThatCannotBeRead) {
  make_stream();
  publisher_->groups(2);
  publisher_->frame(monotonic_us());
  start();
  ASSERT_TRUE(shared_->streams.find("s1"));
  ASSERT_EQ(offered(), 2U);
  const auto other = make_arena(directory_.path(), "other");
  std::filesystem::remove(directory_.path() + "/ingest.cursors");
  caf::anon_send_exit(shared_->catalogue.actor(), caf::exit_reason::kill);
  advance(5s);
  EXPECT_EQ(shared_->health->overall(), runtime::HealthState::kDegraded);
  EXPECT_TRUE(shared_->streams.find("s1")) << "the new catalogue does not see its arena";
  EXPECT_EQ(offered(), 2U);
}

}  // namespace
}  // namespace millrace::packaging
