#include "rtmp/aggregate_splitter.hpp"

#include <algorithm>

namespace millrace::rtmp {

Result<void> AggregateSplitter::feed(ByteView bytes, std::vector<Action>& out) {
  while (!bytes.empty()) {
    std::size_t taken = 1;
    if (part_left_ != 0) {
      taken = std::min<std::size_t>(bytes.size(), part_left_);
      if (forwarding_) out.emplace_back(MessageBytes{aggregate_.chunk_stream_id, bytes.first(taken)});
      part_left_ -= static_cast<std::uint32_t>(taken);
      if (part_left_ == 0) end_part(out);
    } else if (back_pointer_left_ != 0) {
      --back_pointer_left_;
    } else if (auto fed = feed_header(bytes.front(), out); !fed) {
      return fed;
    }
    left_ -= static_cast<std::uint32_t>(taken);
    bytes = bytes.subspan(taken);
  }
  return {};
}

Result<void> AggregateSplitter::feed_header(std::uint8_t byte, std::vector<Action>& out) {
  header_[header_size_++] = byte;
  if (header_size_ < kTagHeaderSize) return {};
  header_size_ = 0;
  return begin_part(out);
}

Result<void> AggregateSplitter::begin_part(std::vector<Action>& out) {
  ByteReader reader(header_);
  const auto type = static_cast<MessageType>(reader.u8());
  const std::uint32_t size = reader.u24();
  const std::uint32_t time_low = reader.u24();
  const std::uint32_t time = time_low | static_cast<std::uint32_t>(reader.u8()) << 24;
  // left_ still counts the last byte of this header.
  if (size > left_ - 1) return fail("rtmp.aggregate", "a part is longer than its aggregate message");
  if (!has_first_time_) {
    has_first_time_ = true;
    first_time_ = time;
  }
  part_left_ = size;
  forwarding_ = type == MessageType::kAudio || type == MessageType::kVideo || type == MessageType::kData;
  if (forwarding_) {
    out.emplace_back(MessageBegin{aggregate_.chunk_stream_id, type,
                                  aggregate_.timestamp_ms + (time - first_time_), size,
                                  aggregate_.message_stream_id});
  }
  if (size == 0) end_part(out);
  return {};
}

void AggregateSplitter::end_part(std::vector<Action>& out) {
  if (forwarding_) out.emplace_back(MessageEnd{aggregate_.chunk_stream_id});
  back_pointer_left_ = kBackPointerSize;
}

void AggregateSplitter::save(ByteWriter& out) const {
  out.u32(aggregate_.chunk_stream_id);
  out.u32(aggregate_.timestamp_ms);
  out.u32(aggregate_.size);
  out.u32(aggregate_.message_stream_id);
  out.u32(left_);
  out.u32(part_left_);
  out.u32(first_time_);
  out.u8(has_first_time_ ? 1 : 0);
  out.u8(forwarding_ ? 1 : 0);
  out.u8(back_pointer_left_);
  out.u8(header_size_);
  out.append(ByteView(header_).first(header_size_));
}

bool AggregateSplitter::restore(ByteReader& reader) {
  aggregate_.type = MessageType::kAggregate;
  aggregate_.chunk_stream_id = reader.u32();
  aggregate_.timestamp_ms = reader.u32();
  aggregate_.size = reader.u32();
  aggregate_.message_stream_id = reader.u32();
  left_ = reader.u32();
  part_left_ = reader.u32();
  first_time_ = reader.u32();
  has_first_time_ = reader.u8() != 0;
  forwarding_ = reader.u8() != 0;
  back_pointer_left_ = reader.u8();
  header_size_ = reader.u8();
  const ByteView header = reader.take(header_size_);
  if (!reader.ok() || header.size() >= kTagHeaderSize || part_left_ > left_ || left_ > aggregate_.size)
    return false;
  std::copy(header.begin(), header.end(), header_.begin());
  return true;
}

}  // namespace millrace::rtmp
