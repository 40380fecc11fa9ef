// Text as RFC 3629 has it.
#pragma once

#include <string_view>

namespace millrace {

// No over-long form, no surrogate, nothing beyond U+10FFFF.
bool is_valid_utf8(std::string_view text);

}  // namespace millrace
