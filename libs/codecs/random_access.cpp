#include "codecs/random_access.hpp"

#include <algorithm>

#include "base/bits.hpp"

namespace millrace::codecs {

bool is_intra_slice(ByteView slice) {
  if (slice.size() < 2) return false;
  // No emulation prevention in so few bits: the first macroblock's number is at most 31 of them.
  BitReader reader(slice.subspan(1, std::min<std::size_t>(slice.size() - 1, 12)));
  (void)reader.ue();  // first_mb_in_slice
  const std::uint32_t type = reader.ue() % 5;
  constexpr std::uint32_t kI = 2;
  constexpr std::uint32_t kSi = 4;
  return reader.ok() && (type == kI || type == kSi);
}

}  // namespace millrace::codecs
