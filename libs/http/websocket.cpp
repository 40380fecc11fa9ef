#include "http/websocket.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "http/framed_output.hpp"

namespace millrace::http {
namespace {

constexpr std::size_t kMaxPongs = 4096;  // waiting bytes beyond which further pings are not answered
constexpr std::int64_t kMinuteUs = 60'000'000;
constexpr unsigned kPatience = 3;  // pings
constexpr std::size_t kKeyText = 24;
constexpr std::size_t kKeyBytes = 16;
constexpr std::string_view kVersion = "13";

// RFC 9110: a comma-separated list of tokens, compared without regard to case.
bool has_token(std::string_view list, std::string_view token) {
  const auto equal = [](char a, char b) { return (a | 0x20) == (b | 0x20); };
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    std::string_view each = list.substr(0, comma);
    while (!each.empty() && (each.front() == ' ' || each.front() == '\t')) each.remove_prefix(1);
    while (!each.empty() && (each.back() == ' ' || each.back() == '\t')) each.remove_suffix(1);
    if (std::equal(each.begin(), each.end(), token.begin(), token.end(), equal)) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

// Base64 of 16 bytes.
bool is_valid_key(std::string_view key) {
  if (key.size() != kKeyText) return false;
  std::array<std::uint8_t, kKeyBytes + 2> decoded{};
  const int size = EVP_DecodeBlock(decoded.data(), reinterpret_cast<const std::uint8_t*>(key.data()),
                                   static_cast<int>(key.size()));
  return size == static_cast<int>(decoded.size()) && key.ends_with("==");
}

LiveStream::Progress failure() {
  return errno == EAGAIN || errno == EWOULDBLOCK ? LiveStream::Progress::kBlocked
                                                 : LiveStream::Progress::kFailed;
}

}  // namespace

// Binary messages.
class WebSocket::Framer final : public FramedOutput {
 private:
  std::size_t put_header(std::uint64_t size, std::uint8_t* out) override {
    const WebSocketHeader header(WebSocketOpcode::kBinary, size);
    std::copy(header.view().begin(), header.view().end(), out);
    return header.view().size();
  }
};

WebSocket::WebSocket(Received received, const WebSocketLimits& limits)
    : limits_(limits), received_(std::move(received)), reader_(limits.message_bytes) {}

WebSocket::WebSocket(std::unique_ptr<LiveStream> media, const WebSocketLimits& limits)
    : limits_(limits),
      media_(std::move(media)),
      framer_(std::make_unique<Framer>()),
      reader_(limits.message_bytes) {}

WebSocket::WebSocket(Received received, std::shared_ptr<WebSocketSource> source,
                     const WebSocketLimits& limits)
    : limits_(limits),
      received_(std::move(received)),
      source_(std::move(source)),
      reader_(limits.message_bytes) {}

WebSocket::~WebSocket() = default;

void WebSocket::attach(const std::function<void()>& wake) {
  const std::lock_guard lock(mutex_);
  wake_ = wake;
}

void WebSocket::wake() {
  std::function<void()> wake;
  {
    const std::lock_guard lock(mutex_);
    wake = wake_;
  }
  if (wake) wake();
}

bool WebSocket::send(WebSocketOpcode opcode, ByteView payload) {
  bool full = false;
  {
    const std::lock_guard lock(mutex_);
    if (goodbye_) return false;
    full = outbox_.size() - sent_ + payload.size() > limits_.outbox_bytes;
    if (!full) append_frame(opcode, payload, outbox_);
  }
  if (full) close(WebSocketClose::kTryAgainLater);
  wake();
  return !full;
}

void WebSocket::close(WebSocketClose code) {
  say_goodbye(code);
  wake();
}

void WebSocket::say_goodbye(WebSocketClose code) {
  const std::lock_guard lock(mutex_);
  open_.store(false, std::memory_order_relaxed);
  if (std::exchange(goodbye_, true)) return;
  append_close(code, outbox_);
}

void WebSocket::drain() {
  if (media_) media_->drain();
  say_goodbye(WebSocketClose::kGoingAway);
}

void WebSocket::receive(ByteView bytes, std::int64_t now_us) {
  heard_us_ = now_us;
  if (now_us - minute_began_us_ >= kMinuteUs) {
    minute_began_us_ = now_us;
    received_bytes_ = 0;
  }
  received_bytes_ += bytes.size();
  if (received_bytes_ > limits_.received_bytes_per_minute) return say_goodbye(WebSocketClose::kPolicy);
  events_.clear();
  reader_.receive(bytes, events_);
  for (WebSocketEvent& event : events_) take(event);
}

void WebSocket::take(WebSocketEvent& event) {
  if (auto* message = std::get_if<WebSocketMessage>(&event)) {
    if (received_) received_(std::move(*message));
  } else if (const auto* ping = std::get_if<WebSocketPing>(&event)) {
    const std::lock_guard lock(mutex_);
    if (!goodbye_ && outbox_.size() - sent_ < kMaxPongs)
      append_frame(WebSocketOpcode::kPong, ping->body, outbox_);
  } else if (const auto* failed = std::get_if<WebSocketFailed>(&event)) {
    say_goodbye(failed->code);
  } else if (std::holds_alternative<WebSocketClosed>(event)) {
    say_goodbye(WebSocketClose::kNormal);
  }
}

void WebSocket::keep_alive(std::int64_t now_us) {
  if (heard_us_ == 0) heard_us_ = now_us;
  if (pinged_us_ == 0) pinged_us_ = now_us;
  if (now_us - pinged_us_ < limits_.ping_us) return;
  pinged_us_ = now_us;
  if (now_us - heard_us_ > kPatience * limits_.ping_us) return say_goodbye(WebSocketClose::kPolicy);
  const std::lock_guard lock(mutex_);
  if (!goodbye_) append_frame(WebSocketOpcode::kPing, {}, outbox_);
}

LiveStream::Progress WebSocket::pump_outbox(LiveOutput& output) {
  const std::lock_guard lock(mutex_);
  while (sent_ < outbox_.size()) {
    const iovec part{outbox_.data() + sent_, outbox_.size() - sent_};
    const ssize_t count = output.send({&part, 1});
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure();
    sent_ += static_cast<std::size_t>(count);
  }
  // An idle socket keeps no buffer.
  Bytes().swap(outbox_);
  sent_ = 0;
  return goodbye_ ? Progress::kEnded : Progress::kIdle;
}

LiveStream::Progress WebSocket::send_pulled(LiveOutput& output) {
  const WebSocketHeader header(WebSocketOpcode::kText, pulled_->size());
  const ByteView front = header.view();
  while (pulled_sent_ < front.size() + pulled_->size()) {
    const std::size_t of_header = std::min(pulled_sent_, front.size());
    const std::size_t of_text = pulled_sent_ - of_header;
    // sendmsg doesn't write into what it sends.
    const std::array<iovec, 2> parts = {
        iovec{const_cast<std::uint8_t*>(front.data()) + of_header, front.size() - of_header},
        iovec{const_cast<char*>(pulled_->data()) + of_text, pulled_->size() - of_text}};
    const ssize_t count = output.send(parts);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure();
    pulled_sent_ += static_cast<std::size_t>(count);
  }
  pulled_.reset();
  pulled_sent_ = 0;
  return Progress::kMore;
}

LiveStream::Progress WebSocket::pump_source(LiveOutput& output) {
  std::optional<WebSocketClose> close;
  if (!pulled_) pulled_ = source_->next(close);
  if (pulled_) return send_pulled(output);
  if (!close) return Progress::kIdle;
  say_goodbye(*close);
  return Progress::kMore;
}

LiveStream::Progress WebSocket::pump(LiveOutput& output, std::int64_t now_us) {
  keep_alive(now_us);
  const bool in_frame = (framer_ && framer_->in_frame()) || pulled_sent_ > 0;
  if (!in_frame) {
    const Progress queued = pump_outbox(output);
    if (queued != Progress::kIdle) return queued;
  }
  if (source_) return pump_source(output);
  if (!media_ || media_ended_) return Progress::kIdle;
  framer_->bind(output);
  const Progress progress = media_->pump(*framer_, now_us);
  if (progress != Progress::kEnded) return progress;
  // The media ends in mid-frame only when it has left something out: that can't be repaired.
  if (framer_->in_frame()) return Progress::kFailed;
  media_ended_ = true;
  say_goodbye(WebSocketClose::kNormal);
  return Progress::kMore;
}

bool asks_for_websocket(const Request& request) {
  return has_token(request.headers.find("Upgrade"), "websocket");
}

std::string websocket_accept(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr);
  std::array<std::uint8_t, 64> encoded{};
  const int length = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(size));
  return {reinterpret_cast<const char*>(encoded.data()), static_cast<std::size_t>(length)};
}

Response accept_websocket(const Request& request, std::shared_ptr<WebSocket> socket) {
  const std::string_view key = request.headers.find("Sec-WebSocket-Key");
  if (request.headers.find("Sec-WebSocket-Version") != kVersion) {
    Response response = Response::problem(426, "http.websocket", "WebSocket version 13 is spoken here");
    response.headers.set("Sec-WebSocket-Version", kVersion);
    return response;
  }
  if (request.method != Method::kGet || !asks_for_websocket(request) ||
      !has_token(request.headers.find("Connection"), "upgrade") || !is_valid_key(key)) {
    return Response::problem(400, "http.websocket", "not a WebSocket opening handshake");
  }
  Response response;
  response.status = 101;
  response.headers.set("Sec-WebSocket-Accept", websocket_accept(key));
  response.live = std::move(socket);
  return response;
}

}  // namespace millrace::http
