#include "http/websocket_frame.hpp"

#include <algorithm>
#include <utility>

#include "http/target.hpp"

namespace millrace::http {
namespace {

constexpr std::uint8_t kFin = 0x80;
constexpr std::uint8_t kReserved = 0x70;
constexpr std::uint8_t kOpcodeMask = 0x0F;
constexpr std::uint8_t kMasked = 0x80;
constexpr std::uint8_t kLength16 = 126;
constexpr std::uint8_t kLength64 = 127;
constexpr std::size_t kMaxControl = 125;

bool is_control(WebSocketOpcode opcode) {
  return static_cast<std::uint8_t>(opcode) >= 0x8;
}

bool is_known(std::uint8_t opcode) {
  return opcode <= 0x2 || (opcode >= 0x8 && opcode <= 0xA);
}

// Codes that may stand in a frame (7.4).
bool is_valid_close_code(std::uint16_t code) {
  const bool defined = code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
  return defined || (code >= 3000 && code <= 4999);
}

}  // namespace

WebSocketHeader::WebSocketHeader(WebSocketOpcode opcode, std::uint64_t payload_size) {
  const auto put = [this](std::uint64_t value, unsigned bytes) {
    for (unsigned i = bytes; i-- > 0;) bytes_.at(size_++) = static_cast<std::uint8_t>(value >> (8 * i));
  };
  put(kFin | static_cast<std::uint8_t>(opcode), 1);
  if (payload_size < kLength16) {
    put(payload_size, 1);
  } else if (payload_size <= 0xFFFF) {
    put(kLength16, 1);
    put(payload_size, 2);
  } else {
    put(kLength64, 1);
    put(payload_size, 8);
  }
}

void append_frame(WebSocketOpcode opcode, ByteView payload, Bytes& out) {
  const WebSocketHeader header(opcode, payload.size());
  out.insert(out.end(), header.view().begin(), header.view().end());
  out.insert(out.end(), payload.begin(), payload.end());
}

void append_close(WebSocketClose code, Bytes& out) {
  const auto number = static_cast<std::uint16_t>(code);
  const std::array<std::uint8_t, 2> payload{static_cast<std::uint8_t>(number >> 8),
                                            static_cast<std::uint8_t>(number & 0xFF)};
  append_frame(WebSocketOpcode::kClose, payload, out);
}

void WebSocketReader::fail(WebSocketClose code, std::vector<WebSocketEvent>& out) {
  over_ = true;
  Bytes().swap(message_);
  out.emplace_back(WebSocketFailed{code});
}

void WebSocketReader::receive(ByteView bytes, std::vector<WebSocketEvent>& out) {
  while (!over_) {
    if (!in_frame_) {
      const std::size_t used = read_header(bytes, out);
      if (over_ || used == 0) return;
      bytes = bytes.subspan(used);
    }
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
    take_payload(bytes.first(count));
    bytes = bytes.subspan(count);
    if (left_ > 0) return;
    end_frame(out);
    if (bytes.empty()) return;
  }
}

// Collects a header's bytes until it is whole; returns how many of these bytes belong to it.
std::size_t WebSocketReader::read_header(ByteView bytes, std::vector<WebSocketEvent>& out) {
  for (std::size_t used = 0; used < bytes.size();) {
    header_.push_back(bytes[used++]);
    if (header_.size() < 2) continue;
    const std::uint8_t length = header_[1] & static_cast<std::uint8_t>(~kMasked);
    const std::size_t extra = length == kLength16 ? 2 : length == kLength64 ? 8 : 0;
    // Refused at the second byte, not when all of it is there.
    if (header_.size() == 2 && !check_header(header_[0], length, out)) return used;
    if (header_.size() < 2 + extra + mask_.size()) continue;
    ByteReader reader(header_);
    reader.skip(2);
    left_ = extra == 2 ? reader.u16() : extra == 8 ? reader.u64() : length;
    std::copy_n(header_.begin() + static_cast<std::ptrdiff_t>(2 + extra), mask_.size(), mask_.begin());
    masked_ = 0;
    // The shortest form only; the top bit of 64 is 0 (5.2).
    const bool minimal = extra == 0 || (extra == 2 ? left_ >= kLength16 : left_ > 0xFFFF);
    if (!minimal || left_ >> 63 != 0) {
      fail(WebSocketClose::kProtocolError, out);
    } else if (!is_control(opcode_) && left_ > max_message_bytes_ - message_.size()) {
      fail(WebSocketClose::kTooLarge, out);
    }
    header_.clear();
    in_frame_ = true;
    return used;
  }
  return 0;
}

bool WebSocketReader::check_header(std::uint8_t first, std::uint64_t length,
                                   std::vector<WebSocketEvent>& out) {
  final_ = (first & kFin) != 0;
  opcode_ = static_cast<WebSocketOpcode>(first & kOpcodeMask);
  const bool control = is_control(opcode_);
  const bool continues = opcode_ == WebSocketOpcode::kContinuation;
  const bool good = (first & kReserved) == 0 && is_known(first & kOpcodeMask) &&
                    (header_[1] & kMasked) != 0 &&
                    (control ? final_ && length <= kMaxControl : continues == in_message_);
  if (!good) {
    fail(WebSocketClose::kProtocolError, out);
    return false;
  }
  if (!control && !continues) {
    in_message_ = true;
    text_ = opcode_ == WebSocketOpcode::kText;
  }
  return true;
}

void WebSocketReader::take_payload(ByteView bytes) {
  Bytes& into = is_control(opcode_) ? control_ : message_;
  for (const std::uint8_t byte : bytes) into.push_back(byte ^ mask_.at(masked_++ % mask_.size()));
  left_ -= bytes.size();
}

void WebSocketReader::end_frame(std::vector<WebSocketEvent>& out) {
  in_frame_ = false;
  if (is_control(opcode_)) return end_control(out);
  if (!final_) return;
  in_message_ = false;
  if (text_ && !is_valid_utf8(as_text(message_))) return fail(WebSocketClose::kInvalidText, out);
  out.emplace_back(WebSocketMessage{text_, std::exchange(message_, {})});
}

void WebSocketReader::end_control(std::vector<WebSocketEvent>& out) {
  Bytes body = std::exchange(control_, {});
  if (opcode_ == WebSocketOpcode::kPing) {
    out.emplace_back(WebSocketPing{std::move(body)});
  } else if (opcode_ == WebSocketOpcode::kPong) {
    out.emplace_back(WebSocketPong{});
  } else {
    const bool coded = body.size() >= 2;
    if (body.size() == 1 || (coded && !is_valid_close_code(ByteReader(body).u16())))
      return fail(WebSocketClose::kProtocolError, out);
    if (coded && !is_valid_utf8(as_text(body).substr(2))) return fail(WebSocketClose::kInvalidText, out);
    over_ = true;
    out.emplace_back(WebSocketClosed{});
  }
}

}  // namespace millrace::http
