// Frames around what a LiveStream sends: a header with the size of what follows, then the bytes from where
// they lie, then a trailer. A frame that was begun is filled by what is sent next: the stream gives the same
// bytes again. Internal.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "http/live.hpp"

namespace millrace::http {

class FramedOutput : public LiveOutput {
 public:
  // trailer: of every frame; of static storage.
  explicit FramedOutput(std::string_view trailer = {}) : trailer_(trailer) {}
  void bind(LiveOutput& output) { output_ = &output; }
  // Nothing else may be sent.
  bool in_frame() const { return sent_ < header_size_ + payload_size_ + trailer_.size(); }

  // The last byte of a frame counts as taken when the whole trailer is: so the stream asks again until it is.
  ssize_t send(std::span<const iovec> parts) final {
    std::array<iovec, kMaxParts> framed;
    parts = parts.first(std::min(parts.size(), kMaxParts - 2));
    if (!in_frame()) begin(parts);
    const std::uint64_t taken = payload_taken();
    std::size_t count = 0;
    if (sent_ < header_size_) {
      framed.at(count++) = {header_.data() + sent_, static_cast<std::size_t>(header_size_ - sent_)};
    }
    std::uint64_t skip = payload_sent() - taken;
    std::uint64_t room = payload_size_ - taken;
    for (const iovec& part : parts) {
      const std::uint64_t size = std::min<std::uint64_t>(part.iov_len, room);
      const std::uint64_t skipped = std::min(skip, size);
      if (size > skipped) {
        framed.at(count++) = {static_cast<std::uint8_t*>(part.iov_base) + skipped,
                              static_cast<std::size_t>(size - skipped)};
      }
      skip -= skipped;
      room -= size;
    }
    if (room == 0 && !trailer_.empty()) {
      const std::string_view rest = trailer_.substr(trailer_sent());
      framed.at(count++) = {const_cast<char*>(rest.data()), rest.size()};
    }
    const ssize_t sent = output_->send({framed.data(), count});
    if (sent < 0) return sent;
    sent_ += static_cast<std::uint64_t>(sent);
    return static_cast<ssize_t>(payload_taken() - taken);
  }

 protected:
  static constexpr std::size_t kMaxParts = 512;
  static constexpr std::size_t kMaxHeader = 24;
  // Writes the header of a frame of that size and returns the header's.
  virtual std::size_t put_header(std::uint64_t size, std::uint8_t* out) = 0;
  LiveOutput& output() { return *output_; }

 private:
  void begin(std::span<const iovec> parts) {
    sent_ = 0;
    payload_size_ = 0;
    for (const iovec& part : parts) payload_size_ += part.iov_len;
    header_size_ = put_header(payload_size_, header_.data());
  }
  std::uint64_t payload_sent() const {
    return std::min(sent_ - std::min<std::uint64_t>(sent_, header_size_), payload_size_);
  }
  std::size_t trailer_sent() const {
    return static_cast<std::size_t>(sent_ - std::min(sent_, header_size_ + payload_size_));
  }
  std::uint64_t payload_taken() const {
    const bool ends = payload_sent() == payload_size_ && trailer_sent() < trailer_.size();
    return payload_sent() - (ends && payload_size_ > 0 ? 1 : 0);
  }

  LiveOutput* output_ = nullptr;
  std::string_view trailer_;
  std::array<std::uint8_t, kMaxHeader> header_{};
  // Of the frame that was begun; sent_ counts header, payload and trailer.
  std::uint64_t header_size_ = 0;
  std::uint64_t payload_size_ = 0;
  std::uint64_t sent_ = trailer_.size();
};

// Chunks of HTTP/1.1 (RFC 9112, 7.1): a client can distinguish the end from a cut. The line end behind a
// chunk goes with it: Varnish 7.1 passes a chunk's last bytes on when it has read that.
class ChunkedOutput final : public FramedOutput {
 public:
  ChunkedOutput() : FramedOutput("\r\n") {}
  // Sends the last chunk, when the stream has ended: kEnded, kBlocked, or kFailed in mid-chunk.
  LiveStream::Progress finish();

 private:
  std::size_t put_header(std::uint64_t size, std::uint8_t* out) override;

  std::size_t end_sent_ = 0;
};

}  // namespace millrace::http
