#include "http/request_reader.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

namespace millrace::http {
namespace {

using Step = RequestReader::Step;

struct Outcome {
  std::vector<std::string> requests;  // "POST /path body"
  std::optional<Refusal> refused;
  std::size_t most_held = 0;
};

// What comes of the bytes, read in pieces of so many.
Outcome read(std::string_view bytes, std::size_t piece, const Limits& limits = {}) {
  RequestReader reader(limits);
  Outcome outcome;
  while (true) {
    switch (reader.step()) {
      case Step::kNeedsMore: {
        if (bytes.empty()) return outcome;
        const std::size_t count = std::min({bytes.size(), piece, RequestReader::kReadBytes});
        std::memcpy(reader.room().data(), bytes.data(), count);
        reader.commit(count);
        bytes.remove_prefix(count);
        outcome.most_held = std::max(outcome.most_held, reader.held().size());
        break;
      }
      case Step::kBegun:
      case Step::kHeader:
        break;
      case Step::kComplete: {
        const Request request = reader.take();
        reader.forget();
        outcome.requests.push_back(request.method_name + " " + request.path + " " + request.body);
        break;
      }
      case Step::kRefused:
        outcome.refused = reader.refusal();
        return outcome;
    }
  }
}

const std::string chunked = "POST /in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";

std::string many(std::string_view piece, std::size_t bytes) {
  std::string text;
  while (text.size() < bytes) text.append(piece);
  return text;
}

TEST(RequestReader, HoldsNoMoreThanItsBoundInAnyPhase) {
  struct Case {
    const char* name;
    std::string bytes;
    int status;
  };
  constexpr std::size_t kEndless = 1UL << 20;
  const std::vector<Case> cases = {
      {"empty lines", many("\r\n", kEndless), 400},
      {"method", many("G", kEndless), 431},
      {"target", "GET /" + many("a", kEndless), 431},
      {"field", "GET / HTTP/1.1\r\nX: " + many("y", kEndless), 431},
      {"fields", "GET / HTTP/1.1\r\n" + many("X: y\r\n", kEndless), 431},
      {"chunk size", chunked + many("0", kEndless), 400},
      {"extension", chunked + "5;a=" + many("x", kEndless), 400},
      {"extensions", chunked + "5" + many(";a=x", kEndless), 400},
      {"extension, a chunk later", chunked + "2\r\nab\r\n5;a=" + many("x", kEndless), 400},
      {"extension of the last chunk", chunked + "0;a=" + many("x", kEndless), 400},
      {"whole extension", chunked + "5;a=" + many("x", 2048) + "\r\nhello\r\n0\r\n\r\n", 400},
      {"trailer", chunked + "0\r\nX: " + many("y", kEndless), 431},
      {"trailers", chunked + "0\r\n" + many("X: y\r\n", kEndless), 431},
      {"trailers after a chunk", chunked + "2\r\nab\r\n0\r\n" + many("X: y\r\n", kEndless), 431},
      {"many whole trailers", chunked + "0\r\n" + many("X: y\r\n", 1024) + "\r\n", 431},
  };
  for (const Case& c : cases) {
    for (const std::size_t piece : {std::size_t{1000}, RequestReader::kReadBytes}) {
      const Outcome outcome = read(c.bytes, piece);
      ASSERT_TRUE(outcome.refused) << c.name;
      EXPECT_EQ(outcome.refused->status, c.status) << c.name;
      EXPECT_TRUE(outcome.requests.empty()) << c.name;
      EXPECT_LE(outcome.most_held, Limits().header_bytes + RequestReader::kReadBytes) << c.name;
    }
  }
}

TEST(RequestReader, TakesChunksWithSmallExtensionsAndTrailersWhereverTheyAreCut) {
  const std::string bytes =
      "GET /a HTTP/1.1\r\nHost: x\r\n\r\n\r\n" + chunked +
      "5;name=\"quoted\"\r\nhello\r\n1 ;x\r\n!\r\n0;last\r\nHost: evil\r\nX: y\r\n\r\n" +
      "PUT /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
  const std::vector<std::string> expected = {"GET /a ", "POST /in hello!", "PUT /b abc"};
  for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{7}, bytes.size()}) {
    const Outcome outcome = read(bytes, piece);
    EXPECT_FALSE(outcome.refused) << piece;
    EXPECT_EQ(outcome.requests, expected) << piece;
  }
}

