// Captions in the pictures: which of CEA-608's channels and CEA-708's services a coded picture has something
// of. Pure; input is outside data and may hold anything.
//
// Specifications: ATSC A/53 Part 4 6.2.3 (cc_data in user_data_registered_itu_t_t35 of H.264, H.265 and AV1);
// ANSI/CTA-608-E (control codes), ANSI/CTA-708-E 5 and 6 (packets, service blocks).
#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace millrace::codecs {

// Bits, one for each. A channel counts with a control code, which every caption begins with; so neither
// padding nor the programme data of field 2 makes one. Services beyond the first are not told apart.
enum Captions : std::uint8_t {
  kCaptionsCc1 = 1 << 0,
  kCaptionsCc2 = 1 << 1,
  kCaptionsCc3 = 1 << 2,
  kCaptionsCc4 = 1 << 3,
  kCaptionsService1 = 1 << 4,
};

// t35: from itu_t_t35_country_code on. 0 for what is no caption data.
std::uint8_t captions_in_t35(ByteView t35);

}  // namespace millrace::codecs
