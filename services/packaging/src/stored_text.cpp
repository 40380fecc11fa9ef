#include "stored_text.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <string_view>

namespace millrace::packaging {
namespace {

// FNV-1a, 64 bits: distinguishes versions of one small text.
std::uint64_t fingerprint(std::string_view text) {
  std::uint64_t hash = 0xCBF2'9CE4'8422'2325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100'0000'01B3;
  return hash;
}

}  // namespace

StoredText store_text(std::string text) {
  std::array<char, 16> digits{};
  char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), fingerprint(text), 16).ptr;
  StoredText stored;
  stored.etag = '"' + std::string(digits.data(), end) + '-' + std::to_string(text.size()) + '"';
  stored.text = std::make_shared<const std::string>(std::move(text));
  return stored;
}

}  // namespace millrace::packaging
