// Content codings: texts that many clients ask for, compressed once and not for each of them, and which
// coding a client gets (RFC 9110 sections 8.4 and 12.5.3). Pure.
//
// Only gzip: of a playlist Brotli would save another fifth (400 bytes instead of 500) for six times the
// work, and browsers offer it over TLS only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.hpp"

namespace millrace::http {

// A text in all its codings.
struct CodedText {
  std::string plain;
  std::string gzip;  // empty: not shorter
};
std::shared_ptr<const CodedText> code_text(std::string plain);

// Deterministic (RFC 1952 without time and name).
std::string gzip(std::string_view text);

// nullopt: the request has no such field. True where gzip is acceptable and the client does not prefer the
// plain text. Members of the list that are not understood are as if absent.
bool prefers_gzip(std::optional<std::string_view> accept_encoding);

// Of a body of CodedText the one that the client gets: adds Vary, and to the compressed one
// Content-Encoding and an ETag of its own ("x" becomes "x-gzip"), and no ranges of it. Other responses stay
// as they are.
void choose_coding(Response& response, std::optional<std::string_view> accept_encoding);

}  // namespace millrace::http
