#include "ffmpeg/coded.hpp"

#include <algorithm>
#include <array>

#include "codecs/nal_form.hpp"
#include "ffmpeg/av.hpp"

namespace millrace::ffmpeg {
namespace {

constexpr unsigned kLengthSize = 4;

// Each in front of a temporal unit: its header says type 2 and "has a size", which is 0.
constexpr std::array<std::uint8_t, 2> kTemporalDelimiter = {0x12, 0x00};

ByteView without_delimiter(ByteView unit) {
  const bool there = unit.size() >= kTemporalDelimiter.size() &&
                     std::equal(kTemporalDelimiter.begin(), kTemporalDelimiter.end(), unit.begin());
  return there ? unit.subspan(kTemporalDelimiter.size()) : unit;
}

ByteView as_in_log(media::Codec codec, ByteView raw) {
  return codec == media::Codec::kAv1 ? without_delimiter(raw) : raw;
}

}  // namespace

void CodedSample::Delete::operator()(AVPacket* packet) const {
  av_packet_free(&packet);
}

CodedSample::CodedSample(AVPacket* packet, media::Codec codec) : packet_(packet), codec_(codec) {}

std::int64_t CodedSample::pts() const {
  return packet_->pts;
}

std::int64_t CodedSample::dts() const {
  return packet_->dts;
}

bool CodedSample::key() const {
  return (packet_->flags & AV_PKT_FLAG_KEY) != 0;
}

ByteView CodedSample::raw() const {
  return {packet_->data, static_cast<std::size_t>(packet_->size)};
}

std::uint32_t CodedSample::size() const {
  const std::size_t size = is_nal_codec(codec_)
                               ? codecs::size_with_lengths({raw(), true, kLengthSize}, kLengthSize)
                               : as_in_log(codec_, raw()).size();
  return static_cast<std::uint32_t>(size);
}

void CodedSample::write(std::uint8_t* out) const {
  if (is_nal_codec(codec_)) {
    codecs::write_with_lengths({raw(), true, kLengthSize}, kLengthSize, out);
    return;
  }
  const ByteView unit = as_in_log(codec_, raw());
  std::copy(unit.begin(), unit.end(), out);
}

}  // namespace millrace::ffmpeg
