#include "rtmp/message_chunks.hpp"

#include <algorithm>
#include <array>

namespace millrace::rtmp {

namespace {

constexpr std::size_t kShortHeader = 12;
constexpr std::size_t kExtendedHeader = 16;
constexpr std::uint8_t kChunkStreamMask = 0x3F;

// The one-byte basic headers of type 3 for every chunk stream that has one.
constexpr std::array<std::uint8_t, 64> kTypeThree = [] {
  std::array<std::uint8_t, 64> headers{};
  for (std::size_t id = 0; id < headers.size(); ++id) headers.at(id) = static_cast<std::uint8_t>(0xC0 | id);
  return headers;
}();

bool has_extended_timestamp(ByteView message) {
  return message.size() >= kExtendedHeader && message[1] == 0xFF && message[2] == 0xFF && message[3] == 0xFF;
}

}  // namespace

MessageChunks::MessageChunks(ByteView message, std::uint32_t chunk_size) : chunk_size_(chunk_size) {
  const bool extended = has_extended_timestamp(message);
  const std::size_t header = std::min(extended ? kExtendedHeader : kShortHeader, message.size());
  first_ = message.first(std::min(header + chunk_size_, message.size()));
  rest_ = message.subspan(first_.size());
  if (!message.empty()) basic_header_ = ByteView(kTypeThree).subspan(message.front() & kChunkStreamMask, 1);
  if (extended) extended_timestamp_ = message.subspan(kShortHeader, kExtendedHeader - kShortHeader);
  const std::size_t more = (rest_.size() + chunk_size_ - 1) / chunk_size_;
  wire_size_ = message.size() + more * (basic_header_.size() + extended_timestamp_.size());
}

std::size_t MessageChunks::cut(std::size_t wire_offset, std::span<ByteView> parts) const {
  std::size_t count = 0;
  // Leaves out what is before the wire offset.
  const auto add = [&](ByteView part) {
    const std::size_t skipped = std::min(wire_offset, part.size());
    wire_offset -= skipped;
    if (skipped < part.size() && count < parts.size()) parts[count++] = part.subspan(skipped);
  };
  const std::size_t header = basic_header_.size() + extended_timestamp_.size();
  std::size_t at = 0;
  if (wire_offset < first_.size()) {
    add(first_);
  } else {
    wire_offset -= first_.size();
    const std::size_t whole = wire_offset / (header + chunk_size_);
    wire_offset -= whole * (header + chunk_size_);
    at = whole * chunk_size_;
  }
  for (; at < rest_.size() && count < parts.size(); at += chunk_size_) {
    add(basic_header_);
    add(extended_timestamp_);
    add(rest_.subspan(at, std::min(chunk_size_, rest_.size() - at)));
  }
  return count;
}

}  // namespace millrace::rtmp
