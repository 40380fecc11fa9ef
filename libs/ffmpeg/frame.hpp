// A decoded picture or piece of sound: one reference to libav's reference-counted frame. Copies are made of
// the reference, never of the picture.
//
// Owner: one thread at a time each; frames that share a picture may be on different threads, as nobody writes
// to one.
#pragma once

#include <cstdint>
#include <memory>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "codecs/colour.hpp"

struct AVFrame;

namespace millrace::ffmpeg {

struct Rational {
  std::int64_t num = 0;
  std::int64_t den = 1;

  bool operator==(const Rational&) const = default;
};

// What a picture is, so far as a filter depends on it.
struct PictureFormat {
  int width = 0;
  int height = 0;
  int pixel_format = -1;  // libav's
  Rational sample_aspect;
  codecs::Colour colour;
  bool operator==(const PictureFormat&) const = default;
};

// Of more than the screens of most viewers show: PQ or HLG.
constexpr bool is_hdr(const codecs::Colour& colour) {
  constexpr std::uint8_t kPq = 16;
  constexpr std::uint8_t kHlg = 18;
  return colour.transfer == kPq || colour.transfer == kHlg;
}

class Frame {
 public:
  // Takes the frame over.
  explicit Frame(AVFrame* frame) : frame_(frame) {}
  // "ffmpeg.no_memory".
  static Result<Frame> empty();
  // A picture of one grey, 8 bits 4:2:0: for trials of encoders and for tests. "ffmpeg.no_memory".
  static Result<Frame> grey(int width, int height, std::uint8_t luma);

  // Another reference to the same picture. "ffmpeg.no_memory".
  Result<Frame> share() const;

  AVFrame* get() const { return frame_.get(); }
  std::int64_t pts() const;
  void set_pts(std::int64_t pts);
  PictureFormat picture() const;
  bool interlaced() const;
  // Closed captions (CEA-708 data with 608 in it) that come with the picture: triplets of three bytes.
  Bytes captions() const;
  // "ffmpeg.no_memory".
  Result<void> set_captions(ByteView captions);

 private:
  struct Delete {
    void operator()(AVFrame* frame) const;
  };
  std::unique_ptr<AVFrame, Delete> frame_;
};

}  // namespace millrace::ffmpeg
