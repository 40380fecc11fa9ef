#include "watcher.hpp"

#include <gtest/gtest.h>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
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

// What is left of its source is still to be written.
TEST_F(WatcherTest, LeavesAChildAloneWhoseSourceHasEnded) {
  const std::string& directory = settings_.directory;
  run_script("trap ': > " + directory + "/asked' TERM; : > " + directory + "/begun; while [ ! -e " +
             directory + "/done ]; do sleep 0.01; done");
  start();
  publish();
  std::int64_t now_us = 0;
  const auto look_until = [&](const std::function<bool()>& holds) {
    for (int i = 0; i < 1000 && !holds(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      watcher_->look(now_us += 1000);
    }
    EXPECT_TRUE(holds());
  };
  look_until([&] { return is_there("begun"); });
  live_.reset();
  int looks = 0;
  look_until([&] { return ++looks > 20; });
  EXPECT_FALSE(is_there("asked"));
  EXPECT_EQ(running(), 1U);
  std::ofstream(directory + "/done") << "";
  look_until([&] { return running() == 0; });
  EXPECT_FALSE(is_there("asked"));
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

// A planner says that there is one rendition; a child keeps what it is told.
TEST_F(WatcherTest, MakesOnDemandWhatIsWanted) {
  ::signal(SIGPIPE, SIG_IGN);  // as in every service
  run_script(
      "if [ \"$0\" = --plan ]; then echo "
      "'{\"publication\":7,\"source_kbps\":900,\"source_millifps\":25000,\"picture\":0,\"tracks\":["
      "{\"name\":\"v0-360p\",\"kind\":0,\"codec\":1,\"timescale\":90000,"
      "\"width\":640,\"height\":360,"
      "\"sample_rate\":0,\"channels\":0,\"frame_rate_mhz\":25000,\"kbps\":800,"
      "\"peak_kbps\":900,\"codecs\":\"\",\"source_configuration\":0,"
      "\"configuration\":\"00ff\"}]}'; else exec cat > " +
      settings_.directory + "/told; fi");
  settings_.linger = std::chrono::seconds(30);
  std::vector<std::pair<v1::RenditionsPlanned, bool>> said;
  settings_.announce = [&](const v1::RenditionsPlanned& plan, bool there) { said.emplace_back(plan, there); };
  start();
  publish();
  std::int64_t now_us = 0;
  const auto look_until = [&](const std::function<bool()>& holds) {
    for (int i = 0; i < 1000 && !holds(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      watcher_->look(now_us += 1000);
    }
    EXPECT_TRUE(holds());
  };
  look_until([&] { return !said.empty(); });
  ASSERT_EQ(said.front().first.renditions_size(), 1);
  EXPECT_EQ(said.front().first.renditions(0).configuration().size(), 2U);
  EXPECT_TRUE(said.front().first.refusal().empty());
  EXPECT_EQ(running(), 0U) << "nothing is made that nobody wants";
  v1::RenditionsWanted wanted;
  wanted.set_publication_id(7);
  wanted.add_renditions()->set_name("v0-360p");
  wanted.mutable_renditions(0)->set_media_sequence(99);
  watcher_->want(wanted);
  look_until([&] {
    return running() == 1 && is_there("told") &&
           std::filesystem::file_size(settings_.directory + "/told") > 0;
  });
  std::ifstream told(settings_.directory + "/told");
  std::string line;
  std::getline(told, line);
  EXPECT_EQ(line, "want 99 900 25000 v0-360p");
  now_us += 30 * kSecond;
  look_until([&] { return running() == 0; });
  live_.reset();
  look_until([&] { return !said.back().second; });
  watcher_->stop(monotonic_us() + 10 * kSecond);
}

// A planner says which configuration it has seen: as many as there are in a file.
TEST_F(WatcherTest, PlansAgainWhatHasAnotherPicture) {
  run_script(
      "n=$(cat " + settings_.directory +
      "/picture); echo '{\"publication\":7,\"source_kbps\":900,\"source_millifps\":25000,\"picture\":'$n',"
      "\"tracks\":[]}'; echo >> " +
      settings_.directory + "/planned");
  const auto picture = [&](int index) { std::ofstream(settings_.directory + "/picture") << index; };
  const auto planned = [&] {
    std::error_code none;
    const auto size = std::filesystem::file_size(settings_.directory + "/planned", none);
    return none ? std::size_t{0} : static_cast<std::size_t>(size);
  };
  picture(0);
  settings_.linger = std::chrono::seconds(30);
  start();
  publish();
  const auto configure = [&](const std::string& bytes) {
    media::TrackConfiguration description{};
    description.track = media::kVideoTrack;
    ASSERT_TRUE(live_->add_configuration(description, {}, as_bytes(bytes)));
  };
  configure("one");
  std::int64_t now_us = 0;
  const auto look = [&](int times) {
    for (int i = 0; i < times; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      watcher_->look(now_us += kSecond / 10);
    }
  };
  for (int i = 0; i < 200 && planned() == 0; ++i) look(1);
  look(100);
  EXPECT_EQ(planned(), 1U) << "once";
  configure("another");
  for (int i = 0; i < 200 && planned() < 2; ++i) look(1);
  EXPECT_EQ(planned(), 2U);
  look(60);
  EXPECT_GE(planned(), 3U) << "as long as its key frame has not come";
  picture(1);
  look(120);
  const std::size_t now = planned();
  look(120);
  EXPECT_EQ(planned(), now);
  watcher_->stop(monotonic_us() + 10 * kSecond);
}

TEST_F(WatcherTest, SaysAtStartThatTheEncoderCannotBeUsed) {
  run_script("[ \"$0\" = --choose ] && echo no device && exit 69");
  settings_.encoder = "nvenc_h264";
  start();
  std::int64_t now_us = 0;
  while (health_->overall() != runtime::HealthState::kDegraded) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    watcher_->look(now_us += kSecond);
  }
  EXPECT_NE(health_->report().json().find("the encoder cannot be used: no device"), std::string::npos);
}

TEST_F(WatcherTest, SaysThatTheEncoderCannotBeTriedUntilItCan) {
  run_script("[ \"$0\" = --choose ] || exit; [ -e " + settings_.directory +
             "/device ] && echo $2 && exit; exit 1");
  settings_.encoder = "x264";
  start();
  std::int64_t now_us = 0;
  const auto look_until = [&](runtime::HealthState state) {
    for (int i = 0; i < 1000 && health_->overall() != state; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      watcher_->look(now_us += kSecond);
    }
    EXPECT_EQ(health_->overall(), state);
  };
  look_until(runtime::HealthState::kDegraded);
  EXPECT_NE(health_->report().json().find("the encoder cannot be tried: status 1"), std::string::npos);
  std::ofstream(settings_.directory + "/device") << "";
  look_until(runtime::HealthState::kReady);
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
