#include "codecs/scte35.hpp"

#include <array>

#include "base/bits.hpp"

namespace millrace::codecs {
namespace {

constexpr std::uint8_t kTableId = 0xFC;
constexpr std::size_t kHeader = 3;  // up to section_length
constexpr std::size_t kShortest = 20;
constexpr std::uint8_t kSpliceInsert = 5;
constexpr std::uint8_t kTimeSignal = 6;
constexpr std::uint8_t kSegmentationDescriptor = 2;
constexpr std::uint32_t kCueIdentifier = 0x43554549;  // "CUEI"
constexpr std::uint32_t kLengthNotTold = 0xFFF;

constexpr std::array<std::uint32_t, 256> crc_table() {
  constexpr std::uint32_t kPolynomial = 0x04C11DB7;
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t crc = byte << 24;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x80000000U) != 0 ? crc << 1 ^ kPolynomial : crc << 1;
    table[byte] = crc;
  }
  return table;
}

std::uint64_t bits33(BitReader& reader) {
  const std::uint64_t high = reader.bit() ? 1 : 0;
  return high << 32 | reader.bits(32);
}
std::uint64_t bits40(BitReader& reader) {
  const std::uint64_t high = reader.bits(8);
  return high << 32 | reader.bits(32);
}

// 9.4.1
void skip_splice_time(BitReader& reader) {
  const bool specified = reader.bit();
  reader.skip(specified ? 6 + 33 : 7);
}

// 9.7.3
void read_splice_insert(BitReader& reader, SpliceInfo& info) {
  const std::uint32_t event_id = reader.bits(32);
  const bool cancelled = reader.bit();
  reader.skip(7);
  if (cancelled && reader.ok()) {
    info.kind = SpliceInfo::Kind::kCancel;
    info.event_id = event_id;
  }
  if (cancelled) return;
  const bool out = reader.bit();
  const bool program = reader.bit();
  const bool has_duration = reader.bit();
  const bool immediate = reader.bit();
  reader.skip(4);
  if (program && !immediate) skip_splice_time(reader);
  if (!program) {
    const std::uint32_t components = reader.bits(8);
    for (std::uint32_t i = 0; i < components && reader.ok(); ++i) {
      reader.skip(8);
      if (!immediate) skip_splice_time(reader);
    }
  }
  std::uint64_t duration = 0;
  if (has_duration) {
    reader.skip(7);  // auto_return
    duration = bits33(reader);
  }
  reader.skip(16 + 8 + 8);
  if (!reader.ok()) return;
  info.kind = out ? SpliceInfo::Kind::kOut : SpliceInfo::Kind::kIn;
  info.event_id = event_id;
  if (out) info.duration = duration;
}

// Table 23: what is a break or an advertisement begins with an even number and ends with the next one.
SpliceInfo::Kind kind_of(std::uint32_t segmentation_type) {
  switch (segmentation_type & ~1U) {
    case 0x22:  // break
    case 0x30:  // advertisements of the provider and the distributor
    case 0x32:
    case 0x34:  // their placement opportunities
    case 0x36:
    case 0x38:  // overlays
    case 0x3A:
    case 0x44:  // blocks of advertisements
    case 0x46:
      return (segmentation_type & 1) == 0 ? SpliceInfo::Kind::kOut : SpliceInfo::Kind::kIn;
    default:
      return SpliceInfo::Kind::kOther;
  }
}

// 10.3.3, behind the identifier. True: it is of a break.
bool read_segmentation(ByteView descriptor, SpliceInfo& info) {
  BitReader reader(descriptor);
  const std::uint32_t event_id = reader.bits(32);
  const bool cancelled = reader.bit();
  reader.skip(7);
  SpliceInfo::Kind kind = SpliceInfo::Kind::kCancel;
  std::uint64_t duration = 0;
  if (!cancelled) {
    const bool program = reader.bit();
    const bool has_duration = reader.bit();
    reader.skip(6);
    if (!program) {
      const std::uint32_t components = reader.bits(8);
      reader.skip(std::size_t{components} * 48);
    }
    if (has_duration) duration = bits40(reader);
    reader.skip(8);  // segmentation_upid_type
    const std::uint32_t upid_bytes = reader.bits(8);
    reader.skip(std::size_t{upid_bytes} * 8);
    kind = kind_of(reader.bits(8));
  }
  if (!reader.ok() || kind == SpliceInfo::Kind::kOther) return false;
  info.kind = kind;
  info.event_id = event_id;
  info.segmentation = true;
  if (kind == SpliceInfo::Kind::kOut) info.duration = duration;
  return true;
}

// The first that is of a break.
void read_descriptors(ByteView loop, SpliceInfo& info) {
  ByteReader reader(loop);
  while (!reader.empty()) {
    const std::uint8_t tag = reader.u8();
    const std::uint8_t size = reader.u8();
    ByteReader descriptor(reader.take(size));
    if (!reader.ok()) return;
    if (tag != kSegmentationDescriptor || descriptor.u32() != kCueIdentifier) continue;
    if (read_segmentation(descriptor.rest(), info)) return;
  }
}

}  // namespace

std::uint32_t mpeg_crc32(ByteView bytes) {
  static constexpr std::array<std::uint32_t, 256> kTable = crc_table();
  std::uint32_t crc = 0xFFFFFFFF;
  for (const std::uint8_t byte : bytes) crc = crc << 8 ^ kTable[(crc >> 24 ^ byte) & 0xFF];
  return crc;
}

std::optional<SpliceInfo> parse_splice_info(ByteView section) {
  if (section.size() < kShortest || section.size() > kMaxSpliceInfoSection) return std::nullopt;
  ByteReader reader(section);
  const std::uint8_t table = reader.u8();
  const std::size_t length = reader.u16() & 0xFFFU;
  const std::uint8_t version = reader.u8();
  if (table != kTableId || version != 0 || length + kHeader != section.size() || mpeg_crc32(section) != 0)
    return std::nullopt;
  const bool encrypted = (reader.u8() & 0x80) != 0;
  reader.skip(4 + 1);                                          // pts_adjustment, cw_index
  const std::uint32_t command_length = reader.u24() & 0xFFFU;  // behind tier
  SpliceInfo info;
  info.command = reader.u8();
  if (encrypted) return info;
  if (info.command == kSpliceInsert) {
    BitReader command(reader.rest().first(reader.remaining() - 4));
    read_splice_insert(command, info);
  }
  if (info.command != kTimeSignal || command_length == kLengthNotTold) return info;
  reader.skip(command_length);
  const std::uint16_t loop = reader.u16();
  const ByteView descriptors = reader.take(loop);
  if (reader.ok() && reader.remaining() >= 4) read_descriptors(descriptors, info);
  return info;
}

}  // namespace millrace::codecs