TEST(RequestReader, TakesABodyWithoutChunksWhereverItIsCut) {
  for (const char* body : {"0\r\n\r\n", "00\r\n\r\n", "0\r\nX: y\r\n\r\n", "0;a\r\n\r\n"}) {
    for (std::size_t piece = 1; piece < 8; ++piece) {
      const Outcome outcome = read(chunked + body, piece);
      EXPECT_EQ(outcome.requests, std::vector<std::string>{"POST /in "}) << body << " in pieces of " << piece;
    }
  }
}

TEST(RequestReader, CutAnywhereGivesNoRequest) {
  const std::string bytes = chunked + "5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n";
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Outcome outcome = read(std::string_view(bytes).substr(0, size), 3);
    EXPECT_FALSE(outcome.refused) << size;
    EXPECT_TRUE(outcome.requests.empty()) << size;
  }
}

TEST(RequestReader, TakesAFewEmptyLinesBeforeEachRequestLine) {
  const std::string few = many("\r\n", std::size_t{2} * RequestReader::kMaxEmptyLines);
  const std::string request = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{1000}}) {
    const Outcome taken = read(few + request + few + request, piece);
    EXPECT_FALSE(taken.refused) << piece;
    EXPECT_EQ(taken.requests.size(), 2U) << piece;
    const Outcome refused = read(few + request + few + "\r\n" + request, piece);
    EXPECT_EQ(refused.requests.size(), 1U) << piece;
    ASSERT_TRUE(refused.refused) << piece;
    EXPECT_EQ(refused.refused->status, 400) << piece;
  }
}

TEST(RequestReader, ReportsTheFirstByteOnceBeItOfAnEmptyLine) {
  const Limits limits;
  RequestReader reader(limits);
  const auto feed = [&](std::string_view bytes) {
    std::memcpy(reader.room().data(), bytes.data(), bytes.size());
    reader.commit(bytes.size());
  };
  feed("\r");
  EXPECT_EQ(reader.step(), Step::kBegun);
  EXPECT_FALSE(reader.is_reading()) << "no request line yet";
  EXPECT_EQ(reader.step(), Step::kNeedsMore);
  feed("\n\r\n");
  EXPECT_EQ(reader.step(), Step::kNeedsMore);
  feed("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(reader.step(), Step::kComplete);
  reader.forget();
  EXPECT_EQ(reader.step(), Step::kNeedsMore);
  feed("G");
  EXPECT_EQ(reader.step(), Step::kBegun);
  EXPECT_TRUE(reader.is_reading());
}

TEST(RequestReader, TellsOfBeginningAndHeader) {
  const Limits limits;
  RequestReader reader(limits);
  EXPECT_EQ(reader.step(), Step::kNeedsMore);
  const auto feed = [&](std::string_view bytes) {
    std::memcpy(reader.room().data(), bytes.data(), bytes.size());
    reader.commit(bytes.size());
  };
  feed("\r\nPOST / HTTP/1.1\r\nHo");
  EXPECT_EQ(reader.step(), Step::kBegun);
  EXPECT_TRUE(reader.is_reading());
  EXPECT_EQ(reader.step(), Step::kNeedsMore);
  feed("st: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(reader.step(), Step::kHeader);
  EXPECT_TRUE(reader.expects_continue());
  EXPECT_EQ(reader.step(), Step::kNeedsMore);
  feed("abNEXT");
  EXPECT_EQ(reader.step(), Step::kComplete);
  EXPECT_EQ(reader.take().body, "ab");
  reader.forget();
  EXPECT_EQ(reader.held(), "NEXT");
  reader.release();
  EXPECT_EQ(reader.held(), "");
}

}  // namespace
}  // namespace millrace::http
