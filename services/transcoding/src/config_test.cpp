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

}  // namespace
}  // namespace millrace::transcoding
