// Takes an aggregate message (Adobe RTMP 1.0, 7.1.6) apart while its bytes come in: FLV tags, each followed
// by a back pointer. Times of the parts are shifted so that the first one has the aggregate's own.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "rtmp/server_session.hpp"

namespace millrace::rtmp {

class AggregateSplitter {
 public:
  AggregateSplitter() = default;
  explicit AggregateSplitter(const MessageHeader& aggregate) : aggregate_(aggregate), left_(aggregate.size) {}

  // Appends MessageBegin, MessageBytes and MessageEnd of the audio, video and data parts; others are dropped.
  // "rtmp.aggregate": a part is longer than what is left of the aggregate.
  Result<void> feed(ByteView bytes, std::vector<Action>& out);
  // A part has begun that has not ended.
  bool part_open() const { return part_left_ != 0 && forwarding_; }

  void save(ByteWriter& out) const;
  bool restore(ByteReader& reader);

 private:
  static constexpr std::size_t kTagHeaderSize = 11;
  static constexpr std::uint8_t kBackPointerSize = 4;

  Result<void> feed_header(std::uint8_t byte, std::vector<Action>& out);
  Result<void> begin_part(std::vector<Action>& out);
  void end_part(std::vector<Action>& out);

  MessageHeader aggregate_;
  std::uint32_t left_ = 0;       // bytes of the aggregate still to come
  std::uint32_t part_left_ = 0;  // of the part's payload
  std::uint32_t first_time_ = 0;
  bool has_first_time_ = false;
  bool forwarding_ = false;
  std::uint8_t back_pointer_left_ = 0;
  std::uint8_t header_size_ = 0;
  std::array<std::uint8_t, kTagHeaderSize> header_{};
};

}  // namespace millrace::rtmp
