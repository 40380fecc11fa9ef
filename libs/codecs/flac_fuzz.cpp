#include "codecs/flac.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace millrace::codecs;
  const millrace::ByteView input(bytes, size);
  if (const auto configuration = parse_flac_header(input)) {
    if (configuration->sample_rate == 0 || flac_specific_box(*configuration).size() != 42) __builtin_trap();
  }
  if (flac_frame_samples(input).value_or(0) > 65'536) __builtin_trap();
  return 0;
}
