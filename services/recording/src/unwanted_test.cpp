// When what is unwanted is looked for, and what becomes of files that wait to be finished.
#include "unwanted.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>

#include "bus/v1/bus.pb.h"
#include "runtime/health.hpp"

namespace millrace::recording {
namespace {

using namespace std::chrono_literals;

const std::string kStem = "gone-2026-11-18T11-06-40.123Z";

class UnwantedTest : public ::testing::Test {
 protected:
  UnwantedTest() {
    std::string pattern = ::testing::TempDir() + "/unwanted-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~UnwantedTest() override { std::filesystem::remove_all(directory_); }
  void put(const std::string& suffix) const { std::ofstream(directory_ + "/" + kStem + suffix) << "media"; }
  bool has(const std::string& suffix) const {
    return std::filesystem::exists(directory_ + "/" + kStem + suffix);
  }
  void look(FinishQueue& queue, const StreamIds& recorded = {}) {
    unwanted_.look(directory_, recorded, queue, reporter_);
  }
  static FinishQueue::Finish failing() {
    return [](const std::string&, const std::atomic<bool>&) -> Result<FinishedFile> {
      return fail("recording.disk_full", "no room");
    };
  }

  std::string directory_;
  std::shared_ptr<runtime::Health> health_ = std::make_shared<runtime::Health>();
  std::mutex events_mutex_;
  std::vector<bus::v1::Event> events_;
  Reporter reporter_{health_, [this](bus::v1::Event event) {
                       const std::lock_guard lock(events_mutex_);
                       events_.push_back(std::move(event));
                     }};
  Unwanted unwanted_;
};

TEST_F(UnwantedTest, IsDeletedOnceAndLookedForNoMore) {
  FinishQueue queue(failing(), reporter_);
  put(".mp4");
  look(queue);
  EXPECT_TRUE(has(".mp4")) << "nobody named it";
  unwanted_.add("gone");
  look(queue);
  EXPECT_FALSE(has(".mp4"));
  EXPECT_TRUE(unwanted_.contains("gone"));
  put(".mp4");
  look(queue);
  EXPECT_TRUE(has(".mp4")) << "nothing has changed";
  unwanted_.replace({"gone"});  // auth has started again
  look(queue);
  EXPECT_FALSE(has(".mp4"));
  unwanted_.replace({});
  EXPECT_FALSE(unwanted_.contains("gone"));
}

TEST_F(UnwantedTest, WaitsForWhoeverRecordsIt) {
  FinishQueue queue(failing(), reporter_);
  put(".part.mp4");
  unwanted_.add("gone");
  look(queue, {"gone", "other"});
  EXPECT_TRUE(has(".part.mp4"));
  look(queue, {"other"});
  EXPECT_FALSE(has(".part.mp4"));
}

// A full disk would keep it for ever: it is what would make room.
TEST_F(UnwantedTest, IsNotFinishedFirst) {
  FinishQueue queue(failing(), reporter_);
  put(".part.mp4");
  queue.add(kStem, "gone");
  queue.wait(std::chrono::steady_clock::now() + 60s);
  unwanted_.add("gone");
  look(queue);
  EXPECT_FALSE(has(".part.mp4"));
  const std::lock_guard lock(events_mutex_);
  const auto retracted = [&](const std::string& key) {
    return std::any_of(events_.begin(), events_.end(),
                       [&](const bus::v1::Event& event) { return event.key() == key && event.retracted(); });
  };
  EXPECT_TRUE(retracted("recording/" + kStem + ".mp4")) << "it is recorded no more";
  EXPECT_TRUE(retracted("recording-failure/gone")) << "and fails no more";
}

TEST_F(UnwantedTest, WaitsForTheFileThatIsBeingFinished) {
  std::promise<void> begun;
  std::promise<void> go;
  FinishQueue queue(
      [&](const std::string&, const std::atomic<bool>&) -> Result<FinishedFile> {
        begun.set_value();
        go.get_future().wait();
        return FinishedFile{.publication_id = PublicationId{1}, .size = 2, .duration_us = 3, .samples = 4};
      },
      reporter_);
  put(".part.mp4");
  put(".finishing.part.mp4");
  queue.add(kStem, "gone");
  begun.get_future().wait();
  unwanted_.add("gone");
  look(queue);
  EXPECT_TRUE(has(".part.mp4") && has(".finishing.part.mp4"));
  go.set_value();
  queue.wait(std::chrono::steady_clock::now() + 60s);
  look(queue);
  EXPECT_FALSE(has(".part.mp4") || has(".finishing.part.mp4"));
}

}  // namespace
}  // namespace millrace::recording
