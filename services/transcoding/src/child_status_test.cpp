#include "child_status.hpp"

#include <gtest/gtest.h>

namespace millrace::transcoding {
namespace {

constexpr std::string_view kLine =
    R"({"frames_in":250,"speed":3.5,"queue":2,"behind_ms":1500,"renditions":[)"
    R"({"name":"v0-720p","frames_out":240,"bytes_out":9000},{"name":"v0-360p","frames_out":0,"bytes_out":0}]})";

TEST(ChildStatus, IsReadFromALine) {
  const auto status = parse_child_status(kLine);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->frames_in, 250U);
  EXPECT_EQ(status->speed, 3.5);
  EXPECT_EQ(status->queue, 2U);
  EXPECT_EQ(status->behind_seconds, 1.5);
  ASSERT_EQ(status->renditions.size(), 1U) << "what nothing has come of is not there";
  EXPECT_EQ(status->renditions.at("v0-720p").frames, 240U);
  EXPECT_EQ(status->renditions.at("v0-720p").bytes, 9000U);
}

TEST(ChildStatus, IsNothingElse) {
  for (const char* line : {"", "{}", "[]", R"({"frames_in":-1})", "hello"})
    EXPECT_FALSE(parse_child_status(line)) << line;
}

TEST(StatusLines, TakesTheNewestWholeOne) {
  StatusLines lines;
  const std::string line(kLine);
  EXPECT_FALSE(lines.take(line.substr(0, 50)));
  const auto status = lines.take(line.substr(50) + "\nnonsense\n" + line.substr(0, 10));
  ASSERT_TRUE(status);
  EXPECT_EQ(status->frames_in, 250U);
  EXPECT_TRUE(lines.take(line.substr(10) + "\n"));
  EXPECT_FALSE(lines.take(std::string(StatusLines::kMostBytes + 1, 'x')));
  EXPECT_TRUE(lines.take(line + "\n")) << "what was too long has gone";
}

}  // namespace
}  // namespace millrace::transcoding
