// A coded sample as an encoder gave it: libav's packet, read in the form that the media log has.
// Owner: one thread at a time.
#pragma once

#include <cstdint>
#include <memory>

#include "base/bytes.hpp"
#include "media/sample.hpp"

struct AVPacket;

namespace millrace::ffmpeg {

class CodedSample {
 public:
  // Takes the packet over.
  CodedSample(AVPacket* packet, media::Codec codec);

  std::int64_t pts() const;
  std::int64_t dts() const;
  bool key() const;
  // As the media log has it: NAL units behind their lengths (of four bytes), OBUs without temporal delimiter,
  // raw AAC.
  std::uint32_t size() const;
  // out: of that size.
  void write(std::uint8_t* out) const;
  // As the encoder gave it.
  ByteView raw() const;

 private:
  struct Delete {
    void operator()(AVPacket* packet) const;
  };
  std::unique_ptr<AVPacket, Delete> packet_;
  media::Codec codec_;
};

}  // namespace millrace::ffmpeg
