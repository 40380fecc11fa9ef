// A whole session. The first byte: bit 0 puts a good handshake in front, bit 1 a whole publish session; the
// rest is how often the second run saves and restores. Both runs must do the same.
#include <cstdlib>

#include "rtmp/client_bytes.hpp"
#include "rtmp/session_testing.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  if (size == 0) return 0;
  static const Bytes handshake = rtmp::testing::simple_handshake();
  static const Bytes publish = rtmp::testing::publish_session();
  (void)rtmp::ServerSession::restore(ByteView(data, size));
  const ByteView input(data + 1, size - 1);
  const std::size_t step = (data[0] >> 2) * 8U + 1U;
  rtmp::testing::SessionDriver plain;
  rtmp::testing::SessionDriver restored;
  for (auto* driver : {&plain, &restored}) {
    if ((data[0] & 1) != 0) driver->feed((data[0] & 2) != 0 ? publish : handshake);
  }
  constexpr std::size_t kMaxParts = 64;
  for (std::size_t at = 0, part_count = 0; at < input.size(); ++part_count) {
    const ByteView part =
        input.subspan(at, part_count < kMaxParts ? std::min(step, input.size() - at) : input.size() - at);
    at += part.size();
    plain.feed(part);
    restored.feed(part);
    restored.save_and_restore();
  }
  if (plain.events != restored.events || plain.sent != restored.sent) std::abort();
  return 0;
}
