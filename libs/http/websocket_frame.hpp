// Frames of WebSocket (RFC 6455, 5) as a server needs them, sans-IO: headers of what it sends, and a strict
// reader of what clients send.
//
//   FIN RSV1-3 opcode | MASK length(7) | length(16 or 64) | masking key(32) | payload      (5.2)
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.hpp"

namespace millrace::http {

enum class WebSocketOpcode : std::uint8_t {
  kContinuation = 0x0,
  kText = 0x1,
  kBinary = 0x2,
  kClose = 0x8,
  kPing = 0x9,
  kPong = 0xA,
};

// Status codes of a close frame (7.4.1).
enum class WebSocketClose : std::uint16_t {
  kNormal = 1000,
  kGoingAway = 1001,
  kProtocolError = 1002,
  kInvalidText = 1007,
  kPolicy = 1008,
  kTooLarge = 1009,
  kTryAgainLater = 1013,
  kUnauthorized = 4401,  // of ours (7.4.2): the token is good no more
};

// Of a whole message in one unmasked frame.
class WebSocketHeader {
 public:
  static constexpr std::size_t kMaxSize = 10;
  WebSocketHeader(WebSocketOpcode opcode, std::uint64_t payload_size);
  ByteView view() const { return {bytes_.data(), size_}; }

 private:
  std::array<std::uint8_t, kMaxSize> bytes_{};
  std::size_t size_ = 0;
};

void append_frame(WebSocketOpcode opcode, ByteView payload, Bytes& out);
void append_close(WebSocketClose code, Bytes& out);

struct WebSocketMessage {
  bool text = false;  // then it is valid UTF-8
  Bytes body;
};
struct WebSocketPing {
  Bytes body;
};
struct WebSocketPong {};
// The client says goodbye.
struct WebSocketClosed {};
// The client broke the protocol or a limit: it is sent the code, and nothing more is read.
struct WebSocketFailed {
  WebSocketClose code;
};
using WebSocketEvent =
    std::variant<WebSocketMessage, WebSocketPing, WebSocketPong, WebSocketClosed, WebSocketFailed>;

class WebSocketReader {
 public:
  // Longer messages, all their fragments together, are kTooLarge.
  explicit WebSocketReader(std::size_t max_message_bytes) : max_message_bytes_(max_message_bytes) {}

  // Consumes everything. Nothing comes after a WebSocketClosed or WebSocketFailed.
  void receive(ByteView bytes, std::vector<WebSocketEvent>& out);

 private:
  // Bytes used of a frame's front; 0: it is not whole.
  std::size_t read_header(ByteView bytes, std::vector<WebSocketEvent>& out);
  bool check_header(std::uint8_t first, std::uint64_t length, std::vector<WebSocketEvent>& out);
  void take_payload(ByteView bytes);
  void end_frame(std::vector<WebSocketEvent>& out);
  void end_control(std::vector<WebSocketEvent>& out);
  void fail(WebSocketClose code, std::vector<WebSocketEvent>& out);

  std::size_t max_message_bytes_;
  bool over_ = false;
  Bytes header_;  // of a frame that is not whole
  // The frame that is open.
  bool in_frame_ = false;
  bool final_ = false;
  WebSocketOpcode opcode_{};
  std::array<std::uint8_t, 4> mask_{};
  std::uint64_t left_ = 0;
  std::size_t masked_ = 0;
  Bytes control_;
  // The message that is open.
  bool in_message_ = false;
  bool text_ = false;
  Bytes message_;
};

}  // namespace millrace::http
