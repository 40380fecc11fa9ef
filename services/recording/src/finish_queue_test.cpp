#include "finish_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <new>
#include <utility>

#include "bus/v1/bus.pb.h"
#include "runtime/health.hpp"

namespace millrace::recording {
namespace {

using namespace std::chrono_literals;

class FinishQueueTest : public testing::Test {
 protected:
  Result<FinishedFile> finish(const std::string& stem) {
    {
      const std::lock_guard lock(mutex_);
      ++attempts_[stem];
    }
    tried_.notify_all();
    if (stem.starts_with("memory") && attempts(stem) < 2) throw std::bad_alloc();
    if (stem.starts_with("damaged")) return fail("recording.damaged", "of no use");
    if (stem.starts_with("full")) return fail("recording.disk_full", "no room");
    return FinishedFile{.publication_id = PublicationId{1}, .size = 2, .duration_us = 3, .samples = 4};
  }
  int attempts(const std::string& stem) {
    const std::lock_guard lock(mutex_);
    return attempts_[stem];
  }
  void wait_for_attempts(const std::string& stem, int count) {
    std::unique_lock lock(mutex_);
    tried_.wait(lock, [&] { return attempts_[stem] >= count; });
  }
  void wait(FinishQueue& queue) { queue.wait(std::chrono::steady_clock::now() + 60s); }
  FinishQueue::Finish finisher() {
    return [this](const std::string& stem, const std::atomic<bool>&) { return finish(stem); };
  }

  std::mutex mutex_;
  std::condition_variable tried_;
  std::map<std::string, int> attempts_;
  std::mutex events_mutex_;
  std::vector<bus::v1::Event> events_;
  bool no_memory_ = false;  // for the next report of a recording's end
  std::shared_ptr<runtime::Health> health_ = std::make_shared<runtime::Health>();
  Reporter reporter_{health_, [this](bus::v1::Event event) {
                       const std::lock_guard lock(events_mutex_);
                       if (event.key().starts_with("recording/") && std::exchange(no_memory_, false))
                         throw std::bad_alloc();
                       events_.push_back(std::move(event));
                     }};
};

// Out of memory while one file is finished: said, the others are finished, and so is this one later.
TEST_F(FinishQueueTest, SurvivesExceptions) {
  FinishQueue queue(finisher(), reporter_);
  queue.add("memory", "s1");
  queue.add("other", "s2");
  wait(queue);
  EXPECT_EQ(attempts("other"), 1);
  {
    const std::lock_guard lock(events_mutex_);
    EXPECT_TRUE(std::any_of(events_.begin(), events_.end(), [](const bus::v1::Event& event) {
      return event.has_recording_failed() && event.recording_failed().code() == "recording.exception" &&
             event.recording_failed().stream_id() == "s1";
    }));
  }
  wait_for_attempts("memory", 2);
}

TEST_F(FinishQueueTest, TriesWhatIsDamagedOnce) {
  FinishQueue queue(finisher(), reporter_);
  queue.add("damaged", "s1");
  queue.add("full", "s1");
  wait_for_attempts("full", 2);
  wait(queue);
  EXPECT_EQ(attempts("damaged"), 1);
  EXPECT_EQ(health_->overall(), runtime::HealthState::kDegraded);
  const std::lock_guard lock(events_mutex_);
  EXPECT_TRUE(std::any_of(events_.begin(), events_.end(), [](const bus::v1::Event& event) {
    return event.retracted() && event.key() == "recording/damaged.mp4";
  })) << "it is not being recorded any more";
}

// Out of memory while the end of a recording is reported: it is reported later, the file is finished once.
TEST_F(FinishQueueTest, ReportsAgainWhatCouldNotBeReported) {
  for (const std::string stem : {"finished", "damaged"}) {
    {
      const std::lock_guard lock(events_mutex_);
      no_memory_ = true;
    }
    FinishQueue queue(finisher(), reporter_);
    queue.add(stem, "s1");
    wait(queue);
    EXPECT_EQ(attempts(stem), 1);
    const std::lock_guard lock(events_mutex_);
    EXPECT_EQ(std::count_if(events_.begin(), events_.end(),
                            [&](const bus::v1::Event& event) {
                              return event.retracted() && event.key() == "recording/" + stem + ".mp4" &&
                                     event.has_recording_finished() == (stem == "finished");
                            }),
              1)
        << stem;
  }
}

TEST(Retry, WaitsTwiceAsLongEachTimeUpToItsLimit) {
  Retry retry(FinishQueue::kLongestRetryUs);
  std::int64_t now_us = 0;
  std::int64_t waited_us = 0;
  for (std::int64_t expected_us = 1'000'000; waited_us < FinishQueue::kLongestRetryUs;
       expected_us = std::min(expected_us * 2, FinishQueue::kLongestRetryUs)) {
    EXPECT_TRUE(retry.due(now_us));
    retry.failed(now_us);
    waited_us = retry.due_us() - now_us;
    EXPECT_EQ(waited_us, expected_us);
    now_us = retry.due_us();
  }
  retry.succeeded();
  EXPECT_TRUE(retry.due(0));
}

}  // namespace
}  // namespace millrace::recording
