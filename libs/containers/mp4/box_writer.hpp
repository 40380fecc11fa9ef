// Boxes as nested scopes over a ByteWriter (ISO/IEC 14496-12 4.2): the size is filled in when the scope ends.
//
//   Box moov(writer, "moov");
//   write_movie_header(writer, ...);   // inside moov, until the end of the scope
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>

#include "base/bytes.hpp"

namespace millrace::mp4 {

// Precondition: the whole box is smaller than 4 GiB.
class Box {
 public:
  // type: four characters.
  Box(ByteWriter& writer, std::string_view type) : writer_(writer), start_(writer.size()) {
    writer_.u32(0);
    writer_.text(type);
  }
  // A full box: with version and flags.
  Box(ByteWriter& writer, std::string_view type, std::uint8_t version, std::uint32_t flags)
      : Box(writer, type) {
    writer_.u8(version);
    writer_.u24(flags);
  }
  ~Box() { writer_.patch_u32(start_, static_cast<std::uint32_t>(writer_.size() - start_ + elsewhere_)); }
  Box(const Box&) = delete;
  Box& operator=(const Box&) = delete;

  // Bytes of the box that somebody else writes.
  void add_elsewhere(std::uint64_t bytes) { elsewhere_ += bytes; }

 private:
  ByteWriter& writer_;
  std::size_t start_;
  std::uint64_t elsewhere_ = 0;
};

// Times and durations take 32 bits in version 0 and 64 in version 1 of a box.
inline std::uint8_t version_for(std::uint64_t value) {
  return value > std::numeric_limits<std::uint32_t>::max() ? 1 : 0;
}
inline void write_time(ByteWriter& writer, std::uint8_t version, std::uint64_t value) {
  if (version == 1) {
    writer.u64(value);
  } else {
    writer.u32(static_cast<std::uint32_t>(value));
  }
}

}  // namespace millrace::mp4
