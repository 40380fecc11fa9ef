#include "http/message.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "http/response_header.hpp"

namespace millrace::http {
namespace {

TEST(Fields, FindsNamesWithoutRegardToCase) {
  Fields fields;
  fields.add("Content-Type", "a");
  fields.add("X", "1");
  fields.add("x", "2");
  EXPECT_EQ(fields.find("content-type"), "a");
  EXPECT_EQ(fields.find("x"), "1");
  EXPECT_EQ(fields.find("y"), "");
  EXPECT_FALSE(fields.contains("y"));
  fields.set("x", "3");
  EXPECT_EQ(fields.size(), 2U);
  EXPECT_EQ(fields.find("X"), "3");
}

TEST(Response, MakesAProblemDocumentWithTheDocumentedMessage) {
  const Response response = Response::problem(404, "stream_unknown", "No \"such\" stream \xFF");
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.headers.find("content-type"), "application/problem+json");
  EXPECT_EQ(std::get<std::string>(response.body),
            "{\"type\":\"urn:millrace:stream_unknown\",\"title\":\"Not Found\",\"status\":404,"
            "\"detail\":\"No \\\"such\\\" stream \xEF\xBF\xBD\",\"message\":\"No \\\"such\\\" stream "
            "\xEF\xBF\xBD\"}");
}

// What a client shows its user must not depend on where an error was made.
TEST(Response, ExplainsEveryStatusWhereNobodyElseDid) {
  for (int status = 400; status < 600; ++status) {
    const auto document = nlohmann::json::parse(std::get<std::string>(Response::problem(status, "x").body));
    const std::string detail = document.value("detail", "");
    EXPECT_TRUE(detail.ends_with('.')) << status << ": " << detail;
    EXPECT_EQ(document["message"], detail) << status;
  }
  EXPECT_EQ(explanation(404), "There is nothing at this address.");
  EXPECT_EQ(reason_phrase(414), "URI Too Long");
}

TEST(ResponseHeader, OwnsTheFieldsThatDelimitMessagesAndDropsLineBreaks) {
  Response response = Response::text(200, "text/plain", "abc");
  response.headers.add("Content-Length", "999");
  response.headers.add("transfer-encoding", "chunked");
  response.headers.add("X-Bad", "a\r\nSet-Cookie: b");
  response.headers.add("X-Good", "c");
  EXPECT_EQ(
      response_header(response, {200, 0, 3}, {"now", 3, true}),
      "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Type: text/plain\r\nX-Good: c\r\nAccept-Ranges: bytes\r\n"
      "Content-Length: 3\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(response_header(response, {206, 1, 2}, {"now", 3, false}),
            "HTTP/1.1 206 Partial Content\r\nDate: now\r\nContent-Type: text/plain\r\nX-Good: "
            "c\r\nAccept-Ranges: bytes\r\n"
            "Content-Range: bytes 1-2/3\r\nContent-Length: 2\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(response_header(response, {304, 0, 0}, {"now", 3, true}),
            "HTTP/1.1 304 Not Modified\r\nDate: now\r\nContent-Type: text/plain\r\nX-Good: c\r\n"
            "Connection: keep-alive\r\n\r\n");
}

TEST(ImfFixdate, WritesTheOneAllowedForm) {
  EXPECT_EQ(imf_fixdate(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
}

}  // namespace
}  // namespace millrace::http
