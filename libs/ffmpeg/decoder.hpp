// Decodes one track: coded samples as the media log has them in, pictures or sound out. Input is outside data
// and may hold anything; a decoder is libav's, in C, and may crash on it: only for processes that may.
//
//   send(sample, pts) ──> receive() until nullopt ──> … ──> drain() ──> receive() until nullopt
//
// Owner: one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "ffmpeg/frame.hpp"
#include "media/sample.hpp"

struct AVCodecContext;
struct AVPacket;

namespace millrace::ffmpeg {

struct DecoderLimits {
  std::int64_t max_pixels = std::int64_t{4096} * 2304;  // of a picture; a larger one is not decoded
  int threads = 1;                                      // more of them add a picture of delay each
};

class Decoder {
 public:
  // configuration: the track's, as docs/media-log.md has it; read only. "ffmpeg.not_built_in",
  // "ffmpeg.no_memory", "ffmpeg.failed": a configuration that is none.
  static Result<Decoder> open(const media::TrackConfiguration& description, ByteView configuration,
                              const DecoderLimits& limits);

  // The bytes are copied. Precondition: receive() has said that there is nothing more. "ffmpeg.bad_input": it
  // could not be decoded, and the next one may.
  Result<void> send(ByteView sample, std::int64_t pts);
  // There are no more samples: what the decoder still has can be received, and then it can be sent to again.
  Result<void> drain();
  // In the order of presentation, with the pts of its sample (of sound: of the first sample in it). Errors as
  // of send; what could be decoded comes with the next call.
  Result<std::optional<Frame>> receive();

 private:
  struct DeleteContext {
    void operator()(AVCodecContext* context) const;
  };
  struct DeletePacket {
    void operator()(AVPacket* packet) const;
  };
  Decoder(AVCodecContext* context, AVPacket* packet) : context_(context), packet_(packet) {}

  std::unique_ptr<AVCodecContext, DeleteContext> context_;
  std::unique_ptr<AVPacket, DeletePacket> packet_;
};

}  // namespace millrace::ffmpeg
