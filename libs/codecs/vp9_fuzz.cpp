#include "codecs/h264.hpp"
#include "codecs/vp9.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace millrace::codecs;
  const millrace::ByteView input(bytes, size);
  if (const auto configuration = parse_vp9_configuration(input)) {
    const auto again = parse_vp9_configuration(vp9_configuration_box(*configuration));
    if (!again || codec_string(*again) != codec_string(*configuration)) __builtin_trap();
  }
  const auto header = parse_vp9_frame_header(input);
  if (header && (header->width > kMaxDimension || header->height > kMaxDimension)) __builtin_trap();
  return 0;
}
