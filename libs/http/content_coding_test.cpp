#include "http/content_coding.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include "http/server.hpp"
#include "http/test_client.hpp"

namespace millrace::http {
namespace {

using testing::body_of;
using testing::field_of;
using testing::status_of;
using testing::TestClient;

std::string unpacked(std::string_view bytes) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  std::string out(1UL << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

std::string playlist() {
  std::string text = "#EXTM3U\n";
  for (int i = 0; i < 40; ++i) text += "#EXTINF:2.00000,\n" + std::to_string(i) + "-8f3a2b1c-1.m4s\n";
  return text;
}

TEST(ContentCoding, MakesTheSameCompressedTextEveryTime) {
  const std::string text = playlist();
  const auto coded = code_text(text);
  EXPECT_EQ(coded->plain, text);
  EXPECT_LT(coded->gzip.size(), text.size() / 3);
  EXPECT_EQ(unpacked(coded->gzip), text);
  EXPECT_EQ(code_text(text)->gzip, coded->gzip);
  EXPECT_EQ(unpacked(gzip("")), "");
}

TEST(ContentCoding, KeepsATextThatCompressionMakesLongerAsItIs) {
  EXPECT_EQ(code_text("#EXTM3U\n")->gzip, "");
  EXPECT_EQ(code_text("")->gzip, "");
}

TEST(ContentCoding, ChoosesByTheWeightsOfTheClient) {
  struct Case {
    std::optional<std::string_view> accept_encoding;
    bool gzip;
  };
  const Case cases[] = {
      {std::nullopt, false},
      {"", false},
      {"gzip", true},
      {"GZip", true},
      {"x-gzip", true},
      {"gzip, deflate, br", true},
      {"deflate,br", false},
      {"br;q=1.0, gzip;q=0.8, *;q=0.1", true},
      {"*", true},
      {"*;q=0", false},
      {"*;q=0.001", true},
      {"gzip;q=0, *", false},
      {"gzip;q=0", false},
      {"gzip;q=0.000", false},
      {"gzip;q=0.001", true},
      {"gzip;Q=1.000", true},
      {"gzip ; q=0.5", true},
      {"gzip;\tq=0.5 , identity;q=0.5", true},
      {"identity;q=0.5, gzip;q=0.4", false},
      {"identity, gzip;q=0.9", false},
      {"identity, gzip", true},
      {"identity;q=0, gzip;q=0.1", true},
      {"identity;q=0", false},
      {"identity", false},
      // What is not understood.
      {"gzip;q=1.001", false},
      {"gzip;q=2", false},
      {"gzip;q=0.1234", false},
      {"gzip;q=", false},
      {"gzip;q", false},
      {"gzip;q=-1", false},
      {"gzip;q=.5", false},
      {"gzip;level=9", false},
      {"gzipped", false},
      {",,gzip,", true},
      {";q=1", false},
      {"gzip;q=1.", true},
  };
  for (const Case& c : cases)
    EXPECT_EQ(prefers_gzip(c.accept_encoding), c.gzip) << c.accept_encoding.value_or("none");
}

TEST(ContentCoding, LeavesOtherBodiesAlone) {
  Response response = Response::text(200, "text/plain", playlist());
  choose_coding(response, "gzip");
  EXPECT_FALSE(response.headers.contains("Vary"));
  EXPECT_EQ(body_size(response.body), playlist().size());
}

class CodingServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto started = Server::start({}, [text = text_](Request&& request, const Responder& responder) {
      Response response;
      response.headers.add("Content-Type", "application/vnd.apple.mpegurl");
      response.headers.add("ETag", request.path == "/weak" ? "W/\"7\"" : "\"7\"");
      response.body = text;
      responder(std::move(response));
    });
    ASSERT_TRUE(started.has_value());
    server_ = std::move(*started);
  }
  std::string ask(const std::string& fields, const std::string& method = "GET",
                  const std::string& path = "/") {
    TestClient client(server_->port());
    client.send(method + " " + path + " HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n");
    return client.read_answer(method == "HEAD");
  }

  const std::shared_ptr<const CodedText> text_ = code_text(playlist());
  std::unique_ptr<Server> server_;
};

TEST_F(CodingServerTest, AnswersInTheCodingThatTheClientTakes) {
  struct Case {
    std::string fields;
    int status;
    std::string_view coding, etag;
    std::string body;
  };
  const std::string& plain = text_->plain;
  const std::string& packed = text_->gzip;
  const Case cases[] = {
      {"", 200, "", "\"7\"", plain},
      {"Accept-Encoding: gzip\r\n", 200, "gzip", "\"7-gzip\"", packed},
      {"Accept-Encoding: br\r\n", 200, "", "\"7\"", plain},
      // Each coding has its own tag.
      {"If-None-Match: \"7\"\r\n", 304, "", "\"7\"", ""},
      {"If-None-Match: \"7-gzip\"\r\n", 200, "", "\"7\"", plain},
      {"Accept-Encoding: gzip\r\nIf-None-Match: \"7-gzip\"\r\n", 304, "", "\"7-gzip\"", ""},
      {"Accept-Encoding: gzip\r\nIf-None-Match: W/\"7-gzip\"\r\n", 304, "", "\"7-gzip\"", ""},
      {"Accept-Encoding: gzip\r\nIf-None-Match: \"7\"\r\n", 200, "gzip", "\"7-gzip\"", packed},
      {"Accept-Encoding: gzip\r\nIf-None-Match: \"7\", \"7-gzip\"\r\n", 304, "", "\"7-gzip\"", ""},
      // Ranges of the plain text only.
      {"Range: bytes=0-6\r\n", 206, "", "\"7\"", "#EXTM3U"},
      {"Accept-Encoding: gzip\r\nRange: bytes=0-6\r\n", 200, "gzip", "\"7-gzip\"", packed},
      {"Accept-Encoding: gzip\r\nRange: bytes=0-6\r\nIf-Range: \"7\"\r\n", 200, "gzip", "\"7-gzip\"", packed},
  };
  for (const Case& c : cases) {
    const std::string answer = ask(c.fields);
    EXPECT_EQ(status_of(answer), c.status) << c.fields;
    EXPECT_EQ(field_of(answer, "Vary"), "Accept-Encoding") << c.fields;
    EXPECT_EQ(field_of(answer, "Content-Encoding"), c.coding) << c.fields;
    EXPECT_EQ(field_of(answer, "ETag"), c.etag) << c.fields;
    EXPECT_EQ(field_of(answer, "Accept-Ranges"), c.coding.empty() && c.status != 304 ? "bytes" : "")
        << c.fields;
    EXPECT_TRUE(body_of(answer) == c.body) << c.fields;
  }
}

TEST_F(CodingServerTest, TellsTheLengthOfTheCodingToHead) {
  const std::string answer = ask("Accept-Encoding: gzip\r\n", "HEAD");
  EXPECT_EQ(field_of(answer, "Content-Length"), std::to_string(text_->gzip.size()));
  EXPECT_EQ(field_of(answer, "Content-Encoding"), "gzip");
  EXPECT_EQ(field_of(ask("", "HEAD"), "Content-Length"), std::to_string(text_->plain.size()));
}

TEST_F(CodingServerTest, LeavesAWeakTagTheSameForBothCodings) {
  EXPECT_EQ(field_of(ask("Accept-Encoding: gzip\r\n", "GET", "/weak"), "ETag"), "W/\"7\"");
  EXPECT_EQ(status_of(ask("Accept-Encoding: gzip\r\nIf-None-Match: \"7\"\r\n", "GET", "/weak")), 304);
}

}  // namespace
}  // namespace millrace::http
