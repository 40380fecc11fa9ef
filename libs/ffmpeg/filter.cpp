#include "ffmpeg/filter.hpp"

#include <algorithm>

#include "ffmpeg/av.hpp"

namespace millrace::ffmpeg {
namespace {

std::string source_arguments(const PictureFormat& format) {
  const auto text = [](std::int64_t number) { return std::to_string(number); };
  const Rational aspect = format.sample_aspect;
  return "video_size=" + text(format.width) + "x" + text(format.height) +
         ":pix_fmt=" + text(format.pixel_format) + ":time_base=1/" + text(kVideoTimeBase.den) +
         ":pixel_aspect=" + text(aspect.num) + "/" + text(std::max<std::int64_t>(aspect.den, 1));
}

}  // namespace

std::string scale_to(int width, int height, const PictureFormat& source) {
  const std::string size = "w=" + std::to_string(width) + ":h=" + std::to_string(height);
  if (is_hdr(source.colour))
    return "zscale=" + size +
           ":t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=tonemap=hable:desat=0,"
           "zscale=t=bt709:m=bt709:r=tv,setsar=1,format=pix_fmts=yuv420p";
  return "scale=" + size + ":flags=bicubic:out_range=tv,setsar=1,format=pix_fmts=yuv420p";
}

std::string deinterlace(const PictureFormat&) {
  return "bwdif=mode=send_frame:parity=auto:deint=interlaced";
}

void Filter::DeleteGraph::operator()(AVFilterGraph* graph) const {
  avfilter_graph_free(&graph);
}

Result<void> Filter::build(const Frame& frame) {
  graph_.reset(avfilter_graph_alloc());
  if (!graph_) return fail(errors::kNoMemory, "a filter");
  graph_->nb_threads = 1;
  format_ = frame.picture();
  const std::string description = describe_(format_);
  const std::string arguments = source_arguments(format_);
  int code = avfilter_graph_create_filter(&in_, avfilter_get_by_name("buffer"), "in", arguments.c_str(),
                                          nullptr, graph_.get());
  if (code >= 0)
    code = avfilter_graph_create_filter(&out_, avfilter_get_by_name("buffersink"), "out", nullptr, nullptr,
                                        graph_.get());
  if (code < 0) return failure(code, "a filter's ends");
  if (Result<void> joined = join(*graph_, in_, out_, description); !joined) return joined;
  drained_ = false;
  return {};
}

Result<void> Filter::send(Frame frame) {
  if (!graph_ || drained_ || !(frame.picture() == format_)) {
    if (Result<void> built = build(frame); !built) {
      graph_.reset();
      return built;
    }
  }
  // The graph takes the reference.
  if (const int code = av_buffersrc_add_frame(in_, frame.get()); code < 0) return failure(code, "filter");
  return {};
}

Result<void> Filter::drain() {
  if (!graph_ || drained_) return {};
  drained_ = true;
  if (const int code = av_buffersrc_add_frame(in_, nullptr); code < 0 && code != AVERROR_EOF)
    return failure(code, "drain a filter");
  return {};
}

Result<std::optional<Frame>> Filter::receive() {
  if (!graph_) return std::optional<Frame>();
  Result<Frame> frame = Frame::empty();
  if (!frame) return tl::unexpected<Error>(frame.error());
  const int code = av_buffersink_get_frame(out_, frame->get());
  if (is_no_more(code)) return std::optional<Frame>();
  if (code < 0) return failure(code, "filter");
  // Deinterlacing counts in halves of its input's time base.
  if (frame->pts() != AV_NOPTS_VALUE)
    frame->set_pts(av_rescale_q(frame->pts(), av_buffersink_get_time_base(out_), kVideoTimeBase));
  return std::optional<Frame>(std::move(*frame));
}

}  // namespace millrace::ffmpeg
