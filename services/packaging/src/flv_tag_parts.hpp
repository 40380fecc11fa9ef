// FLV tags around messages of a log, as parts of one system call: headers and trailers in a buffer here,
// bodies in the log's memory. Pure.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "flv_tag.hpp"

namespace millrace::packaging {

class FlvTagParts {
 public:
  static constexpr std::size_t kMaxTags = 128;

  static std::size_t tag_size(const media::LogMessage& message) {
    return kFlvTagHeader + message.body.size() + kFlvTagTrailer;
  }

  // already_sent: bytes of the tag that are left out; of the first one only. Precondition: there is room,
  // that is fewer than kMaxTags.
  void add(const media::LogMessage& message, std::uint32_t timestamp_ms, std::size_t already_sent);
  // The last trailer; nothing may be added behind it. Valid as long as this is.
  std::span<const iovec> finish();
  std::size_t bytes() const { return bytes_; }
  void clear();

 private:
  // The trailer of the tag before and the header of the one behind.
  using Between = std::array<std::uint8_t, kFlvTagTrailer + kFlvTagHeader>;

  void add_part(const std::uint8_t* data, std::size_t size);

  std::array<Between, kMaxTags + 1> between_;
  std::array<iovec, 2 * kMaxTags + 1> parts_;
  std::size_t tags_ = 0;
  std::size_t count_ = 0;  // of parts
  std::size_t bytes_ = 0;
  std::size_t skipped_ = 0;  // still to be left out
};

}  // namespace millrace::packaging
