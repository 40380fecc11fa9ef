#include "codecs/aac.hpp"
#include "codecs/adts.hpp"

// Frames are taken off from the front, each within what was left, until there is none.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace millrace::codecs;
  millrace::ByteView rest(bytes, size);
  for (;;) {
    const millrace::ByteView before = rest;
    const auto frame = next_adts_frame(rest);
    if (!frame) {
      if (rest.data() != before.data() || rest.size() != before.size()) __builtin_trap();
      return 0;
    }
    if (rest.size() >= before.size() || frame->raw.empty()) __builtin_trap();
    if (frame->raw.data() + frame->raw.size() != before.data() + (before.size() - rest.size()))
      __builtin_trap();
    (void)parse_audio_specific_config(frame->audio_specific_config);
  }
}
