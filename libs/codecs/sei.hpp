// Supplemental enhancement information: the messages of a SEI NAL unit of H.264 or H.265, and those that
// somebody here reads. Pure; input is outside data and may hold anything.
//
// Specifications: ITU-T H.264 7.3.2.3.1, D.1; ITU-T H.265 7.3.5, D.2.28 (mastering display colour volume),
// D.2.35 (content light level).
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "codecs/colour.hpp"

namespace millrace::codecs {

inline constexpr std::size_t kAvcNalHeader = 1;
inline constexpr std::size_t kHevcNalHeader = 2;

enum SeiType : std::uint32_t {
  kSeiUserDataT35 = 4,
  kSeiRecoveryPoint = 6,
  kSeiMasteringDisplay = 137,
  kSeiContentLight = 144,
};

// Walks the messages of a unit without emulation prevention. What is behind kMaxBytes is not looked at.
class SeiReader {
 public:
  static constexpr std::size_t kMaxBytes = 16U << 10;

  struct Message {
    std::uint32_t type = 0;
    std::uint32_t size = 0;  // as told; of payload there may be less
    ByteView payload;        // valid until the next call
  };

  // header_size: of the NAL unit.
  SeiReader(ByteView nal, std::size_t header_size);
  // nullopt at the end, and where a message is cut off before its payload.
  std::optional<Message> next();

 private:
  std::uint8_t byte();
  std::uint32_t number();

  ByteView rest_;
  unsigned zeros_ = 0;
  Bytes payload_;
};

// What the message says of HDR is added to hdr, unless it is damaged.
void read_hdr_message(const SeiReader::Message& message, HdrMetadata& hdr);
// The same of all messages of a unit of SEI.
void read_hdr(ByteView nal, std::size_t header_size, HdrMetadata& hdr);

}  // namespace millrace::codecs
