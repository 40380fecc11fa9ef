#include "ffmpeg/av.hpp"

#include <array>

namespace millrace::ffmpeg {
namespace {

struct DeleteInOut {
  void operator()(AVFilterInOut* inout) const { avfilter_inout_free(&inout); }
};
using InOutPointer = std::unique_ptr<AVFilterInOut, DeleteInOut>;

InOutPointer end_of(const char* name, AVFilterContext* filter) {
  InOutPointer end(avfilter_inout_alloc());
  if (!end) return end;
  end->name = av_strdup(name);
  end->filter_ctx = filter;
  return end;
}

}  // namespace

tl::unexpected<Error> failure(int code, const std::string& doing) {
  std::array<char, AV_ERROR_MAX_STRING_SIZE> text{};
  av_strerror(code, text.data(), text.size());
  const ErrorCode kind = code == AVERROR(ENOMEM)       ? errors::kNoMemory
                         : code == AVERROR_INVALIDDATA ? errors::kBadInput
                                                       : errors::kFailed;
  return fail(kind, doing + ": " + text.data());
}

AVCodecID codec_id(media::Codec codec) {
  using media::Codec;
  switch (codec) {
    case Codec::kH264:
      return AV_CODEC_ID_H264;
    case Codec::kH265:
      return AV_CODEC_ID_HEVC;
    case Codec::kAv1:
      return AV_CODEC_ID_AV1;
    case Codec::kVp9:
      return AV_CODEC_ID_VP9;
    case Codec::kAac:
      return AV_CODEC_ID_AAC;
    case Codec::kOpus:
      return AV_CODEC_ID_OPUS;
    case Codec::kMp3:
      return AV_CODEC_ID_MP3;
    case Codec::kFlac:
      return AV_CODEC_ID_FLAC;
    case Codec::kAc3:
      return AV_CODEC_ID_AC3;
    case Codec::kEac3:
      return AV_CODEC_ID_EAC3;
    case Codec::kNone:
    case Codec::kData:
      break;
  }
  return AV_CODEC_ID_NONE;
}

Result<void> join(AVFilterGraph& graph, AVFilterContext* in, AVFilterContext* out,
                  const std::string& description) {
  // What the description begins with is joined to "in", what it ends with to "out".
  AVFilterInOut* begin = end_of("in", in).release();
  AVFilterInOut* end = end_of("out", out).release();
  int code = avfilter_graph_parse_ptr(&graph, description.c_str(), &end, &begin, nullptr);
  const InOutPointer left_begin(begin);
  const InOutPointer left_end(end);
  if (code >= 0) code = avfilter_graph_config(&graph, nullptr);
  if (code == AVERROR_FILTER_NOT_FOUND) return fail(errors::kNotBuiltIn, description);
  if (code < 0) return failure(code, description);
  return {};
}

}  // namespace millrace::ffmpeg
