// What outlives ingest of the forwards that commands asked for.
#include "forward/forward_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "forward/forwards.hpp"

namespace millrace::ingest {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class ForwardStoreTest : public ::testing::Test {
 protected:
  ForwardStoreTest() {
    std::string path = "/tmp/millrace-forwards-XXXXXX";
    home_ = ::mkdtemp(path.data());
    path_ = home_ + "/data/forwards-1.json";
  }
  ~ForwardStoreTest() override { std::filesystem::remove_all(home_); }

  // As a process of ingest that has just started.
  std::unique_ptr<Forwards> started(const std::string& targets = "",
                                    const std::string& allowed = "127.0.0.0/8") {
    IngestConfig config;
    config.forward_targets = Secret(targets);
    config.forward_allow = allowed;
    auto forwards = std::move(*Forwards::open(config));
    remembered_ = forwards->remember_in(path_);
    return forwards;
  }
  static std::vector<std::string> urls(const Forwards& forwards, const std::string& stream_id) {
    LiveStream stream;
    stream.stream_id = stream_id;
    std::vector<std::string> all;
    for (const ForwardSpecPtr& spec : forwards.targets_of(stream))
      all.push_back(spec->id + " " + spec->url.tc_url() + "/" + spec->url.name);
    return all;
  }
  void write(const std::string& text) const {
    std::filesystem::create_directories(home_ + "/data");
    std::ofstream(path_) << text;
  }

  std::string home_;
  std::string path_;
  Result<void> remembered_;
};

TEST_F(ForwardStoreTest, KeepsWhatWasStartedAndForgetsWhatWasStopped) {
  {
    const auto first = started();
    EXPECT_TRUE(remembered_) << "there is no file yet";
    EXPECT_TRUE(first->start("one", "cam1", "rtmp://joe:p%40ss@127.0.0.1/live/a?token=t"));
    EXPECT_TRUE(first->start("all", "*", "rtmps://127.0.0.1:4443/live/b"));
    EXPECT_TRUE(first->start("gone", "cam1", "rtmp://127.0.0.1/live/c"));
    EXPECT_TRUE(first->stop("gone"));
  }
  const auto second = started();
  EXPECT_TRUE(remembered_);
  EXPECT_THAT(urls(*second, "cam1"),
              ElementsAre("all rtmps://127.0.0.1:4443/live/b", "one rtmp://127.0.0.1/live/a?token=t"));
  EXPECT_THAT(urls(*second, "cam2"), ElementsAre("all rtmps://127.0.0.1:4443/live/b"));
  EXPECT_TRUE(second->start("one", "cam1", "rtmp://joe:p%40ss@127.0.0.1/live/a?token=t"))
      << "who says it again at each boot";
  EXPECT_EQ(second->start("one", "cam1", "rtmp://127.0.0.1/live/a?token=t").error().code,
            "ingest.forward_exists")
      << "user and password are remembered too";
  EXPECT_TRUE(second->stop("one"));
  EXPECT_THAT(urls(*started(), "cam1"), ElementsAre("all rtmps://127.0.0.1:4443/live/b"));
}

TEST_F(ForwardStoreTest, IsItsUsersAlone) {
  ASSERT_TRUE(started()->start("one", "cam1", "rtmp://127.0.0.1/live/key"));
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_F(ForwardStoreTest, BeginsNothingThatItCouldNotKeep) {
  const auto forwards = started();
  ASSERT_TRUE(forwards->start("one", "cam1", "rtmp://127.0.0.1/live/a"));
  // Neither a draft nor the file itself can be written where a directory is.
  std::filesystem::create_directory(path_ + ".new");
  const auto refused = forwards->start("two", "cam1", "rtmp://127.0.0.1/live/key");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "ingest.forward_store");
  EXPECT_THAT(refused.error().message, Not(HasSubstr("key")));
  EXPECT_EQ(forwards->stop("one").error().code, "ingest.forward_store");
  EXPECT_THAT(urls(*forwards, "cam1"), ElementsAre("one rtmp://127.0.0.1/live/a"));
  std::filesystem::remove(path_ + ".new");
  EXPECT_TRUE(forwards->stop("one"));
  EXPECT_THAT(urls(*forwards, "cam1"), IsEmpty());
}

TEST_F(ForwardStoreTest, PutsADamagedFileAsideAndGoesOn) {
  for (const char* text : {"", "{", "[]", R"({"forwards":7})", R"({"forwards":[7]})",
                           R"({"forwards":[{"id":"a","stream":"cam1"}]})"}) {
    SCOPED_TRACE(text);
    write(text);
    const auto forwards = started();
    ASSERT_FALSE(remembered_);
    EXPECT_EQ(remembered_.error().code, "ingest.forward_store");
    EXPECT_TRUE(std::filesystem::exists(path_ + ".damaged"));
    EXPECT_TRUE(forwards->start("one", "cam1", "rtmp://127.0.0.1/live/a"));
    EXPECT_THAT(urls(*started(), "cam1"), ElementsAre("one rtmp://127.0.0.1/live/a"));
  }
}

TEST_F(ForwardStoreTest, LeavesOutWhatIsNoForwardAnyMore) {
  write(R"({"forwards":[{"id":"a b","stream":"cam1","url":"rtmp://127.0.0.1/live/a"},
                        {"id":"b","stream":"../x","url":"rtmp://127.0.0.1/live/b"},
                        {"id":"c","stream":"cam1","url":"http://127.0.0.1/live/c"},
                        {"id":"config-1","stream":"cam1","url":"rtmp://127.0.0.1/live/d"},
                        {"id":"e","stream":"cam1","url":"rtmp://127.0.0.1/live/e"}]})");
  const auto forwards = started("*=rtmp://127.0.0.1/live/configured");
  EXPECT_TRUE(remembered_);
  EXPECT_THAT(urls(*forwards, "cam1"),
              ElementsAre("config-1 rtmp://127.0.0.1/live/configured", "e rtmp://127.0.0.1/live/e"));
}

// It is shown as not allowed, and goes on when it is allowed again.
TEST_F(ForwardStoreTest, KeepsWhatIsNotAllowedForNow) {
  ASSERT_TRUE(started()->start("one", "cam1", "rtmp://127.0.0.1/live/a"));
  const auto forwards = started("", "");
  EXPECT_THAT(urls(*forwards, "cam1"), ElementsAre("one rtmp://127.0.0.1/live/a"));
  LiveStream stream;
  stream.stream_id = "cam1";
  EXPECT_FALSE(forwards->check(forwards->targets_of(stream)[0]->url));
}

}  // namespace
}  // namespace millrace::ingest
