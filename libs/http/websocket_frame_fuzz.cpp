// Frames of a client. The first byte is in how large pieces the second reader gets them: both must see the
// same, and no message is longer than allowed.
#include <cstdlib>

#include "http/target.hpp"
#include "http/websocket_frame.hpp"

namespace {

using namespace millrace;

constexpr std::size_t kLimit = 256;

void append(const http::WebSocketEvent& event, Bytes& out) {
  out.push_back(static_cast<std::uint8_t>(event.index()));
  if (const auto* message = std::get_if<http::WebSocketMessage>(&event)) {
    if (message->body.size() > kLimit) std::abort();
    if (message->text && !http::is_valid_utf8(as_text(message->body))) std::abort();
    out.insert(out.end(), message->body.begin(), message->body.end());
  }
  if (const auto* ping = std::get_if<http::WebSocketPing>(&event))
    out.insert(out.end(), ping->body.begin(), ping->body.end());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t step = data[0] % 16U + 1U;
  const ByteView input(data + 1, size - 1);
  http::WebSocketReader whole(kLimit);
  http::WebSocketReader pieces(kLimit);
  std::vector<http::WebSocketEvent> first;
  std::vector<http::WebSocketEvent> second;
  whole.receive(input, first);
  for (std::size_t at = 0; at < input.size(); at += step)
    pieces.receive(input.subspan(at, std::min(step, input.size() - at)), second);
  Bytes a;
  Bytes b;
  for (const http::WebSocketEvent& event : first) append(event, a);
  for (const http::WebSocketEvent& event : second) append(event, b);
  if (a != b) std::abort();
  return 0;
}
