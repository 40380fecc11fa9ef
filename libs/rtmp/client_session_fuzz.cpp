// A server's bytes. The first byte: bit 0 puts a good handshake in front, bit 1 a whole script until the
// stream is accepted, bit 2 plays instead of publishing; the rest is how often the second run saves and
// restores. Both runs must do the same.
#include <cstdlib>

#include "rtmp/client_testing.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  if (size == 0) return 0;
  (void)rtmp::ClientSession::restore(ByteView(data, size));
  const auto use = (data[0] & 4) != 0 ? rtmp::ClientUse::kPlay : rtmp::ClientUse::kPublish;
  const rtmp::ClientRequest request = client_request(*rtmp::parse_url("rtmp://joe:pass@host/live/key"), use);
  const ByteView input(data + 1, size - 1);
  const std::size_t step = (data[0] >> 3) * 16U + 1U;
  rtmp::testing::ClientDriver plain(request);
  rtmp::testing::ClientDriver restored(request);
  for (auto* driver : {&plain, &restored}) {
    if ((data[0] & 1) == 0) continue;
    driver->feed((data[0] & 2) != 0 ? rtmp::testing::server_script(use) : rtmp::testing::server_handshake());
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
