#include "flv_tag_parts.hpp"

#include <algorithm>

namespace millrace::packaging {

void FlvTagParts::clear() {
  tags_ = count_ = bytes_ = skipped_ = 0;
}

void FlvTagParts::add(const media::LogMessage& message, std::uint32_t timestamp_ms,
                      std::size_t already_sent) {
  const auto size = static_cast<std::uint32_t>(message.body.size());
  Between& before = between_.at(tags_);
  put_flv_tag_header(message.type, size, timestamp_ms, before.data() + kFlvTagTrailer);
  put_flv_tag_trailer(size, between_.at(tags_ + 1).data());
  if (tags_++ == 0) {
    skipped_ = already_sent;
    add_part(before.data() + kFlvTagTrailer, kFlvTagHeader);
  } else {
    add_part(before.data(), before.size());
  }
  add_part(message.body.data(), size);
}

std::span<const iovec> FlvTagParts::finish() {
  if (tags_ > 0) add_part(between_.at(tags_).data(), kFlvTagTrailer);
  return std::span(parts_).first(count_);
}

void FlvTagParts::add_part(const std::uint8_t* data, std::size_t size) {
  const std::size_t left_out = std::min(skipped_, size);
  skipped_ -= left_out;
  if (left_out == size) return;
  parts_.at(count_++) = {const_cast<std::uint8_t*>(data) + left_out, size - left_out};
  bytes_ += size - left_out;
}

}  // namespace millrace::packaging
