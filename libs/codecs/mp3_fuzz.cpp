#include "codecs/mp3.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace millrace::codecs;
  const auto configuration = parse_mp3_header({bytes, size});
  if (!configuration) return 0;
  if (configuration->sample_rate < 8000 || configuration->samples_per_frame == 0) __builtin_trap();
  (void)codec_string(*configuration);
  return 0;
}
