#include "config.hpp"

#include <gtest/gtest.h>

namespace millrace::transcoding {
namespace {

TEST(TranscodingConfig, HasThePortOfTheTableOfServices) {
  TranscodingConfig config;
  ConfigTable table;
  config.add_rows(table);
  ASSERT_TRUE(table.load([](const std::string&) { return std::nullopt; }));
  EXPECT_EQ(config.ops.port, 9106);
}

// Else what is watched would end between two reports of it.
TEST(TranscodingConfig, LingersForMoreThanTwoReportsOfWhatIsWanted) {
  const auto loads = [](const std::string& seconds) {
    TranscodingConfig config;
    ConfigTable table;
    config.add_rows(table);
    return table
        .load([&](const std::string& name) {
          return name == "TRANSCODE_LINGER_SECONDS" ? std::optional(seconds) : std::nullopt;
        })
        .has_value();
  };
  EXPECT_FALSE(loads("1"));
  EXPECT_FALSE(loads("2"));
  EXPECT_TRUE(loads("3"));
}

}  // namespace
}  // namespace millrace::transcoding
