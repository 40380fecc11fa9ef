#include "http/websocket_frame.hpp"

#include <gtest/gtest.h>

#include <string>

namespace millrace::http {
namespace {

// A client's frame: masked.
Bytes frame(std::uint8_t first, ByteView payload, std::uint64_t declared = UINT64_MAX) {
  const std::uint64_t size = declared == UINT64_MAX ? payload.size() : declared;
  ByteWriter out;
  out.u8(first);
  if (size < 126) {
    out.u8(0x80 | static_cast<std::uint8_t>(size));
  } else if (size <= 0xFFFF) {
    out.u8(0x80 | 126);
    out.u16(static_cast<std::uint16_t>(size));
  } else {
    out.u8(0x80 | 127);
    out.u64(size);
  }
  const std::array<std::uint8_t, 4> mask{0x12, 0x34, 0x56, 0x78};
  out.append(mask);
  for (std::size_t i = 0; i < payload.size(); ++i) out.u8(payload[i] ^ mask.at(i % 4));
  return out.take();
}
Bytes frame(std::uint8_t first, std::string_view payload) {
  return frame(first, as_bytes(payload));
}
Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

std::string describe(const std::vector<WebSocketEvent>& events) {
  std::string text;
  for (const WebSocketEvent& event : events) {
    if (!text.empty()) text += ", ";
    if (const auto* message = std::get_if<WebSocketMessage>(&event))
      text += std::string(message->text ? "text " : "binary ") + std::string(as_text(message->body));
    if (const auto* ping = std::get_if<WebSocketPing>(&event))
      text += "ping " + std::string(as_text(ping->body));
    if (std::holds_alternative<WebSocketPong>(event)) text += "pong";
    if (std::holds_alternative<WebSocketClosed>(event)) text += "closed";
    if (const auto* failed = std::get_if<WebSocketFailed>(&event))
      text += "failed " + std::to_string(static_cast<int>(failed->code));
  }
  return text;
}

std::string read(ByteView bytes, std::size_t step, std::size_t limit) {
  WebSocketReader reader(limit);
  std::vector<WebSocketEvent> events;
  for (std::size_t at = 0; at < bytes.size(); at += step)
    reader.receive(bytes.subspan(at, std::min(step, bytes.size() - at)), events);
  return describe(events);
}

struct Case {
  const char* name;
  Bytes bytes;
  const char* events;
};

TEST(WebSocketReader, ReadsWhatClientsSayAndRefusesTheRest) {
  const Bytes hello = frame(0x81, "hello");
  const std::string large(300, 'x');
  const Case cases[] = {
      {"text", hello, "text hello"},
      {"two", hello + frame(0x82, "bytes"), "text hello, binary bytes"},
      {"empty", frame(0x81, ""), "text "},
      {"fragments", frame(0x01, "he") + frame(0x00, "l") + frame(0x80, "lo"), "text hello"},
      {"a ping between fragments", frame(0x01, "he") + frame(0x89, "p") + frame(0x80, "llo"),
       "ping p, text hello"},
      {"pong", frame(0x8A, "p"), "pong"},
      {"length in 16 bits", frame(0x82, large), ("binary xxx")},
      {"close", frame(0x88, Bytes{0x03, 0xE8}), "closed"},
      {"close without a code", frame(0x88, ""), "closed"},
      {"close, and then more", frame(0x88, "") + hello, "closed"},
      {"text of two bytes a letter, cut between them", frame(0x01, "\xC3") + frame(0x80, "\xA4"),
       "text \xC3\xA4"},
      {"not masked", Bytes{0x81, 0x01, 'a'}, "failed 1002"},
      {"RSV1", frame(0xC1, "a"), "failed 1002"},
      {"RSV3", frame(0x91, "a"), "failed 1002"},
      {"opcode 3", frame(0x83, "a"), "failed 1002"},
      {"opcode 11", frame(0x8B, "a"), "failed 1002"},
      {"continuation of nothing", frame(0x80, "a"), "failed 1002"},
      {"a message in a message", frame(0x01, "a") + frame(0x81, "b"), "failed 1002"},
      {"ping in fragments", frame(0x09, "a"), "failed 1002"},
      {"ping of 126 bytes", frame(0x89, large.substr(0, 126)), "failed 1002"},
      {"length in more bits than needed", Bytes{0x82, 0xFE, 0, 5, 0, 0, 0, 0, 1, 2, 3, 4, 5}, "failed 1002"},
      {"length in 64 bits where 16 do", Bytes{0x82, 0xFF, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0}, "failed 1002"},
      {"length beyond 2^63", Bytes{0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, "failed 1002"},
      {"too large at its header", frame(0x82, {}, 1000), "failed 1009"},
      {"larger than anything", frame(0x82, {}, std::uint64_t{1} << 62), "failed 1009"},
      {"too large together", frame(0x02, large) + frame(0x80, large), "failed 1009"},
      {"text that is none", frame(0x81, "\xFF"), "failed 1007"},
      {"text that ends early", frame(0x81, "\xC3"), "failed 1007"},
      {"close of one byte", frame(0x88, "a"), "failed 1002"},
      {"close with 1005", frame(0x88, Bytes{0x03, 0xED}), "failed 1002"},
      {"close with 999", frame(0x88, Bytes{0x03, 0xE7}), "failed 1002"},
      {"close with 4000", frame(0x88, Bytes{0x0F, 0xA0, 'b', 'y', 'e'}), "closed"},
      {"close with a bad reason", frame(0x88, Bytes{0x03, 0xE8, 0xFF}), "failed 1007"},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.name);
    const std::string whole = read(each.bytes, each.bytes.size(), 400);
    EXPECT_TRUE(whole.starts_with(each.events)) << whole;
    EXPECT_EQ(read(each.bytes, 1, 400), whole);
    EXPECT_EQ(read(each.bytes, 3, 400), whole);
    for (std::size_t size = 0; size < each.bytes.size(); ++size) {
      const std::string cut = read(ByteView(each.bytes).first(size), 7, 400);
      EXPECT_TRUE(whole.starts_with(cut)) << size << ": " << cut;
    }
  }
}

TEST(WebSocketHeader, HasTheShortestForm) {
  const auto bytes = [](std::uint64_t size) {
    const WebSocketHeader header(WebSocketOpcode::kBinary, size);
    return Bytes(header.view().begin(), header.view().end());
  };
  EXPECT_EQ(bytes(0), (Bytes{0x82, 0}));
  EXPECT_EQ(bytes(125), (Bytes{0x82, 125}));
  EXPECT_EQ(bytes(126), (Bytes{0x82, 126, 0, 126}));
  EXPECT_EQ(bytes(0xFFFF), (Bytes{0x82, 126, 0xFF, 0xFF}));
  EXPECT_EQ(bytes(0x10000), (Bytes{0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0}));
  Bytes close;
  append_close(WebSocketClose::kTooLarge, close);
  EXPECT_EQ(close, (Bytes{0x88, 2, 0x03, 0xF1}));
}

}  // namespace
}  // namespace millrace::http
