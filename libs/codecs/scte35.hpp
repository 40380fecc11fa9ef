// SCTE 35: what a splice_info_section says of a break. Pure; input is outside data and may hold anything.
//
// Specification: ANSI/SCTE 35 2023: 9.6 (splice_info_section), 9.7.3 (splice_insert), 9.7.4 (time_signal),
// 10.3.3 (segmentation_descriptor), annex C of ISO/IEC 13818-1 (CRC_32).
//
//   table_id FC | flags, section_length 12 | protocol_version | encryption 1+6, pts_adjustment 33 |
//   cw_index | tier 12, splice_command_length 12 | splice_command_type | command |
//   descriptor_loop_length 16 | descriptors | [E_CRC_32] | CRC_32
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"

namespace millrace::codecs {

struct SpliceInfo {
  enum class Kind : std::uint8_t {
    kOther,   // a command that begins and ends nothing, or one that can't be read here (encrypted)
    kOut,     // a break begins
    kIn,      // and ends
    kCancel,  // what was said of the event before does not hold any more
  };
  static constexpr std::uint32_t kTicks = 90'000;  // a second

  Kind kind = Kind::kOther;
  std::uint8_t command = 0;    // splice_command_type
  std::uint32_t event_id = 0;  // kOut, kIn, kCancel: splice_event_id or segmentation_event_id
  bool segmentation = false;   // it is the latter
  std::uint64_t duration = 0;  // kOut: of the break, ticks; 0: not told

  bool operator==(const SpliceInfo&) const = default;
};

inline constexpr std::size_t kMaxSpliceInfoSection = 4096;

// nullopt: no whole section with a right CRC. One whose command is damaged or reserved is kOther.
std::optional<SpliceInfo> parse_splice_info(ByteView section);

// CRC_32 of ISO/IEC 13818-1 annex A; 0 for what ends with its own.
std::uint32_t mpeg_crc32(ByteView bytes);

}  // namespace millrace::codecs
