#include "codecs/scte35.hpp"

// The input as it is, and with the length and the CRC that let its command through.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace millrace::codecs;
  millrace::Bytes section(bytes, bytes + size);
  (void)parse_splice_info(section);
  if (size < 16 || size > kMaxSpliceInfoSection - 4) return 0;
  section[0] = 0xFC;
  section[1] = static_cast<std::uint8_t>((section[1] & 0xF0) | (size + 1) >> 8);
  section[2] = static_cast<std::uint8_t>(size + 1);
  section[3] = 0;
  const std::uint32_t crc = mpeg_crc32(section);
  for (const unsigned shift : {24U, 16U, 8U, 0U}) section.push_back(static_cast<std::uint8_t>(crc >> shift));
  const auto info = parse_splice_info(section);
  if (!info || info->duration >= 1ULL << 40) __builtin_trap();
  if (info->kind != SpliceInfo::Kind::kOut && info->duration != 0) __builtin_trap();
  return 0;
}
