// The actors when they crash: real threads and files, a real arena.
#include "actors.hpp"

#include <gtest/gtest.h>

#include <caf/all.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "../tests/support.hpp"
#include "base/clock.hpp"
#include "bus/v1/bus.pb.h"

namespace millrace::recording {
namespace {

using namespace std::chrono_literals;

class ActorsTest : public ::testing::Test {
 protected:
  ActorsTest()
      : arena_(test::make_arena(directory_.path())),
        shared_(std::make_shared<RecordingShared>(directory_.path(), directory_.path() + "/vod", 0,
                                                  FileLimits{}, std::make_shared<runtime::Health>(),
                                                  [](const bus::v1::Event&) {})),
        system_(config_) {
    std::filesystem::create_directories(directory_.path() + "/vod");
  }
  ~ActorsTest() override {
    shared_->workers.stop();
    shared_->scanner_actor.replace(nullptr);
    shared_->supervisor.set(nullptr);
    if (root_) runtime::stop(root_);
    root_ = nullptr;
    system_.await_all_actors_done();
  }

  void start() {
    root_ = runtime::spawn_supervisor(system_, {.name = "root", .backoff = {1ms, 5ms}},
                                      recording_children(shared_));
  }
  static bool wait_for(const std::function<bool()>& probe) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!probe() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(2ms);
    return probe();
  }
  bool all_ended(std::size_t count) {
    return wait_for([&] {
      const auto all = shared_->publications.all();
      return all.size() == count &&
             std::all_of(all.begin(), all.end(), [](const auto& each) { return each->ended(); });
    });
  }
  bool look_until(runtime::HealthState state) {
    return wait_for([&] {
      shared_->scanner_actor.wake();
      return shared_->health->overall() == state;
    });
  }

  test::ScratchDirectory directory_;
  std::unique_ptr<media::ArenaWriter> arena_;
  std::shared_ptr<RecordingShared> shared_;
  caf::actor_system_config config_;
  caf::actor_system system_;
  caf::actor root_;
};

TEST_F(ActorsTest, RecordsOnWhenTheSupervisorOfThePublicationsCrashed) {
  test::Publisher first(*arena_, 1);
  first.turns(50);
  start();
  ASSERT_TRUE(wait_for([&] { return shared_->publications.active() == 1; }));
  caf::anon_send_exit(shared_->supervisor.get(), caf::exit_reason::kill);
  first.turns(50);
  first.log().end(media::LogEnd::kUnpublished);
  EXPECT_TRUE(all_ended(1));
}

// Sources of all arenas, and nothing that was made from them. A rendition ends after its source: a part of
// it would wait for that.
TEST_F(ActorsTest, RecordsTheSourcesOfAllArenasAndNoRendition) {
  test::Publisher source(*arena_, 1);
  test::Publisher beside(*arena_, test::Publisher::describe_rendition(2, "360p"));
  const auto ladder = test::make_arena(directory_.path(), 32U << 20, "ladder");
  test::Publisher elsewhere(*ladder, test::Publisher::describe_rendition(3, "720p"));
  media::LogDescription description = test::Publisher::describe(4);
  description.stream_id = "s2";
  test::Publisher other(*ladder, description);
  for (test::Publisher* publisher : {&source, &beside, &elsewhere, &other}) {
    publisher->turns(50);
    publisher->log().end(media::LogEnd::kUnpublished);
  }
  start();
  ASSERT_TRUE(all_ended(2));
  const std::string vod = directory_.path() + "/vod";
  ASSERT_TRUE(wait_for([&] { return test::files(vod, FileState::kFinished).size() == 2; }));
  for (const char* stream : {"s1", "s2"}) {
    const std::vector<std::string> names = test::files(vod, FileState::kFinished);
    EXPECT_EQ(std::count_if(names.begin(), names.end(),
                            [&](const std::string& name) { return name.starts_with(stream); }),
              1);
  }
  test::expect_whole(vod, 1, source.log().committed());
  EXPECT_EQ(shared_->publications.all().size(), 2U);
}

TEST_F(ActorsTest, FindsWhatCameWhileTheScannerWasDead) {
  start();
  ASSERT_TRUE(wait_for([&] { return shared_->scanner_actor.actor() != nullptr; }));
  caf::anon_send_exit(shared_->scanner_actor.actor(), caf::exit_reason::kill);
  test::Publisher publisher(*arena_, 1);
  publisher.turns(50);
  publisher.log().end(media::LogEnd::kUnpublished);
  shared_->scanner_actor.wake();  // to the dead one, perhaps
  EXPECT_TRUE(all_ended(1));
}

TEST_F(ActorsTest, RecordsNothingTwiceWhenTheDirectoryCouldNotBeLockedOnce) {
  const std::string lock = directory_.path() + "/vod/.recorder";
  test::Publisher publisher(*arena_, 1);
  publisher.turns(50);
  publisher.log().end(media::LogEnd::kUnpublished);
  start();
  ASSERT_TRUE(all_ended(1));
  const std::shared_ptr<Publication> recorded = shared_->publications.all().front();
  ASSERT_TRUE(look_until(runtime::HealthState::kReady));
  std::filesystem::remove(lock);
  std::filesystem::create_directory(lock);
  ASSERT_TRUE(look_until(runtime::HealthState::kDegraded));
  std::filesystem::remove(lock);
  ASSERT_TRUE(look_until(runtime::HealthState::kReady));
  ASSERT_TRUE(all_ended(1));
  EXPECT_EQ(shared_->publications.all().front(), recorded);
}

// Neither is what is in the log taken for new, nor is anything kept that is not.
TEST_F(ActorsTest, KeepsWhatIsInTheLogBesideAFileThatIsNoArena) {
  const std::string broken = directory_.path() + "/broken.arena";
  test::Publisher publisher(*arena_, 1);
  publisher.turns(50);
  publisher.log().end(media::LogEnd::kUnpublished);
  start();
  ASSERT_TRUE(all_ended(1));
  const std::shared_ptr<Publication> recorded = shared_->publications.all().front();
  ASSERT_TRUE(look_until(runtime::HealthState::kReady));
  std::ofstream(broken) << "no arena";
  std::filesystem::remove(directory_.path() + "/ingest.cursors");
  ASSERT_TRUE(look_until(runtime::HealthState::kDegraded));
  std::filesystem::remove(broken);
  ASSERT_TRUE(look_until(runtime::HealthState::kReady));
  ASSERT_TRUE(all_ended(1));
  EXPECT_EQ(shared_->publications.all().front(), recorded);
  std::ofstream(broken) << "no arena";
  std::filesystem::remove(directory_.path() + "/ingest.arena");
  EXPECT_TRUE(wait_for([&] {
    shared_->scanner_actor.wake();
    return shared_->publications.all().empty();
  }));
  EXPECT_TRUE(look_until(runtime::HealthState::kDegraded));
}

}  // namespace
}  // namespace millrace::recording
