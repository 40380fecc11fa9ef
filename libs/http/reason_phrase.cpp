#include <array>
#include <utility>

#include "http/message.hpp"

namespace millrace::http {

// RFC 9110 section 15, RFC 6585.
std::string_view reason_phrase(int status) {
  static constexpr std::array<std::pair<int, std::string_view>, 36> kPhrases = {{
      {100, "Continue"},
      {101, "Switching Protocols"},
      {200, "OK"},
      {201, "Created"},
      {202, "Accepted"},
      {204, "No Content"},
      {206, "Partial Content"},
      {301, "Moved Permanently"},
      {302, "Found"},
      {303, "See Other"},
      {304, "Not Modified"},
      {307, "Temporary Redirect"},
      {308, "Permanent Redirect"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {406, "Not Acceptable"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {410, "Gone"},
      {411, "Length Required"},
      {412, "Precondition Failed"},
      {413, "Content Too Large"},
      {414, "URI Too Long"},
      {415, "Unsupported Media Type"},
      {416, "Range Not Satisfiable"},
      {422, "Unprocessable Content"},
      {426, "Upgrade Required"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {502, "Bad Gateway"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
  }};
  for (const auto& [code, phrase] : kPhrases) {
    if (code == status) return phrase;
  }
  return status == 505 ? "HTTP Version Not Supported" : status == 501 ? "Not Implemented" : "Unknown";
}

std::string_view explanation(int status) {
  static constexpr std::array<std::pair<int, std::string_view>, 17> kSentences = {{
      {400, "The server does not understand the request."},
      {401, "The request needs credentials."},
      {403, "This is not allowed."},
      {404, "There is nothing at this address."},
      {405, "This method is not allowed here."},
      {408, "The request took too long to arrive."},
      {409, "The request does not fit the present state."},
      {410, "It was here once and is gone."},
      {411, "The request needs a Content-Length."},
      {413, "The request is too large."},
      {414, "The request's address is too long."},
      {415, "The server does not take this type of content."},
      {426, "The server needs another protocol for this."},
      {429, "There were too many requests. Try again later."},
      {431, "The request's header is too large."},
      {503, "The server cannot answer now. Try again shortly."},
      {504, "The answer took too long."},
  }};
  for (const auto& [code, sentence] : kSentences) {
    if (code == status) return sentence;
  }
  if (status >= 500) return "The server could not answer the request.";
  return status >= 400 ? "The server cannot take this request." : "The request was answered.";
}

}  // namespace millrace::http
