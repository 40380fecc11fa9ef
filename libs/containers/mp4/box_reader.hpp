// Boxes of outside data, bounded: a box never reaches beyond the view it is read from (ISO/IEC 14496-12 4.2).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

#include "base/bytes.hpp"

namespace millrace::mp4 {

constexpr std::uint32_t four_cc(std::string_view type) {
  std::uint32_t value = 0;
  for (const char c : type) value = value << 8 | static_cast<std::uint8_t>(c);
  return value;
}

struct BoxHeader {
  std::uint32_t type = 0;
  std::uint32_t header_size = 0;  // 8 or 16
  std::uint64_t size = 0;         // of the whole box; at least header_size
};

inline constexpr std::size_t kBoxHeader = 8;  // of a box of less than 4 GiB
inline constexpr std::size_t kMaxBoxHeader = 16;

// From the first bytes of a box (kMaxBoxHeader are always enough); nullopt when they are too few or the size
// is impossible. Size 0 (up to the end of the file) is refused: none of our files has it.
std::optional<BoxHeader> read_box_header(ByteView bytes);

struct BoxView {
  std::uint32_t type = 0;
  ByteView payload;  // behind the header
};

// Walks the boxes that lie side by side in a view.
class BoxReader {
 public:
  explicit BoxReader(ByteView bytes) : rest_(bytes) {}
  // nullopt at the end, or where no whole box is left; ok() says which.
  std::optional<BoxView> next();
  bool ok() const { return ok_; }

 private:
  ByteView rest_;
  bool ok_ = true;
};

// The first box of each type, one inside the other: find_box(moov, {"trak", "mdia", "mdhd"}).
std::optional<ByteView> find_box(ByteView bytes, std::initializer_list<std::string_view> path);

}  // namespace millrace::mp4
