#include "ffmpeg/frame.hpp"

#include <algorithm>
#include <cstring>

#include "ffmpeg/av.hpp"

namespace millrace::ffmpeg {

void Frame::Delete::operator()(AVFrame* frame) const {
  av_frame_free(&frame);
}

Result<Frame> Frame::empty() {
  AVFrame* frame = av_frame_alloc();
  if (frame == nullptr) return fail(errors::kNoMemory, "a frame");
  return Frame(frame);
}

Result<Frame> Frame::grey(int width, int height, std::uint8_t luma) {
  Result<Frame> frame = empty();
  if (!frame) return frame;
  AVFrame* av = frame->get();
  av->width = width;
  av->height = height;
  av->format = AV_PIX_FMT_YUV420P;
  av->sample_aspect_ratio = {1, 1};
  if (const int code = av_frame_get_buffer(av, 0); code < 0) return failure(code, "a picture");
  constexpr std::uint8_t kNoColour = 128;
  for (int plane = 0; plane < 3; ++plane) {
    const int rows = plane == 0 ? height : (height + 1) / 2;
    std::memset(av->data[plane], plane == 0 ? luma : kNoColour,
                static_cast<std::size_t>(av->linesize[plane]) * static_cast<std::size_t>(rows));
  }
  return frame;
}

Result<Frame> Frame::share() const {
  AVFrame* frame = av_frame_clone(frame_.get());
  if (frame == nullptr) return fail(errors::kNoMemory, "a reference to a frame");
  return Frame(frame);
}

std::int64_t Frame::pts() const {
  return frame_->pts;
}

void Frame::set_pts(std::int64_t pts) {
  frame_->pts = pts;
}

PictureFormat Frame::picture() const {
  PictureFormat format;
  format.width = frame_->width;
  format.height = frame_->height;
  format.pixel_format = frame_->format;
  format.sample_aspect = {frame_->sample_aspect_ratio.num, frame_->sample_aspect_ratio.den};
  // libav's numbers are those of H.273.
  format.colour = {static_cast<std::uint8_t>(frame_->color_primaries),
                   static_cast<std::uint8_t>(frame_->color_trc),
                   static_cast<std::uint8_t>(frame_->colorspace), frame_->color_range == AVCOL_RANGE_JPEG};
  return format;
}

bool Frame::interlaced() const {
  return frame_->interlaced_frame != 0;
}

Bytes Frame::captions() const {
  const AVFrameSideData* side = av_frame_get_side_data(frame_.get(), AV_FRAME_DATA_A53_CC);
  return side == nullptr ? Bytes() : Bytes(side->data, side->data + side->size);
}

Result<void> Frame::set_captions(ByteView captions) {
  av_frame_remove_side_data(frame_.get(), AV_FRAME_DATA_A53_CC);
  if (captions.empty()) return {};
  AVFrameSideData* side = av_frame_new_side_data(frame_.get(), AV_FRAME_DATA_A53_CC, captions.size());
  if (side == nullptr) return fail(errors::kNoMemory, "captions of a frame");
  std::copy(captions.begin(), captions.end(), side->data);
  return {};
}

}  // namespace millrace::ffmpeg
