#include "base/log.hpp"

#include <gtest/gtest.h>

namespace millrace::log {
namespace {

TEST(Log, WritesOneJsonObjectALine) {
  EXPECT_EQ(
      format_line(Format::kJson, Level::kInfo, {}, "ingest", "publish accepted",
                  {{"stream", "a\"b\n"}, {"epoch", 3}, {"live", true}}),
      R"({"time":"1970-01-01T00:00:00.000Z","level":"info","service":"ingest","event":"publish accepted",)"
      R"("stream":"a\"b\u000a","epoch":3,"live":true})");
}

TEST(Log, TextValuesCannotForgeALine) {
  EXPECT_EQ(format_line(Format::kText, Level::kError, {}, "api", "bad path", {{"path", "x\ny \x1b[0m"}}),
            "1970-01-01T00:00:00.000Z error api: bad path path=\"x\\u000ay \\u001b[0m\"");
}

}  // namespace
}  // namespace millrace::log
