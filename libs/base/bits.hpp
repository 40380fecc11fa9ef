// Bit-wise reading of parameter sets. Like ByteReader: reading past the end returns zero and clears ok() for
// good.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace millrace {

class BitReader {
 public:
  explicit BitReader(ByteView bytes) : bytes_(bytes) {}

  bool bit() {
    if (remaining() == 0) {
      ok_ = false;
      return false;
    }
    const bool set = (bytes_[position_ / 8] >> (7 - position_ % 8) & 1U) != 0;
    ++position_;
    return set;
  }
  // Up to 32 bits, most significant first.
  std::uint32_t bits(unsigned count);
  // Unsigned and signed Exp-Golomb codes (ITU-T H.264 9.1): at most 31 leading zeros are accepted.
  std::uint32_t ue();
  std::int32_t se();
  void skip(std::size_t count);

  std::size_t remaining() const { return bytes_.size() * 8 - position_; }
  bool ok() const { return ok_; }

 private:
  ByteView bytes_;
  std::size_t position_ = 0;  // in bits
  bool ok_ = true;
};

}  // namespace millrace
