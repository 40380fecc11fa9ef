#include "codecs/opus.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace millrace::codecs;
  const millrace::ByteView input(bytes, size);
  if (const auto configuration = parse_opus_head(input)) {
    if (configuration->channels == 0 || opus_specific_box(*configuration).size() < 11) __builtin_trap();
  }
  if (opus_packet_samples(input).value_or(0) > kMaxOpusPacketSamples) __builtin_trap();
  return 0;
}
