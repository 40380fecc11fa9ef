// Which part of a representation an answer carries: If-None-Match, Range and If-Range of RFC 9110 sections 13
// and 14, the same for every kind of body. Pure.
#pragma once

#include <cstdint>

#include "http/message.hpp"

namespace millrace::http {

struct Selection {
  int status = 200;  // 200 (whole), 206 (a part), 304 (nothing new), 416 (no such part)
  std::uint64_t offset = 0;
  std::uint64_t length = 0;  // bytes of the representation to send
};

// For GET and HEAD with response.status 200; every other answer is sent whole. size is the representation's.
Selection select(const Request& request, const Response& response, std::uint64_t size);

// RFC 9110 section 14.1.2; several ranges give the whole (200) unless none of them can be satisfied (416);
// what is not understood is ignored (200).
Selection select_range(std::string_view range, std::uint64_t size);

}  // namespace millrace::http
