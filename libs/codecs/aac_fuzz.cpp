#include "codecs/aac.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto config = millrace::codecs::parse_audio_specific_config({bytes, size});
  if (config && (config->channels == 0 || config->sample_rate == 0)) __builtin_trap();
  return 0;
}
