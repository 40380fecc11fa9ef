#include "codecs/av1.hpp"
#include "codecs/h264.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace millrace::codecs;
  const millrace::ByteView input(bytes, size);
  if (const auto configuration = parse_av1_configuration(input)) {
    if (configuration->width > kMaxDimension || configuration->height > kMaxDimension) __builtin_trap();
    (void)codec_string(*configuration);
  }
  const auto unit = inspect_temporal_unit(input);
  if (!unit || !unit->sequence_header) return 0;
  // A record made of it says the same.
  const auto made =
      parse_av1_configuration(av1_configuration(*unit->sequence_header, unit->sequence_header_obu));
  if (!made || made->width != unit->sequence_header->width) __builtin_trap();
  return 0;
}
