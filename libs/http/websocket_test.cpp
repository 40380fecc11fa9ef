// WebSocket and live answers over real connections.
#include "http/websocket.hpp"

#include <gtest/gtest.h>

#include <mutex>
#include <thread>

#include "http/server.hpp"
#include "http/test_client.hpp"

namespace millrace::http {
namespace {

using std::chrono::milliseconds;
using testing::body_of;
using testing::field_of;
using testing::status_of;
using testing::TestClient;

constexpr std::string_view kUpgrade =
    "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

// A client's frame with the mask 0: allowed, and readable.
std::string frame(std::uint8_t first, std::string_view payload) {
  std::string out(1, static_cast<char>(first));
  out.push_back(static_cast<char>(0x80 | (payload.size() < 126 ? payload.size() : 126)));
  if (payload.size() >= 126) {
    out.push_back(static_cast<char>(payload.size() >> 8));
    out.push_back(static_cast<char>(payload.size() & 0xFF));
  }
  out.append(4, '\0');
  return out.append(payload);
}
std::string server_frame(std::uint8_t first, std::string_view payload) {
  Bytes out;
  append_frame(static_cast<WebSocketOpcode>(first & 0xF), as_bytes(payload), out);
  return std::string(as_text(out));
}
std::string close_frame(std::uint16_t code) {
  Bytes out;
  append_close(static_cast<WebSocketClose>(code), out);
  return std::string(as_text(out));
}

// So many bytes in pieces of any size, then the end.
class Counting final : public LiveStream {
 public:
  Counting(std::size_t total, bool polled) : total_(total), polled_(polled) {
    for (std::size_t i = 0; i < block_.size(); ++i) block_[i] = static_cast<std::uint8_t>(i % 251);
  }
  Progress pump(LiveOutput& output, std::int64_t /*now_us*/) override {
    if (sent_ == total_) return Progress::kEnded;
    // Two parts, so that frames have several.
    const std::size_t at = sent_ % 251;
    const std::size_t size = std::min<std::size_t>(total_ - sent_, 40'000);
    const std::size_t half = size / 2;
    const iovec parts[] = {{block_.data() + at, half}, {block_.data() + (at + half) % 251, size - half}};
    const ssize_t count = output.send(parts);
    if (count < 0) return errno == EAGAIN ? Progress::kBlocked : Progress::kFailed;
    sent_ += static_cast<std::size_t>(count);
    return Progress::kMore;
  }
  bool is_polled() const override { return polled_; }

  static std::string expected(std::size_t total) {
    std::string all(total, '\0');
    for (std::size_t i = 0; i < total; ++i) all[i] = static_cast<char>(i % 251);
    return all;
  }

 private:
  Bytes block_ = Bytes(80'000);
  std::size_t total_;
  std::size_t sent_ = 0;
  bool polled_;
};

// Empty when they are not well formed and ended.
std::string joined_chunks(std::string_view chunks) {
  std::string all;
  while (true) {
    const std::size_t line = chunks.find("\r\n");
    if (line == std::string_view::npos) return {};
    const std::size_t size = std::stoul(std::string(chunks.substr(0, line)), nullptr, 16);
    chunks.remove_prefix(line + 2);
    if (chunks.size() < size + 2 || chunks.substr(size, 2) != "\r\n") return {};
    if (size == 0) return chunks.size() == 2 ? all : std::string();
    all += chunks.substr(0, size);
    chunks.remove_prefix(size + 2);
  }
}

class WebSocketTest : public ::testing::Test {
 protected:
  void start(Handler handler) {
    auto started = Server::start({}, std::move(handler));
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
  }
  // Echoes texts; keeps the newest socket.
  void start_echo(const WebSocketLimits& limits = {}) {
    start([this, limits](Request&& request, const Responder& respond) {
      auto weak = std::make_shared<std::weak_ptr<WebSocket>>();
      auto socket = std::make_shared<WebSocket>(
          [weak](const WebSocketMessage& message) {
            if (const auto alive = weak->lock()) (void)alive->send_text(as_text(message.body));
          },
          limits);
      *weak = socket;
      {
        const std::lock_guard lock(mutex_);
        socket_ = socket;
      }
      respond(accept_websocket(request, socket));
    });
  }
  // The one that was accepted last.
  std::shared_ptr<WebSocket> socket() {
    while (true) {
      {
        const std::lock_guard lock(mutex_);
        if (socket_) return socket_;
      }
      std::this_thread::sleep_for(milliseconds(1));
    }
  }
  // What the server says after the handshake and this, until it closes.
  std::string talk(std::string_view bytes) {
    TestClient client(server_->port());
    client.send(kUpgrade);
    client.send(bytes);
    const std::string answer = client.read_all();
    EXPECT_TRUE(client.closed());
    EXPECT_EQ(status_of(answer), 101);
    EXPECT_EQ(field_of(answer, "Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    EXPECT_EQ(field_of(answer, "Content-Length"), "");
    return std::string(body_of(answer));
  }

  std::mutex mutex_;
  std::shared_ptr<WebSocket> socket_;
  std::unique_ptr<Server> server_;
};

// So many texts of that size, then a goodbye.
class Texts final : public WebSocketSource {
 public:
  Texts(int count, std::size_t size) : count_(count), size_(size) {}
  std::shared_ptr<const std::string> next(std::optional<WebSocketClose>& close) override {
    if (given_ == count_) {
      close = WebSocketClose::kUnauthorized;
      return nullptr;
    }
    return std::make_shared<const std::string>(size_, static_cast<char>('a' + given_++ % 26));
  }

 private:
  int count_;
  std::size_t size_;
  int given_ = 0;
};

TEST_F(WebSocketTest, SendsWholeTextsOfASourceAndItsGoodbye) {
  for (const std::size_t size : {1U, 200U, 70'000U}) {
    server_.reset();
    start([size](const Request& request, const Responder& respond) {
      const auto socket =
          std::make_shared<WebSocket>(WebSocket::Received(), std::make_shared<Texts>(40, size));
      respond(accept_websocket(request, socket));
    });
    std::string expected;
    for (int i = 0; i < 40; ++i)
      expected += server_frame(0x81, std::string(size, static_cast<char>('a' + i % 26)));
    EXPECT_TRUE(talk("") == expected + close_frame(4401)) << size;
  }
}

TEST_F(WebSocketTest, ShakesHandsAsTheSpecificationShows) {
  EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  start_echo();
  struct Case {
    const char* name;
    const char* fields;
    int status;
  };
  const Case cases[] = {
      {"no version",
       "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 426},
      {"version 8",
       "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: "
       "dGhlIHNhbXBsZSBub25jZQ==\r\n",
       426},
      {"no key", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n", 400},
      {"a short key",
       "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
       "abcd\r\n",
       400},
      {"a key that is not base64",
       "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
       "!!!!!!!!!!!!!!!!!!!!!!==\r\n",
       400},
      {"no Connection: Upgrade",
       "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
       400},
      {"another protocol",
       "Upgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
       "dGhlIHNhbXBsZSBub25jZQ==\r\n",
       400},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.name);
    TestClient client(server_->port());
    client.send(std::string("GET /ws HTTP/1.1\r\nHost: x\r\n") + each.fields + "\r\n");
    EXPECT_EQ(status_of(client.read_answer()), each.status);
  }
}

TEST_F(WebSocketTest, AnswersMessagesPingsAndGoodbyes) {
  start_echo();
  EXPECT_EQ(talk(frame(0x81, "hello") + frame(0x89, "p") + frame(0x88, "")),
            server_frame(0x81, "hello") + server_frame(0x8A, "p") + close_frame(1000));
}

TEST_F(WebSocketTest, TellsWhyItCloses) {
  start_echo();
  EXPECT_EQ(talk(frame(0xC1, "a")), close_frame(1002));
  EXPECT_EQ(talk(frame(0x81, "\xFF")), close_frame(1007));
  EXPECT_EQ(talk(std::string("\x82\xFF\0\0\0\0\0\1\0\1\0\0\0\0", 14)), close_frame(1009));
  EXPECT_EQ(talk(std::string("\x81\x01"
                             "a")),
            close_frame(1002));
}

TEST_F(WebSocketTest, BoundsWhatAClientMaySend) {
  WebSocketLimits limits;
  limits.received_bytes_per_minute = 10'000;
  start_echo(limits);
  std::string many;
  for (int i = 0; i < 200; ++i) many += frame(0x8A, std::string(100, 'x'));
  EXPECT_EQ(talk(many), close_frame(1008));
}

TEST_F(WebSocketTest, BoundsWhatWaitsForAClientThatDoesNotRead) {
  start_echo();
  TestClient client(server_->port(), 4096);
  client.send(kUpgrade);
  const std::shared_ptr<WebSocket> accepted = socket();
  const std::string text(50'000, 'x');
  bool taken = true;
  for (int i = 0; taken && i < 1000; ++i) taken = accepted->send_text(text);
  EXPECT_FALSE(taken);
  EXPECT_FALSE(accepted->is_open());
  const std::string answer = client.read_all();
  EXPECT_TRUE(answer.ends_with(close_frame(1013)));
}

TEST_F(WebSocketTest, SendsFromOtherThreadsAtOnce) {
  start_echo();
  TestClient client(server_->port());
  client.send(kUpgrade);
  const std::shared_ptr<WebSocket> accepted = socket();
  EXPECT_TRUE(accepted->send_text("now"));
  EXPECT_TRUE(accepted->send_binary(as_bytes("bytes")));
  accepted->close(WebSocketClose::kNormal);
  EXPECT_FALSE(accepted->send_text("late"));
  EXPECT_EQ(body_of(client.read_all()),
            server_frame(0x81, "now") + server_frame(0x82, "bytes") + close_frame(1000));
}

TEST_F(WebSocketTest, PingsAndSendsTheSilentAway) {
  WebSocketLimits limits;
  limits.ping_us = 100'000;  // long enough for a busy machine to send the ping before it gives up
  start([limits](Request&& request, const Responder& respond) {
    respond(accept_websocket(
        request, std::make_shared<WebSocket>(std::make_unique<Counting>(SIZE_MAX / 2, true), limits)));
  });
  TestClient client(server_->port());
  client.send(kUpgrade);
  const std::string answer = client.read_all();
  EXPECT_NE(answer.find(server_frame(0x89, "")), std::string::npos);
  EXPECT_TRUE(answer.ends_with(close_frame(1008)));
}

TEST_F(WebSocketTest, FramesALiveStreamWithoutLosingAByte) {
  for (const std::size_t total : {0UL, 1UL, 40'000UL, 3'000'000UL}) {
    start([total](Request&& request, const Responder& respond) {
      respond(
          accept_websocket(request, std::make_shared<WebSocket>(std::make_unique<Counting>(total, true))));
    });
    TestClient client(server_->port(), 4096);
    client.send(kUpgrade);
    const std::string answer = client.read_all();
    ByteReader reader(as_bytes(body_of(answer)));
    std::string payload;
    while (reader.remaining() > 4) {
      ASSERT_EQ(reader.u8(), 0x82);
      std::uint64_t size = reader.u8();
      if (size == 126) size = reader.u16();
      if (size == 127) size = reader.u64();
      payload += as_text(reader.take(size));
    }
    EXPECT_EQ(as_text(reader.rest()), close_frame(1000));
    EXPECT_EQ(payload.size(), total);
    EXPECT_TRUE(payload == Counting::expected(total));
  }
}

TEST_F(WebSocketTest, CarriesALiveBodyUntilItsEnd) {
  for (const bool polled : {true, false}) {
    start([polled](Request&&, const Responder& respond) {
      Response response;
      response.headers.set("Content-Type", "video/x-flv");
      response.live = std::make_shared<Counting>(3'000'000, polled);
      respond(std::move(response));
    });
    for (const bool chunked : {true, false}) {
      TestClient client(server_->port(), 4096);
      client.send("GET / HTTP/1." + std::string(chunked ? "1" : "0") +
                  "\r\nHost: x\r\nConnection: close\r\nRange: bytes=5-6\r\nIf-None-Match: *\r\n\r\n");
      const std::string answer = client.read_all();
      EXPECT_EQ(status_of(answer), 200);
      EXPECT_EQ(field_of(answer, "Content-Length"), "");
      EXPECT_EQ(field_of(answer, "Accept-Ranges"), "");
      EXPECT_EQ(field_of(answer, "Connection"), "close");
      EXPECT_EQ(field_of(answer, "Transfer-Encoding"), chunked ? "chunked" : "");
      const std::string body(body_of(answer));
      EXPECT_TRUE((chunked ? joined_chunks(body) : body) == Counting::expected(3'000'000));
    }
    TestClient head(server_->port());
    head.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\nHEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const std::string both = head.read_all();
    EXPECT_NE(both.find("HTTP/1.1 200", 10), std::string::npos) << "the connection goes on after a HEAD";
    EXPECT_EQ(body_of(both).find('\0'), std::string::npos);
  }
}

TEST_F(WebSocketTest, EndsLiveConnectionsWhenItStops) {
  start_echo();
  TestClient client(server_->port());
  client.send(kUpgrade);
  (void)socket();
  while (server_->statistics().requests == 0) std::this_thread::sleep_for(milliseconds(1));
  client.send(frame(0x81, "hello"));
  server_->drain(milliseconds(10'000));
  EXPECT_TRUE(client.read_all().ends_with(close_frame(1001)));
}

}  // namespace
}  // namespace millrace::http
