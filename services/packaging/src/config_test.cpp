#include "config.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "test_publisher.hpp"

namespace millrace::packaging {
namespace {

TEST(PackagingConfig, RefusesAPastThatCannotBeRecorded) {
  ScratchDirectory home;
  PackagingConfig config;
  config.media_root = home.path() + "/media";
  config.vod_directory_name = "vod";
  config.dvr_window = std::chrono::seconds(60);
  EXPECT_TRUE(config.check_recordings(home.path())) << "recording makes it";
  std::filesystem::create_directory(config.media_root);
  std::ofstream(config.media_root + "/vod") << "a file";
  const auto refused = config.check_recordings(home.path());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "config.invalid");
  for (const char* const name : {"DVR_WINDOW_SECONDS", "MEDIA_ROOT", "/media/vod"})
    EXPECT_NE(refused.error().message.find(name), std::string::npos) << name;
  config.dvr_window = {};
  EXPECT_TRUE(config.check_recordings(home.path()));
  std::filesystem::remove(config.media_root + "/vod");
  std::filesystem::create_directory(config.media_root + "/vod");
  config.dvr_window = std::chrono::seconds(60);
  EXPECT_TRUE(config.check_recordings(home.path()));
}

}  // namespace
}  // namespace millrace::packaging
