#include "http/response_header.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

namespace millrace::http {
namespace {

bool is_safe(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c != '\r' && c != '\n' && c != '\0'; });
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return (x | 0x20) == (y | 0x20); });
}

bool is_own(std::string_view name) {
  static constexpr std::array<std::string_view, 6> kOwn = {
      "content-length", "transfer-encoding", "connection", "date", "content-range", "accept-ranges"};
  return std::any_of(kOwn.begin(), kOwn.end(),
                     [&](std::string_view own) { return equals_ignoring_case(name, own); });
}

void append(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

void append_range(std::string& out, const Selection& selection, std::uint64_t size) {
  if (selection.status == 206) {
    append(out, "Content-Range",
           "bytes " + std::to_string(selection.offset) + "-" +
               std::to_string(selection.offset + selection.length - 1) + "/" + std::to_string(size));
  } else if (selection.status == 416) {
    append(out, "Content-Range", "bytes */" + std::to_string(size));
  }
}

}  // namespace

bool is_bodiless(int status) {
  return status < 200 || status == 204 || status == 304;
}

std::string imf_fixdate(std::int64_t seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  gmtime_r(&time, &parts);
  std::array<char, 64> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text.data(), size};
}

std::string response_header(const Response& response, const Selection& selection,
                            const HeaderContext& context) {
  std::string out;
  out.reserve(512);
  out.append("HTTP/1.1 ").append(std::to_string(selection.status)).append(" ");
  out.append(reason_phrase(selection.status)).append("\r\n");
  append(out, "Date", context.date);
  for (std::size_t i = 0; i < response.headers.size(); ++i) {
    const auto [name, value] = response.headers.at(i);
    const bool about_content = (selection.status == 416 && equals_ignoring_case(name, "content-type")) ||
                               (selection.status == 304 && equals_ignoring_case(name, "content-encoding"));
    if (is_own(name) || about_content || !is_safe(name) || !is_safe(value)) continue;
    append(out, name, value);
  }
  if (!response.live && response.ranges && (selection.status == 200 || selection.status == 206))
    append(out, "Accept-Ranges", "bytes");
  append_range(out, selection, context.size);
  if (!response.live && !is_bodiless(selection.status))
    append(out, "Content-Length", std::to_string(selection.length));
  if (context.chunked) append(out, "Transfer-Encoding", "chunked");
  if (selection.status == 101) {
    append(out, "Upgrade", "websocket");
    append(out, "Connection", "Upgrade");
  } else {
    append(out, "Connection", context.keep_alive ? "keep-alive" : "close");
  }
  out.append("\r\n");
  return out;
}

}  // namespace millrace::http
