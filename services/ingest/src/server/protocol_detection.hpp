// Protocols by their first bytes, so that the log can name one that comes to the wrong port.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include "base/bytes.hpp"

namespace millrace::ingest {

// "GET ", "POST", …: somebody took the port for a web server.
inline bool is_http(ByteView first) {
  constexpr std::array<std::string_view, 5> kMethods = {"GET ", "POST", "HEAD", "PUT ", "OPTI"};
  const std::string_view text = as_text(first).substr(0, 4);
  return std::find(kMethods.begin(), kMethods.end(), text) != kMethods.end();
}

// A handshake record (RFC 8446, 5.1).
inline bool is_tls(ByteView first) {
  return !first.empty() && first[0] == 0x16 && (first.size() < 2 || first[1] == 0x03);
}

// C0 (Adobe RTMP 1.0, 5.2.2).
inline bool is_rtmp(ByteView first) {
  return !first.empty() && first[0] == 0x03;
}

// A header of the PROXY protocol; from a peer that is not in PROXY_PROTOCOL_TRUSTED.
inline bool is_proxy_header(ByteView first) {
  const std::string_view text = as_text(first);
  return text.starts_with("PROX") || text.starts_with("\r\n\r\n");
}

// The protocol that first bytes belong to, for the log; empty: none of these.
inline std::string_view detected_protocol(ByteView first) {
  if (is_tls(first)) return "TLS";
  if (is_http(first)) return "HTTP";
  if (is_proxy_header(first)) return "PROXY header of a peer that is not trusted";
  return is_rtmp(first) ? "RTMP" : "";
}

}  // namespace millrace::ingest
