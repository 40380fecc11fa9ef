// Bounded reading and writing of byte strings: a reader that shrinks a span, a writer that appends to a
// vector. No pointer arithmetic elsewhere. Thread-compatible; owns nothing but the writer's vector.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

using ByteView = std::span<const std::uint8_t>;
using Bytes = std::vector<std::uint8_t>;

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Reads fields from the front of a view. A read beyond the end returns zero (or an empty view), consumes
// everything and makes ok() false for good: parse a whole structure, then check ok() once before using any of
// it.
class ByteReader {
 public:
  explicit ByteReader(ByteView bytes) : rest_(bytes) {}

  std::uint8_t u8() { return static_cast<std::uint8_t>(big_endian<1>()); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(big_endian<2>()); }
  std::uint32_t u24() { return static_cast<std::uint32_t>(big_endian<3>()); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(big_endian<4>()); }
  std::uint64_t u64() { return big_endian<8>(); }
  // Two's complement, 24 bits: FLV's composition time offset (SI24).
  std::int32_t i24();
  // IEEE 754 double, big endian: AMF0's number.
  double f64();
  // Little endian: RTMP's message stream id.
  std::uint32_t u32_le() { return __builtin_bswap32(u32()); }

  ByteView take(std::size_t count) {
    if (!has(count)) return {};
    const ByteView taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }
  void skip(std::size_t count) { (void)take(count); }
  ByteView rest() const { return rest_; }
  std::size_t remaining() const { return rest_.size(); }
  bool empty() const { return rest_.empty(); }
  bool ok() const { return ok_; }

 private:
  bool has(std::size_t count) {
    if (count <= rest_.size()) [[likely]]
      return true;
    ok_ = false;
    rest_ = {};
    return false;
  }
  // In the header: every chunk, tag and NAL unit goes through it.
  template <std::size_t kWidth>
  std::uint64_t big_endian() {
    if (!has(kWidth)) return 0;
    const std::uint8_t* const field = rest_.data();
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < kWidth; ++i) value = value << 8 | field[i];
    rest_ = rest_.subspan(kWidth);
    return value;
  }

  ByteView rest_;
  bool ok_ = true;
};

// Appends fields to a vector that it owns.
class ByteWriter {
 public:
  ByteWriter() = default;
  explicit ByteWriter(std::size_t reserve) { bytes_.reserve(reserve); }

  void u8(std::uint8_t value) { bytes_.push_back(value); }
  void u16(std::uint16_t value) { big_endian(value, 2); }
  void u24(std::uint32_t value) { big_endian(value, 3); }
  void u32(std::uint32_t value) { big_endian(value, 4); }
  void u64(std::uint64_t value) { big_endian(value, 8); }
  void i32(std::int32_t value) { u32(static_cast<std::uint32_t>(value)); }
  void i24(std::int32_t value) { u24(static_cast<std::uint32_t>(value) & 0xFFFFFF); }
  void f64(double value);
  void u32_le(std::uint32_t value);
  void append(ByteView view) { bytes_.insert(bytes_.end(), view.begin(), view.end()); }
  void text(std::string_view view) { append(as_bytes(view)); }
  void zeros(std::size_t count) { bytes_.insert(bytes_.end(), count, 0); }

  // Overwrites four bytes written earlier: sizes that are known only afterwards. Precondition: offset + 4 <=
  // size().
  void patch_u32(std::size_t offset, std::uint32_t value);

  std::size_t size() const { return bytes_.size(); }
  ByteView view() const { return bytes_; }
  Bytes take() { return std::move(bytes_); }

 private:
  void big_endian(std::uint64_t value, std::size_t width);

  Bytes bytes_;
};

}  // namespace millrace
