// Changes pictures: scales them, takes interlacing out of them. libav's filter graph with one way in and one
// out, made for the pictures as they come and again when these change.
//
//   send(frame) ──> receive() until nullopt ──> … ──> drain() ──> receive() until nullopt
//
// Owner: one thread at a time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "ffmpeg/frame.hpp"

struct AVFilterGraph;
struct AVFilterContext;

namespace millrace::ffmpeg {

// For Filter: to square pixels of this size, 8 bits 4:2:0, limited range; pictures of another shape between
// black bars. HDR becomes BT.709; other colours stay what they are.
std::string scale_to(int width, int height, const PictureFormat& source);
// For Filter: those that are interlaced become whole pictures, one each; the others stay as they are. One
// picture late.
std::string deinterlace(const PictureFormat& source);

class Filter {
 public:
  // What is to be done to pictures of a format, as libav describes filters, with one way in and one out.
  using Describe = std::function<std::string(const PictureFormat&)>;
  explicit Filter(Describe describe) : describe_(std::move(describe)) {}
  Filter(Filter&&) = default;
  Filter& operator=(Filter&&) = default;

  // pts: of the video's time base, 1/90000. Of a format that differs from that of the picture before, what
  // the filter still had is lost unless it was drained. "ffmpeg.not_built_in", "ffmpeg.no_memory",
  // "ffmpeg.failed".
  Result<void> send(Frame frame);
  // There are no more pictures before the next call of send.
  Result<void> drain();
  Result<std::optional<Frame>> receive();

 private:
  struct DeleteGraph {
    void operator()(AVFilterGraph* graph) const;
  };
  Result<void> build(const Frame& frame);

  Describe describe_;
  std::unique_ptr<AVFilterGraph, DeleteGraph> graph_;
  AVFilterContext* in_ = nullptr;   // the graph's
  AVFilterContext* out_ = nullptr;  // the graph's
  PictureFormat format_;
  bool drained_ = false;
};

}  // namespace millrace::ffmpeg
