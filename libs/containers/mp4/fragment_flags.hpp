// Flags of tfhd, trun and samples (ISO/IEC 14496-12 8.8.7, 8.8.8, 8.8.3.1), shared by writer and reader.
#pragma once

#include <array>
#include <cstdint>

namespace millrace::mp4 {

inline constexpr std::uint32_t kDefaultDuration = 0x000008;
inline constexpr std::uint32_t kDefaultFlags = 0x000020;
inline constexpr std::uint32_t kDefaultBaseIsMoof = 0x020000;

inline constexpr std::uint32_t kRunDataOffset = 0x000001;
inline constexpr std::uint32_t kRunDuration = 0x000100;
inline constexpr std::uint32_t kRunSize = 0x000200;
inline constexpr std::uint32_t kRunFlags = 0x000400;
inline constexpr std::uint32_t kRunCompositionOffset = 0x000800;

inline constexpr std::uint32_t kKeySample = 0x02000000;       // depends on no other
inline constexpr std::uint32_t kRecoverySample = 0x02010000;  // depends on no other, is not a sync sample
inline constexpr std::uint32_t kOtherSample = 0x01010000;     // depends on others, is not a sync sample
inline constexpr std::uint32_t kNonSync = 0x00010000;
inline constexpr std::uint32_t kDependsOn = 0x03000000;  // 2 in it: on no other

// Type of the 'uuid' box in traf that holds TrackRun::description.
inline constexpr std::array<std::uint8_t, 16> kDescriptionUuid = {
    0x6D, 0x69, 0x6C, 0x6C, 0x72, 0x61, 0x63, 0x65, 0x9C, 0x41, 0x4A, 0x0E, 0x8D, 0x27, 0x51, 0xB4};

}  // namespace millrace::mp4
