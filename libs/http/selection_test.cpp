#include "http/selection.hpp"

#include <gtest/gtest.h>

namespace millrace::http {
namespace {

TEST(SelectRange, AnswersAsRfc9110Says) {
  struct Case {
    std::string_view range;
    std::uint64_t size;
    int status;
    std::uint64_t offset, length;
  };
  const Case cases[] = {
      {"bytes=0-0", 10, 206, 0, 1},
      {"bytes=0-", 10, 206, 0, 10},
      {"bytes=2-5", 10, 206, 2, 4},
      {"bytes=2-99", 10, 206, 2, 8},
      {"bytes=9-9", 10, 206, 9, 1},
      {"bytes=-1", 10, 206, 9, 1},
      {"bytes=-99", 10, 206, 0, 10},
      {"bytes= 1-2 ", 10, 206, 1, 2},
      {"bytes=0-18446744073709551615", 10, 206, 0, 10},
      {"bytes=0-99999999999999999999999", 10, 206, 0, 10},
      // Not satisfiable.
      {"bytes=10-", 10, 416, 0, 0},
      {"bytes=-0", 10, 416, 0, 0},
      {"bytes=99999999999999999999-", 10, 416, 0, 0},
      {"bytes=0-0", 0, 416, 0, 0},
      {"bytes=-5", 0, 416, 0, 0},
      {"bytes=20-,30-40", 10, 416, 0, 0},
      // Several: the whole.
      {"bytes=0-1,3-4", 10, 200, 0, 10},
      {"bytes=0-1,30-40", 10, 200, 0, 10},
      // Not understood: ignored.
      {"", 10, 200, 0, 10},
      {"bytes", 10, 200, 0, 10},
      {"bytes=", 10, 200, 0, 10},
      {"bytes=-", 10, 200, 0, 10},
      {"bytes=5-2", 10, 200, 0, 10},
      {"bytes=a-b", 10, 200, 0, 10},
      {"bytes=1-2x", 10, 200, 0, 10},
      {"bytes=--1", 10, 200, 0, 10},
      {"bytes=1-2,", 10, 200, 0, 10},
      {"lines=0-1", 10, 200, 0, 10},
  };
  for (const Case& c : cases) {
    const Selection selection = select_range(c.range, c.size);
    EXPECT_EQ(selection.status, c.status) << c.range;
    EXPECT_EQ(selection.offset, c.offset) << c.range;
    EXPECT_EQ(selection.length, c.length) << c.range;
  }
}

struct ConditionCase {
  std::vector<std::pair<std::string_view, std::string_view>> fields;
  int status;
};

TEST(Select, AppliesConditionsBeforeRanges) {
  const ConditionCase cases[] = {
      {{}, 200},
      {{{"If-None-Match", "\"v1\""}}, 304},
      {{{"If-None-Match", "W/\"v1\""}}, 304},
      {{{"If-None-Match", "\"a\", \"v1\""}}, 304},
      {{{"If-None-Match", "*"}}, 304},
      {{{"If-None-Match", "\"v2\""}}, 200},
      {{{"If-None-Match", "\"v2\""}, {"If-Modified-Since", "Fri, 20 Nov 2026 21:49:15 GMT"}}, 200},
      {{{"If-Modified-Since", "Fri, 20 Nov 2026 21:49:15 GMT"}}, 304},
      {{{"If-Modified-Since", "Fri, 20 Nov 2020 21:49:15 GMT"}}, 200},
      {{{"Range", "bytes=0-1"}}, 206},
      {{{"Range", "bytes=0-1"}, {"If-None-Match", "\"v1\""}}, 304},
      {{{"Range", "bytes=0-1"}, {"If-Range", "\"v1\""}}, 206},
      {{{"Range", "bytes=0-1"}, {"If-Range", "\"v2\""}}, 200},
      {{{"Range", "bytes=0-1"}, {"If-Range", "W/\"v1\""}}, 200},
      {{{"Range", "bytes=0-1"}, {"If-Range", "Fri, 20 Nov 2026 21:49:15 GMT"}}, 206},
      {{{"Range", "bytes=0-1"}, {"If-Range", ""}}, 200},
      {{{"Range", "bytes=50-"}}, 416},
  };
  Response response;
  response.headers.add("ETag", "\"v1\"");
  response.headers.add("Last-Modified", "Fri, 20 Nov 2026 21:49:15 GMT");
  for (const ConditionCase& c : cases) {
    Request request;
    for (const auto& [name, value] : c.fields) request.headers.add(name, value);
    EXPECT_EQ(select(request, response, 10).status, c.status)
        << (c.fields.empty() ? "" : c.fields.front().second);
  }
}

TEST(Select, LeavesOtherMethodsStatusesAndBodiesWhole) {
  Request request;
  request.headers.add("Range", "bytes=0-1");
  Response response;
  EXPECT_EQ(select(request, response, 10).status, 206);
  response.ranges = false;
  EXPECT_EQ(select(request, response, 10).status, 200);
  response.ranges = true;
  response.status = 404;
  EXPECT_EQ(select(request, response, 10).status, 404);
  response.status = 200;
  request.method = Method::kHead;
  EXPECT_EQ(select(request, response, 10).status, 200);
  request.method = Method::kPost;
  EXPECT_EQ(select(request, response, 10).status, 200);
}

}  // namespace
}  // namespace millrace::http
