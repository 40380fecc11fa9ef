#include "ffmpeg/filter.hpp"

#include <algorithm>
#include <array>
#include <cmath>

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

struct Size {
  int width = 0;
  int height = 0;
};

// The largest in that size that has the source's shape; that size where only rounding differs.
Size fitted(const Size& whole, const PictureFormat& source) {
  constexpr int kRounding = 2;
  const Rational pixel = source.sample_aspect;
  const bool stated = pixel.num > 0 && pixel.den > 0;
  const double aspect = static_cast<double>(std::max(source.width, 1)) / std::max(source.height, 1) *
                        (stated ? static_cast<double>(pixel.num) / static_cast<double>(pixel.den) : 1.0);
  const auto even = [](double size, int most) {
    return std::clamp(static_cast<int>(std::lround(std::min<double>(size, most) / 2)) * 2, 2, most);
  };
  const Size inner{even(whole.height * aspect, whole.width), even(whole.width / aspect, whole.height)};
  const bool same = inner.width + kRounding >= whole.width && inner.height + kRounding >= whole.height;
  return same ? whole : inner;
}

// What the conversion can begin with; the usual of HDR for what is not stated, or not so that it is known.
std::string hdr_input(const PictureFormat& source) {
  const codecs::Colour& colour = source.colour;
  constexpr std::array<std::uint8_t, 4> kMatrices{1, 5, 6, 9};
  constexpr std::array<std::uint8_t, 6> kPrimaries{1, 5, 6, 9, 11, 12};
  const auto known = [](const auto& values, std::uint8_t value) {
    return std::find(values.begin(), values.end(), value) != values.end();
  };
  const AVPixFmtDescriptor* format = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(source.pixel_format));
  const bool subsampled = format != nullptr && (format->log2_chroma_w != 0 || format->log2_chroma_h != 0);
  std::string input;
  if (subsampled && (source.width % 2 != 0 || source.height % 2 != 0)) input += "format=yuv444p10le,";
  if (!known(kMatrices, colour.matrix)) input += "setparams=colorspace=bt2020nc,";
  if (!known(kPrimaries, colour.primaries)) input += "setparams=color_primaries=bt2020,";
  return input;
}

}  // namespace

std::string scale_to(int width, int height, const PictureFormat& source) {
  const auto size = [](const Size& of) {
    return "w=" + std::to_string(of.width) + ":h=" + std::to_string(of.height);
  };
  const Size whole{width, height};
  const Size inner = fitted(whole, source);
  const bool fills = inner.width == whole.width && inner.height == whole.height;
  const std::string square = std::string(",setsar=1,format=pix_fmts=yuv420p") +
                             (fills ? "" : ",pad=" + size(whole) + ":x=(ow-iw)/2:y=(oh-ih)/2");
  if (is_hdr(source.colour))
    return hdr_input(source) + "zscale=" + size(inner) +
           ":t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=tonemap=hable:desat=0,"
           "zscale=t=bt709:m=bt709:r=tv" +
           square;
  return "scale=" + size(inner) + ":flags=bicubic:out_range=tv" + square;
}

std::string deinterlace(const PictureFormat& source) {
  constexpr int kSmallest = 8;  // what bwdif looks at
  if (source.width < kSmallest || source.height < kSmallest) return "null";
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
