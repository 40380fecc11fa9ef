// A mail as text that goes to an SMTP server: RFC 5322 with MIME (RFC 2045), UTF-8 in base64, lines of 78 at
// most. Pure. Nothing that is put into a header can end it: control characters are refused, not escaped.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/wall_time.hpp"

namespace millrace::mail {

inline constexpr std::size_t kMaxAddress = 254;  // RFC 5321 section 4.5.3.1.3, without the brackets
inline constexpr std::size_t kMaxSubject = 200;
inline constexpr std::size_t kMaxText = 64UL * 1024;

// local@domain: a dot-string of RFC 5321 and a domain of letters, digits and hyphens; ASCII only. What passes
// is safe in a header, an SMTP command and a URL's path.
bool is_address(std::string_view address);

struct Message {
  std::string to;
  std::string subject;  // UTF-8
  std::string text;     // UTF-8, lines end with '\n'
};

struct Origin {
  std::string from;
  WallTime wall;       // Date
  std::string unique;  // of Message-ID, left of the '@': [A-Za-z0-9]
};

// Errors: mail.address, mail.text (control characters, too long, not UTF-8).
Result<std::string> format(const Message& message, const Origin& origin);

}  // namespace millrace::mail
