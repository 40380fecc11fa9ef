#include "accounts/account_rules.hpp"

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/secret.hpp"
#include "mail/message.hpp"

namespace millrace::auth {
namespace {

constexpr std::size_t kIdBytes = 12;
constexpr const char* kZones = "/usr/share/zoneinfo/";

// Characters of UTF-8; nullopt when it is none (over-long forms and halves of surrogates included).
std::optional<std::size_t> characters(std::string_view text) {
  static constexpr std::array<std::uint32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size(); ++count) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80    ? 1
                               : lead >= 0xF8 ? 0
                               : lead >= 0xF0 ? 4
                               : lead >= 0xE0 ? 3
                               : lead >= 0xC0 ? 2
                                              : 0;
    if (length == 0 || i + length > text.size()) return std::nullopt;
    std::uint32_t code = length == 1 ? lead : lead & (0x7FU >> length);
    for (std::size_t k = 1; k < length; ++k) {
      const auto byte = static_cast<unsigned char>(text[i + k]);
      if ((byte & 0xC0) != 0x80) return std::nullopt;
      code = code << 6 | (byte & 0x3FU);
    }
    if (code < kSmallest.at(length) || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
      return std::nullopt;
    i += length;
  }
  return count;
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  });
}

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// A name of the IANA database as a string: "Europe/Berlin", "Etc/GMT+1". Safe as a path below a directory.
bool looks_like_timezone(std::string_view name) {
  if (name.empty() || name.size() > kMaxTimezone || !is_letter_or_digit(name.front())) return false;
  char before = '/';
  for (const char c : name) {
    if (!is_letter_or_digit(c) && c != '_' && c != '-' && c != '+' && c != '/') return false;
    if (c == '/' && before == '/') return false;
    before = c;
  }
  return before != '/';
}

bool is_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return false;
  for (int padding = 0; padding < 2 && text.back() == '='; ++padding) text.remove_suffix(1);
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_letter_or_digit(c) || c == '+' || c == '/'; });
}

}  // namespace

bool is_account_subject(std::string_view subject) {
  return subject.starts_with(kAccountPrefix);
}

std::string new_account_id() {
  return std::string(kAccountPrefix) + random_hex(kIdBytes);
}

std::optional<std::string> fault_of_email(std::string_view email) {
  if (mail::is_address(email)) return std::nullopt;
  return "must be an e-mail address of at most 254 ASCII characters";
}

std::optional<std::string> fault_of_password(std::string_view password) {
  const std::optional<std::size_t> count =
      password.size() <= kMaxPasswordBytes ? characters(password) : std::nullopt;
  if (count && *count >= kMinPasswordCharacters && *count <= kMaxPasswordCharacters) return std::nullopt;
  return "must have 8 to 128 characters, and at most 512 bytes of UTF-8";
}

std::optional<std::string> fault_of_name(std::string_view name) {
  const std::optional<std::size_t> count = characters(name);
  if (!count || *count == 0 || *count > kMaxNameCharacters || has_control(name))
    return "must have 1 to 64 characters, none of them a control character";
  if (name.front() == ' ' || name.back() == ' ') return "must not begin or end with a space";
  return std::nullopt;
}

// A machine without the list takes whatever looks like a name.
std::optional<std::string> fault_of_timezone(std::string_view timezone) {
  std::error_code ignored;
  const bool good = looks_like_timezone(timezone) &&
                    (!std::filesystem::is_directory(kZones, ignored) ||
                     std::filesystem::is_regular_file(kZones + std::string(timezone), ignored));
  if (good) return std::nullopt;
  return "must be a name of the IANA time zone database, such as Europe/Berlin";
}

std::optional<std::string> fault_of_picture(std::string_view picture) {
  if (picture.size() > kMaxPicture)
    return "is too large: at most " + std::to_string(kMaxPicture) + " bytes as a data URL";
  for (const std::string_view type : {"png", "jpeg", "gif", "webp"}) {
    const std::string prefix = "data:image/" + std::string(type) + ";base64,";
    if (picture.starts_with(prefix) && is_base64(picture.substr(prefix.size()))) return std::nullopt;
  }
  return "must be a data URL of a PNG, JPEG, GIF or WebP image in base64";
}

std::string folded(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace millrace::auth
