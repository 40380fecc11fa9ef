#include "http/framed_output.hpp"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>

namespace millrace::http {

namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace

std::size_t ChunkedOutput::put_header(std::uint64_t size, std::uint8_t* out) {
  auto* const begin = reinterpret_cast<char*>(out);
  char* const end = std::to_chars(begin, begin + kMaxHeader, size, 16).ptr;
  std::memcpy(end, kLineEnd.data(), kLineEnd.size());
  return static_cast<std::size_t>(end - begin) + kLineEnd.size();
}

LiveStream::Progress ChunkedOutput::finish() {
  if (in_frame()) return LiveStream::Progress::kFailed;
  while (end_sent_ < kLastChunk.size()) {
    const iovec part{const_cast<char*>(kLastChunk.data()) + end_sent_, kLastChunk.size() - end_sent_};
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
