#include "base/bits.hpp"

namespace millrace {

std::uint32_t BitReader::bits(unsigned count) {
  if (count > 32 || count > remaining()) {
    ok_ = false;
    position_ = bytes_.size() * 8;
    return 0;
  }
  // The bytes that the bits are in, at most five.
  const std::size_t first = position_ / 8;
  const unsigned end = position_ % 8 + count;
  const unsigned bytes = (end + 7) / 8;
  std::uint64_t window = 0;
  for (unsigned i = 0; i < bytes; ++i) window = window << 8 | bytes_[first + i];
  position_ += count;
  return static_cast<std::uint32_t>(window >> (bytes * 8 - end) & ((std::uint64_t{1} << count) - 1));
}

std::uint32_t BitReader::ue() {
  unsigned zeros = 0;
  while (ok_ && !bit()) {
    if (++zeros > 31) {
      ok_ = false;
      return 0;
    }
  }
  return ok_ ? (1U << zeros) - 1 + bits(zeros) : 0;
}

std::int32_t BitReader::se() {
  const std::uint32_t code = ue();
  const auto magnitude = static_cast<std::int32_t>(code / 2 + code % 2);
  return code % 2 != 0 ? magnitude : -magnitude;
}

void BitReader::skip(std::size_t count) {
  if (count > remaining()) {
    ok_ = false;
    count = remaining();
  }
  position_ += count;
}

}  // namespace millrace
