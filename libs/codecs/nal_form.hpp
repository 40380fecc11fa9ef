// NAL units as MP4 and FLV have them, each behind its length, made of what encoders send instead: units
// behind start codes (Annex B), or lengths of 0 between the units. Pure functions; any thread; input is
// outside data and may hold anything.
//
// Specifications: ITU-T H.264 and H.265 annex B; ISO/IEC 14496-15 5.3.4.2.
#pragma once

#include <cstdint>
#include <span>

#include "base/bytes.hpp"
#include "codecs/h264.hpp"

namespace millrace::codecs {

// The sample begins with 0 0 1 or 0 0 0 1. So may a sample with lengths: ask whether its lengths fit first.
bool begins_with_start_code(ByteView sample);

// Walks the units of a sample with start codes. Never gives an empty unit; zeros behind a unit belong to
// none.
class StartCodeReader {
 public:
  explicit StartCodeReader(ByteView sample);
  // Empty at the end.
  ByteView next();

 private:
  ByteView rest_;  // behind a start code
};

struct NalSample {
  ByteView bytes;
  bool start_codes = false;
  unsigned length_size = 4;  // without start codes: 1, 2 or 4

  // Calls visit(ByteView nal) for each unit that is not empty, up to the first wrong length.
  template <class Visitor>
  void for_each(Visitor&& visit) const {
    if (start_codes) {
      StartCodeReader reader(bytes);
      for (ByteView nal = reader.next(); !nal.empty(); nal = reader.next()) visit(nal);
    } else {
      NalReader reader(bytes, length_size);
      for (ByteView nal = reader.next(); !nal.empty(); nal = reader.next()) visit(nal);
    }
  }
};

// length_size, of what is written: 1, 2 or 4. Bytes that write_with_lengths writes; 0 when there is no unit,
// or one that is too long for its length. With lengths of four bytes at most 5 / 4 of a sample with start
// codes, no more than a sample of such lengths had.
std::size_t size_with_lengths(const NalSample& sample, unsigned length_size);
// out: of that size, and not within the sample.
void write_with_lengths(const NalSample& sample, unsigned length_size, std::uint8_t* out);

// Turns start codes of four bytes into lengths of four bytes where they stand. False, and nothing is changed:
// not all of the sample is such codes and units.
bool put_lengths_in_place(std::span<std::uint8_t> sample);

}  // namespace millrace::codecs
