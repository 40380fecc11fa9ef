#include "watcher.hpp"

#include <gtest/gtest.h>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.hpp"
#include "media/arena_writer.hpp"

namespace millrace::transcoding {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

class WatcherTest : public ::testing::Test {
 protected:
  WatcherTest() {
    std::string path = "/tmp/millrace-watcher-XXXXXX";
    settings_.directory = ::mkdtemp(path.data());
    settings_.program = "/bin/sh";
    ingest_ = arena("ingest");
  }
  ~WatcherTest() override {
    live_.reset();
    ingest_.reset();
    std::filesystem::remove_all(settings_.directory);
  }

  std::unique_ptr<media::ArenaWriter> arena(const std::string& name) const {
    return std::move(
        media::ArenaWriter::open({settings_.directory, name, 16U << 20, 256U << 10, 16}).value());
  }
  void publish() {
    media::LogDescription description;
    description.stream_id = "cam";
    description.publication_id = PublicationId{7};
    description.retention.guaranteed_bytes = 1U << 20;
    live_ = std::move(ingest_->create_log(description).value());
  }
  // A child is this script; what it is told as a child comes behind.
  void run_script(const std::string& script) { settings_.arguments = {"-c", script}; }
  std::size_t running() const {
    std::size_t count = 0;
    for (const auto& family : watcher_->metrics().collectable()->Collect()) {
      if (family.name == "millrace_transcoding_children")
        count = static_cast<std::size_t>(family.metric.front().gauge.value);
    }
    return count;
  }
  void start() { watcher_.emplace(settings_, health_); }
  bool is_there(const std::string& file) const {
    return std::filesystem::exists(settings_.directory + "/" + file);
  }

  WatcherSettings settings_;
  std::shared_ptr<runtime::Health> health_ = std::make_shared<runtime::Health>();
  std::unique_ptr<media::ArenaWriter> ingest_;
  std::unique_ptr<media::LogWriter> live_;
  std::optional<Watcher> watcher_;
};

TEST_F(WatcherTest, StartsAChildForALiveSourceAndEndsIt) {
  run_script("exec sleep 1000");
  start();
  watcher_->look(0);
  EXPECT_EQ(running(), 0U);
  publish();
  watcher_->look(kSecond);
  EXPECT_EQ(running(), 1U);
  watcher_->stop(monotonic_us() + 10 * kSecond);
  watcher_->look(2 * kSecond);
}

TEST_F(WatcherTest, KillsAChildThatDoesNotEnd) {
  run_script("trap '' TERM; while :; do sleep 1; done");
  start();
  publish();
  watcher_->look(0);
  watcher_->stop(monotonic_us());
}

TEST_F(WatcherTest, SaysThatTheEncoderCannotBeUsed) {
  run_script("exit 69");
  start();
  publish();
  std::int64_t now_us = 0;
  watcher_->look(now_us);
  while (health_->overall() != runtime::HealthState::kDegraded) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    watcher_->look(now_us += kSecond);
  }
  EXPECT_NE(health_->report().json().find("the encoder cannot be used"), std::string::npos);
  EXPECT_EQ(running(), 0U);
}

TEST_F(WatcherTest, RemovesArenasThatNobodyWritesToAnyMore) {
  arena("transcoder-old").reset();
  const auto used = arena("transcoder-used");
  arena("other").reset();
  start();
  watcher_->look(0);
  watcher_->look(Watcher::kKeepArenaUs - 1);
  EXPECT_TRUE(is_there("transcoder-old.arena"));
  watcher_->look(Watcher::kKeepArenaUs);
  for (const char* file : {"transcoder-old.arena", "transcoder-old.cursors", "transcoder-old.lock"})
    EXPECT_FALSE(is_there(file)) << file;
  EXPECT_TRUE(is_there("transcoder-used.arena"));
  EXPECT_TRUE(is_there("other.arena"));
}

TEST_F(WatcherTest, KeepsTheArenaOfALiveStream) {
  run_script("exec sleep 1000");
  arena("transcoder-cam").reset();
  publish();
  start();
  watcher_->look(0);
  watcher_->look(2 * Watcher::kKeepArenaUs);
  EXPECT_TRUE(is_there("transcoder-cam.arena"));
  watcher_->stop(monotonic_us() + 10 * kSecond);
}

}  // namespace
}  // namespace millrace::transcoding
