// Makes AAC-LC of decoded sound: 48 kHz, one or two channels, frames of 1024.
//
//   send(frame) ──> receive() until nullopt ──> … ──> drain() ──> receive() until nullopt
//
// Owner: one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "ffmpeg/coded.hpp"
#include "ffmpeg/frame.hpp"

struct AVCodecContext;
struct AVFilterContext;
struct AVFilterGraph;

namespace millrace::ffmpeg {

class SoundEncoder {
 public:
  static constexpr int kSampleRate = 48'000;
  static constexpr int kFrameSamples = 1024;
  // Of what is sent. Of less the piece that a stranger's frame holds would become too long.
  static constexpr int kLeastSampleRate = 4000;

  // channels: 1 or 2. "ffmpeg.not_built_in", "ffmpeg.no_memory", "ffmpeg.failed".
  static Result<SoundEncoder> open(int channels, std::int64_t bit_rate);

  // AudioSpecificConfig.
  const Bytes& configuration() const { return configuration_; }

  // pts: in samples of its own rate. Sound that is not of one piece is encoded as it comes; the times say
  // where something is missing. "ffmpeg.bad_input": a rate below the least.
  Result<void> send(Frame frame);
  // There is no more before the next call of send, which begins anew.
  Result<void> drain();
  // pts in samples of 48 kHz. The first frames after a beginning may have times before those that were sent:
  // they are what the decoder has to be given first, and hold no sound.
  Result<std::optional<CodedSample>> receive();

 private:
  struct DeleteContext {
    void operator()(AVCodecContext* context) const;
  };
  struct DeleteGraph {
    void operator()(AVFilterGraph* graph) const;
  };
  struct Format {
    int sample_rate = 0;
    int channels = 0;
    int sample_format = -1;
    bool operator==(const Format&) const = default;
  };
  SoundEncoder(int channels, std::int64_t bit_rate) : channels_(channels), bit_rate_(bit_rate) {}

  Result<void> open_encoder();
  Result<void> build(const Format& format);
  Result<bool> encode_next();

  int channels_;
  std::int64_t bit_rate_;
  std::unique_ptr<AVCodecContext, DeleteContext> encoder_;
  std::unique_ptr<AVFilterGraph, DeleteGraph> graph_;
  AVFilterContext* in_ = nullptr;   // the graph's
  AVFilterContext* out_ = nullptr;  // the graph's
  Format format_;
  Bytes configuration_;
  bool draining_ = false;
};

}  // namespace millrace::ffmpeg
