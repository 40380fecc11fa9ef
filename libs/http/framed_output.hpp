// Frames around what a LiveStream sends: a header with the size of what follows, then the bytes from where
// they lie. A frame that was begun is filled by what is sent next: the stream gives the same bytes again.
// Internal.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "http/live.hpp"

namespace millrace::http {

class FramedOutput : public LiveOutput {
 public:
  void bind(LiveOutput& output) { output_ = &output; }
  // Nothing else may be sent.
  bool in_frame() const { return left_ > 0 || header_left_ > 0; }

  ssize_t send(std::span<const iovec> parts) final {
    std::array<iovec, kMaxParts> framed;
    parts = parts.first(std::min(parts.size(), kMaxParts - 1));
    if (!in_frame()) begin(parts);
    std::size_t count = 0;
    const std::size_t header_size = header_left_;
    if (header_size > 0) framed.at(count++) = {header_.data() + header_size_ - header_size, header_size};
    std::uint64_t room = left_;
    for (const iovec& part : parts) {
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(part.iov_len, room));
      if (size > 0) framed.at(count++) = {part.iov_base, size};
      room -= size;
    }
    const ssize_t sent = output_->send({framed.data(), count});
    if (sent < 0) return sent;
    const std::size_t of_header = std::min(header_size, static_cast<std::size_t>(sent));
    header_left_ -= of_header;
    const std::size_t payload = static_cast<std::size_t>(sent) - of_header;
    left_ -= payload;
    return static_cast<ssize_t>(payload);
  }

 protected:
  static constexpr std::size_t kMaxParts = 512;
  static constexpr std::size_t kMaxHeader = 24;
  // Writes the header of a frame of that size and returns the header's.
  virtual std::size_t put_header(std::uint64_t size, std::uint8_t* out) = 0;
  LiveOutput& output() { return *output_; }

 private:
  void begin(std::span<const iovec> parts) {
    left_ = 0;
    for (const iovec& part : parts) left_ += part.iov_len;
    header_size_ = put_header(left_, header_.data());
    header_left_ = header_size_;
  }

  LiveOutput* output_ = nullptr;
  std::array<std::uint8_t, kMaxHeader> header_{};
  std::size_t header_size_ = 0;
  std::size_t header_left_ = 0;
  std::uint64_t left_ = 0;  // payload of the frame that was begun
};

// Chunks of HTTP/1.1 (RFC 9112, 7.1): a client can distinguish the end from a cut. The line end behind a
// chunk is sent with the next one.
class ChunkedOutput final : public FramedOutput {
 public:
  // Sends the last chunk, when the stream has ended: kEnded, kBlocked, or kFailed in mid-chunk.
  LiveStream::Progress finish();

 private:
  std::size_t put_header(std::uint64_t size, std::uint8_t* out) override;

  bool any_ = false;
  std::size_t end_sent_ = 0;
};

}  // namespace millrace::http
