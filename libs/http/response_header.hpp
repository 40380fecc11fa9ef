// The status line and header of an answer as text (RFC 9112 section 2.1).
#pragma once

#include <string>

#include "http/message.hpp"
#include "http/selection.hpp"

namespace millrace::http {

struct HeaderContext {
  std::string_view date;   // IMF-fixdate, RFC 9110 section 5.6.7
  std::uint64_t size = 0;  // of the whole representation
  bool keep_alive = true;
  bool chunked = false;  // Transfer-Encoding: chunked
};

// Fields that decide where a message ends (Content-Length, Transfer-Encoding, Connection, Date) come from
// here only.
std::string response_header(const Response& response, const Selection& selection,
                            const HeaderContext& context);

// "Fri, 20 Nov 2026 21:49:15 GMT"
std::string imf_fixdate(std::int64_t seconds);

// True when the status never has a body: 1xx, 204, 304.
bool is_bodiless(int status);

}  // namespace millrace::http
