#include "codecs/h264.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace millrace::codecs;
  const millrace::ByteView input(bytes, size);
  if (const auto configuration = parse_avc_configuration(input)) {
    if (configuration->sps.empty() || configuration->width == 0 || configuration->height > kMaxDimension)
      __builtin_trap();
    (void)codec_string(*configuration);
  }
  (void)parse_sps(input);
  for (const unsigned length_size : {1U, 2U, 4U}) {
    std::size_t total = 0;
    (void)for_each_nal(input, length_size,
                       [&](millrace::ByteView nal) { total += nal.size() + length_size; });
    if (total > size) __builtin_trap();
  }
  return 0;
}
