#include "mail/message.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include "base/bytes.hpp"

namespace millrace::mail {
namespace {

constexpr std::size_t kMaxLocal = 64;
constexpr std::size_t kMaxLabel = 63;
constexpr std::size_t kLineBytes = 57;  // 76 characters of base64, RFC 2045 section 6.8
constexpr std::size_t kWordBytes = 42;  // of an encoded word: 75 characters in all, RFC 2047 section 2
constexpr std::string_view kLocalMarks = "!#$%&'*+-/=?^_`{|}~";

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_local(std::string_view local) {
  if (local.empty() || local.size() > kMaxLocal || local.front() == '.' || local.back() == '.') return false;
  char before = 0;
  for (const char c : local) {
    if (c == '.' && before == '.') return false;
    if (c != '.' && !is_alphanumeric(c) && kLocalMarks.find(c) == std::string_view::npos) return false;
    before = c;
  }
  return true;
}

bool is_label(std::string_view label) {
  if (label.empty() || label.size() > kMaxLabel || label.front() == '-' || label.back() == '-') return false;
  return std::all_of(label.begin(), label.end(), [](char c) { return is_alphanumeric(c) || c == '-'; });
}

bool is_domain(std::string_view domain) {
  while (true) {
    const std::size_t dot = domain.find('.');
    if (!is_label(domain.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    domain.remove_prefix(dot + 1);
  }
}

std::string base64(std::string_view text) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0U);
    const std::size_t digits = std::min<std::size_t>(text.size() - i, 3) + 1;
    for (std::size_t k = 0; k < 4; ++k) out.push_back(k < digits ? kDigits[group >> (18 - 6 * k) & 63] : '=');
  }
  return out;
}

// Where a piece of at most limit bytes may end: never inside a character.
std::size_t piece(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text.size();
  while (limit > 1 && (static_cast<unsigned char>(text[limit]) & 0xC0) == 0x80) --limit;
  return limit;
}

bool has_control(std::string_view text, bool lines_allowed) {
  return std::any_of(text.begin(), text.end(), [&](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && !(lines_allowed && (c == '\n' || c == '\t'))) || byte == 0x7F;
  });
}

// As it is, or in encoded words of RFC 2047.
std::string header_text(std::string_view text) {
  const bool plain =
      std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (plain && text.size() <= 60 && text.find("=?") == std::string_view::npos) return std::string(text);
  std::string out;
  while (!text.empty()) {
    const std::size_t size = piece(text, kWordBytes);
    if (!out.empty()) out += "\r\n ";
    out += "=?UTF-8?B?" + base64(text.substr(0, size)) + "?=";
    text.remove_prefix(size);
  }
  return out;
}

std::string date(WallTime wall) {
  static constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = wall.seconds();
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 64> text{};
  (void)std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d +0000",
                      kDays.at(static_cast<std::size_t>(utc.tm_wday)), utc.tm_mday,
                      kMonths.at(static_cast<std::size_t>(utc.tm_mon)), utc.tm_year + 1900, utc.tm_hour,
                      utc.tm_min, utc.tm_sec);
  return text.data();
}

std::string with_crlf(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') out.push_back('\r');
    out.push_back(c);
  }
  return out;
}

}  // namespace

bool is_address(std::string_view address) {
  if (address.size() > kMaxAddress) return false;
  const std::size_t at = address.rfind('@');
  return at != std::string_view::npos && is_local(address.substr(0, at)) && is_domain(address.substr(at + 1));
}

Result<std::string> format(const Message& message, const Origin& origin) {
  if (!is_address(message.to) || !is_address(origin.from)) return fail("mail.address", "no mail address");
  if (message.subject.size() > kMaxSubject || message.text.size() > kMaxText)
    return fail("mail.text", "too long");
  if (has_control(message.subject, false) || has_control(message.text, true) ||
      !std::all_of(origin.unique.begin(), origin.unique.end(), is_alphanumeric))
    return fail("mail.text", "control characters");
  std::string out = "Date: " + date(origin.wall) + "\r\n";
  out += "From: " + origin.from + "\r\n";
  out += "To: " + message.to + "\r\n";
  out += "Subject: " + header_text(message.subject) + "\r\n";
  out += "Message-ID: <" + origin.unique + "@" + origin.from.substr(origin.from.rfind('@') + 1) + ">\r\n";
  // So that no robot answers it (RFC 3834).
  out +=
      "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
      "Content-Transfer-Encoding: base64\r\n\r\n";
  const std::string text = with_crlf(message.text);
  for (std::size_t i = 0; i < text.size(); i += kLineBytes)
    out += base64(std::string_view(text).substr(i, kLineBytes)) + "\r\n";
  return out;
}

}  // namespace millrace::mail
