// libav's headers, and what all of this library's files need of them. Not included outside of it.
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/channel_layout.h>
#include <libavutil/frame.h>
#include <libavutil/log.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
}

#include <memory>
#include <string>

#include "base/result.hpp"
#include "ffmpeg/errors.hpp"
#include "ffmpeg/frame.hpp"
#include "media/sample.hpp"

namespace millrace::ffmpeg {

struct DeleteCodec {
  void operator()(AVCodecContext* context) const { avcodec_free_context(&context); }
};
struct DeletePacket {
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
};
struct DeleteGraph {
  void operator()(AVFilterGraph* graph) const { avfilter_graph_free(&graph); }
};
using CodecPointer = std::unique_ptr<AVCodecContext, DeleteCodec>;
using PacketPointer = std::unique_ptr<AVPacket, DeletePacket>;
using GraphPointer = std::unique_ptr<AVFilterGraph, DeleteGraph>;

inline constexpr AVRational kVideoTimeBase{1, 90'000};

// What a call of libav returned, with what it was to do.
tl::unexpected<Error> failure(int code, const std::string& doing);
AVCodecID codec_id(media::Codec codec);
inline AVRational rational(Rational value) {
  return {static_cast<int>(value.num), static_cast<int>(value.den)};
}
constexpr bool is_nal_codec(media::Codec codec) {
  return codec == media::Codec::kH264 || codec == media::Codec::kH265;
}
// Puts the described filters between the graph's two ends, and makes it ready.
Result<void> join(AVFilterGraph& graph, AVFilterContext* in, AVFilterContext* out,
                  const std::string& description);
// The frame is what the context wants next, or nothing of it is there yet: AVERROR(EAGAIN), AVERROR_EOF.
inline bool is_no_more(int code) {
  return code == AVERROR(EAGAIN) || code == AVERROR_EOF;
}

}  // namespace millrace::ffmpeg
