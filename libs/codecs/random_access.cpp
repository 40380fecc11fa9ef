#include "codecs/random_access.hpp"

#include <algorithm>

#include "base/bits.hpp"

namespace millrace::codecs {
namespace {

constexpr std::uint32_t kRecoveryPoint = 6;
constexpr std::size_t kMaxSeiBytes = 16U << 10;

// Bytes of a NAL unit's payload without emulation prevention, one at a time and without a copy.
class PayloadReader {
 public:
  explicit PayloadReader(ByteView bytes) : bytes_(bytes) {}
  bool empty() const { return at_ >= bytes_.size(); }
  std::uint8_t next() {
    if (zeros_ >= 2 && !empty() && bytes_[at_] == 3) {
      zeros_ = 0;
      ++at_;
    }
    if (empty()) return 0;
    const std::uint8_t byte = bytes_[at_++];
    zeros_ = byte == 0 ? zeros_ + 1 : 0;
    return byte;
  }
  // payload_type and payload_size: 255 for each byte that is full.
  std::uint32_t number() {
    std::uint32_t value = 0;
    while (!empty()) {
      const std::uint8_t byte = next();
      value += byte;
      if (byte != 0xFF) break;
    }
    return value;
  }

 private:
  ByteView bytes_;
  std::size_t at_ = 0;
  unsigned zeros_ = 0;
};

bool any_recovery_point(ByteView sei, std::size_t header_size) {
  if (sei.size() <= header_size) return false;
  PayloadReader reader(sei.subspan(header_size, std::min(sei.size() - header_size, kMaxSeiBytes)));
  while (!reader.empty()) {
    const std::uint32_t type = reader.number();
    const std::uint32_t size = reader.number();
    if (type == kRecoveryPoint && size > 0) return !reader.empty();
    for (std::uint32_t i = 0; i < size && !reader.empty(); ++i) reader.next();
  }
  return false;
}

}  // namespace

bool has_recovery_point(ByteView sei) {
  return any_recovery_point(sei, 1);
}

bool has_hevc_recovery_point(ByteView sei) {
  return any_recovery_point(sei, 2);
}

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
