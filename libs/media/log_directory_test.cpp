#include "media/log_directory.hpp"

#include <gtest/gtest.h>

#include "base/config.hpp"

namespace millrace::media {
namespace {

TEST(LogDirectory, IsBelowTheHomeUnlessItIsGiven) {
  for (const auto& [given, directory] : {std::pair{"", "/srv/m/run/media"}, {"/dev/shm/m", "/dev/shm/m"}}) {
    LogDirectoryConfig config;
    ConfigTable table;
    config.add_row(table);
    ASSERT_TRUE(table.load([value = given](const std::string& name) {
      return name == "MEDIA_LOG_DIR" ? std::optional<std::string>(value) : std::nullopt;
    }));
    EXPECT_EQ(config.directory("/srv/m"), directory);
  }
}

}  // namespace
}  // namespace millrace::media
