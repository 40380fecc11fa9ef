#include "codecs/h264.hpp"
#include "codecs/h265.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace millrace::codecs;
  const millrace::ByteView input(bytes, size);
  if (const auto configuration = parse_hevc_configuration(input)) {
    if (configuration->sps.empty() || configuration->width == 0 || configuration->height > kMaxDimension)
      __builtin_trap();
    (void)codec_string(*configuration);
  }
  (void)parse_hevc_sps(input);
  for (const unsigned length_size : {1U, 2U, 4U}) (void)has_irap(input, length_size);
  return 0;
}
