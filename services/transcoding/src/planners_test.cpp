#include "planners.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

namespace millrace::transcoding {
namespace {

using namespace std::chrono_literals;

class PlannersTest : public ::testing::Test {
 protected:
  PlannersTest() {
    std::string path = "/tmp/millrace-planners-XXXXXX";
    directory_ = ::mkdtemp(path.data());
  }
  ~PlannersTest() override { std::filesystem::remove_all(directory_); }

  // A child is this script: $0 --plan, $2 the stream, $4 the publication.
  Planners::Settings settings(const std::string& script) const {
    return {"/bin/sh", {"-c", script}, {"PATH=/usr/bin:/bin"}, {}};
  }
  // As often as children have written a line there.
  std::size_t lines(const std::string& file) const {
    std::error_code none;
    const auto size = std::filesystem::file_size(directory_ + "/" + file, none);
    return none ? 0 : static_cast<std::size_t>(size);
  }

  std::string directory_;
};

TEST_F(PlannersTest, AsksLessAndLessOftenWhileTooLittleIsKnown) {
  Planners planners(settings("echo >> " + directory_ + "/asked; exit 75"));
  const std::vector<LivePublication> live{{"cam", PublicationId{1}}};
  for (Planners::Time now = 0ms; now < 20s; now += 100ms) {
    planners.look(live, now);
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_GE(lines("asked"), 2U);
  EXPECT_LE(lines("asked"), 6U) << "at 0, 0.5, 1.5, 3.5, 7.5 and 15.5 s at the earliest";
}

TEST_F(PlannersTest, ServesEveryPublicationWhereSomeAreNeverKnown) {
  Planners planners(
      settings("[ $2 != known ] && exit 75; echo "
               "'{\"publication\":9,\"source_kbps\":900,\"source_millifps\":25000,\"picture\":0,"
               "\"tracks\":[]}'"));
  std::vector<LivePublication> live;
  for (std::uint64_t id = 1; id <= 8; ++id) live.push_back({"cam" + std::to_string(id), PublicationId{id}});
  live.push_back({"known", PublicationId{9}});
  Planners::Time now = 0ms;
  for (int i = 0; i < 40 && planners.plan(PublicationId{9}) == nullptr; ++i) {
    planners.look(live, now += 500ms);
    std::this_thread::sleep_for(50ms);
  }
  EXPECT_NE(planners.plan(PublicationId{9}), nullptr);
  EXPECT_EQ(planners.plan(PublicationId{1}), nullptr);
}

}  // namespace
}  // namespace millrace::transcoding
