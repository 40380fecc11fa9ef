// Encodes pictures: one rendition's. Key frames stand where they are asked for and nowhere else; groups of
// pictures are closed; there is no lookahead and there are no B-frames, so each picture comes out at once.
//
//   send(frame, key) ──> receive() until nullopt ──> … ──> drain() ──> receive() until nullopt
//
// Owner: one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "codecs/colour.hpp"
#include "ffmpeg/coded.hpp"
#include "ffmpeg/encoder_names.hpp"
#include "ffmpeg/frame.hpp"
#include "media/sample.hpp"

struct AVCodecContext;

namespace millrace::ffmpeg {

// All that what it makes depends on: of the same settings come the same parameter sets.
struct EncoderSettings {
  std::string encoder = "x264";  // EncoderName::name
  std::string preset{kDefaultPreset};
  int width = 0;  // even
  int height = 0;
  Rational frame_rate{30, 1};  // of pictures as they are expected; their times say when they come
  std::int64_t bit_rate = 0;   // bits per second
  std::int64_t max_rate = 0;
  std::int64_t buffer_bits = 0;  // so much more than max_rate at once
  codecs::Colour colour;         // limited range
  int level = 0;                 // H.264, H.265: 31 is 3.1; 0: the encoder's choice
  int reference_frames = 1;
  int threads = 1;
};

class Encoder {
 public:
  // "ffmpeg.unknown_name", "ffmpeg.not_built_in", "ffmpeg.not_usable": it needs a device that is not
  // supported; "ffmpeg.failed", with what libav says.
  static Result<Encoder> open(const EncoderSettings& settings);

  media::Codec codec() const { return name_.codec; }
  // avcC, hvcC or av1C. Of an encoder that states it only with its first key frame (libaom_av1) empty until
  // that has been received.
  const Bytes& configuration() const { return configuration_; }

  // pts in 1/90000 s, increasing; 8 bits 4:2:0 of the settings' size. Precondition: receive() has said that
  // there is nothing more.
  Result<void> send(Frame frame, bool key);
  // There are no more.
  Result<void> drain();
  Result<std::optional<CodedSample>> receive();

 private:
  struct DeleteContext {
    void operator()(AVCodecContext* context) const;
  };
  Encoder(AVCodecContext* context, const EncoderName& name) : context_(context), name_(name) {}

  std::unique_ptr<AVCodecContext, DeleteContext> context_;
  EncoderName name_;
  Bytes configuration_;
};

// Whether an encoder is there and keeps what Encoder promises: it is opened twice, encodes a few grey
// pictures with a forced key frame among them, and gives the same configuration each time. A fraction of a
// second. The error says why not.
Result<void> try_encoder(std::string_view name, std::string_view preset);

// The encoder that is asked for, or for "auto" the first that can be used. The error is that of the one that
// was asked for, or of the last. "ffmpeg.unknown_name" for what is no name or no preset.
Result<EncoderName> choose_encoder(std::string_view wanted, std::string_view preset);

}  // namespace millrace::ffmpeg
