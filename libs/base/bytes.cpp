#include "base/bytes.hpp"

#include <bit>

namespace millrace {

std::int32_t ByteReader::i24() {
  const std::uint32_t raw = u24();
  return static_cast<std::int32_t>(raw << 8) >> 8;
}

double ByteReader::f64() {
  return std::bit_cast<double>(u64());
}

void ByteWriter::f64(double value) {
  u64(std::bit_cast<std::uint64_t>(value));
}

void ByteWriter::u32_le(std::uint32_t value) {
  u32(__builtin_bswap32(value));
}

void ByteWriter::patch_u32(std::size_t offset, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i)
    bytes_.at(offset + i) = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}

void ByteWriter::big_endian(std::uint64_t value, std::size_t width) {
  for (std::size_t i = width; i-- > 0;) bytes_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

}  // namespace millrace
