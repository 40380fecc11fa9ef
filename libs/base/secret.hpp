// Secrets: randomness, comparison in constant time, and a string that does not print itself.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace millrace {

// Bytes of the kernel's CSPRNG (getrandom); aborts the process if the kernel has none to give.
Bytes random_bytes(std::size_t count);
std::uint64_t random_u64();
// Lower-case hexadecimal digits, two a byte.
std::string hex(ByteView bytes);
// count bytes of randomness as hex.
std::string random_hex(std::size_t count);

// True when equal; the time depends on the lengths only.
bool equal_in_constant_time(ByteView a, ByteView b);

// Holds a secret. Streams, formats and logs as "***"; reveal() is the only way to the text.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  const std::string& reveal() const { return text_; }
  bool empty() const { return text_.empty(); }

 private:
  std::string text_;
};

}  // namespace millrace
