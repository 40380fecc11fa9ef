// The first byte cuts the rest into reads; C1 and the digests see anything.
#include <algorithm>
#include <cstdlib>

#include "rtmp/digest.hpp"
#include "rtmp/handshake.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  if (size == 0) return 0;
  const std::size_t step = data[0] + 1U;
  rtmp::ServerHandshake handshake(1);
  Bytes out;
  for (ByteView rest(data + 1, size - 1); !rest.empty() && !handshake.done();) {
    ByteView part = rest.first(std::min(rest.size(), step));
    rest = rest.subspan(part.size());
    if (!handshake.receive(part, out)) return 0;
    if (!part.empty() && !handshake.done()) std::abort();
  }
  if (out.size() != 0 && out.size() != 1 + 2 * rtmp::kHandshakePacketSize) std::abort();
  return 0;
}
