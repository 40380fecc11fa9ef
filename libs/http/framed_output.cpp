#include "http/framed_output.hpp"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>
#include <utility>

namespace millrace::http {

namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kLastChunk = "\r\n0\r\n\r\n";

}  // namespace

std::size_t ChunkedOutput::put_header(std::uint64_t size, std::uint8_t* out) {
  auto* const begin = reinterpret_cast<char*>(out);
  char* at = begin;
  const auto put = [&at](std::string_view text) {
    std::memcpy(at, text.data(), text.size());
    at += text.size();
  };
  if (std::exchange(any_, true)) put(kLineEnd);
  at = std::to_chars(at, begin + kMaxHeader, size, 16).ptr;
  put(kLineEnd);
  return static_cast<std::size_t>(at - begin);
}

LiveStream::Progress ChunkedOutput::finish() {
  if (in_frame()) return LiveStream::Progress::kFailed;
  const std::string_view text = any_ ? kLastChunk : kLastChunk.substr(kLineEnd.size());
  while (end_sent_ < text.size()) {
    const iovec part{const_cast<char*>(text.data()) + end_sent_, text.size() - end_sent_};
    const ssize_t sent = output().send({&part, 1});
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) {
      return errno == EAGAIN || errno == EWOULDBLOCK ? LiveStream::Progress::kBlocked
                                                     : LiveStream::Progress::kFailed;
    }
    end_sent_ += static_cast<std::size_t>(sent);
  }
  return LiveStream::Progress::kEnded;
}

}  // namespace millrace::http
