#include "codecs/captions.hpp"

namespace millrace::codecs {
namespace {

constexpr std::uint8_t kUnitedStates = 0xB5;
constexpr std::uint16_t kAtsc = 0x0031;
constexpr std::uint32_t kGa94 = 0x47413934;  // "GA94"
constexpr std::uint8_t kCcData = 3;

// cc_type of a construct
constexpr unsigned kField1 = 0;
constexpr unsigned kField2 = 1;
constexpr unsigned kPacketStart = 3;

// The code that begins a control pair says whose it is: of the first or the second channel of its field.
std::uint8_t channel_of(std::uint8_t byte, std::uint8_t first, std::uint8_t second) {
  const unsigned code = byte & 0x7FU;  // without parity
  if (code < 0x10 || code > 0x1F) return 0;
  return code < 0x18 ? first : second;
}

// Of the first service block of a packet: a number, and a size that is not 0.
std::uint8_t service_of(std::uint8_t block) {
  if ((block & 0x1F) == 0) return 0;
  return block >> 5 == 1 ? kCaptionsService1 : 0;
}

std::uint8_t captions_of(unsigned type, std::uint8_t first, std::uint8_t second) {
  switch (type) {
    case kField1:
      return channel_of(first, kCaptionsCc1, kCaptionsCc2);
    case kField2:
      return channel_of(first, kCaptionsCc3, kCaptionsCc4);
    case kPacketStart:
      return service_of(second);
    default:
      return 0;
  }
}

}  // namespace

std::uint8_t captions_in_t35(ByteView t35) {
  ByteReader reader(t35);
  if (reader.u8() != kUnitedStates || reader.u16() != kAtsc || reader.u32() != kGa94 ||
      reader.u8() != kCcData)
    return 0;
  const std::uint8_t head = reader.u8();
  reader.skip(1);  // em_data
  if ((head & 0x40) == 0) return 0;
  std::uint8_t found = 0;
  for (unsigned i = 0; i < (head & 0x1FU); ++i) {
    const std::uint8_t flags = reader.u8();
    const std::uint8_t first = reader.u8();
    const std::uint8_t second = reader.u8();
    if (!reader.ok()) break;
    if ((flags & 4) != 0) found |= captions_of(flags & 3, first, second);
  }
  return found;
}

}  // namespace millrace::codecs
