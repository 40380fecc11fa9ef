// A whole session by a grammar (session_script.hpp), checked at every step (session_checker.hpp). It runs
// twice: once with each step's bytes in one read, once in small reads with the session moved to another
// process between them. Both must do the same (where acknowledgements stand in what is sent depends on the
// reads). The first byte says how small, and whether the limits are tight.
#include <cstdlib>

#include "rtmp/session_checker.hpp"

// Sessions are made and dropped by the hundred thousand: what was freed need not be watched for long.
extern "C" const char*
__asan_default_options() {  // NOLINT(bugprone-reserved-identifier): the sanitizer's name
  return "quarantine_size_mb=16";
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  namespace testing = rtmp::testing;
  if (size == 0) return 0;
  rtmp::SessionLimits limits;
  if ((data[0] & 1) != 0) {
    limits.max_open_media_bytes = 4096;
    limits.max_open_command_bytes = 512;
    limits.max_command_bytes = 256;
    limits.max_chunk_streams = 6;
    limits.max_message_streams = 2;
    limits.max_work_credit = 4096;
    limits.min_acknowledgement_window = 1024;
    limits.default_acknowledgement_window = 2048;
  }
  const std::size_t step = 1U + (data[0] >> 1);
  testing::SessionChecker whole(limits);
  testing::SessionChecker moved(limits);
  testing::SessionScript script(ByteView(data + 1, size - 1));
  testing::ScriptStep next;
  while (script.next(next)) {
    if (const auto* const turn = std::get_if<testing::ServerTurn>(&next)) {
      whole.turn(*turn);
      moved.turn(*turn);
      continue;
    }
    const ByteView bytes(std::get<Bytes>(next));
    whole.read(bytes);
    constexpr std::size_t kMoves = 6;  // per step: moving costs more than reading
    const std::size_t piece = std::max(step, bytes.size() / kMoves + 1);
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      moved.read(bytes.subspan(at, std::min(piece, bytes.size() - at)));
      moved.move();
    }
    whole.check();
    moved.check();
  }
  if (whole.log() != moved.log()) std::abort();
  return 0;
}
