// A thread that scales decoded pictures to one size and encodes all renditions of that size.
//
//   decode ──> queue, 4 pictures ──> scale ──> encoder ──> log     (one worker per size)
//                                         └──> encoder ──> log     (renditions of the same size)
//
// A full queue makes decoding wait: what is not decoded yet waits in the source's log.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "ffmpeg/encoder.hpp"
#include "ffmpeg/filter.hpp"
#include "job_queue.hpp"
#include "picture_times.hpp"
#include "plan.hpp"
#include "rendition_log.hpp"

namespace millrace::transcoding {

// What a rendition's log says of it, as its encoder is opened: without a picture. The error says what is
// not as it was announced, or that the encoder says it with its first picture only.
Result<publication::TrackFormat> format_of(const Rendition& rendition, const EncoderChoice& encoder);

// One rendition: its pictures through its encoder into its log. Owner: the worker's thread.
class RenditionOutput {
 public:
  RenditionOutput(const Rendition& rendition, std::shared_ptr<RenditionLog> log)
      : rendition_(rendition), decimator_(rendition.divisor), log_(std::move(log)) {}

  Result<void> open(const EncoderChoice& encoder);
  // In each picture's turn: whether it is one of this rendition's. What captions a picture has that is not,
  // come with the next one.
  bool takes(const ffmpeg::Frame& source, const SourceNote& note);
  Result<void> encode(ffmpeg::Frame picture, const SourceNote& note);
  // What the encoder still has. Nothing may come after it.
  Result<void> drain();
  // It has failed: its log ends, it takes nothing more, and the other renditions go on. Memory that is
  // missing is missing for all: the error is returned.
  Result<void> lose(const Error& error);
  bool lost() const { return lost_; }
  const std::string& name() const { return rendition_.name; }

 private:
  Result<void> write_what_is_done();
  Result<void> configure();

  const Rendition rendition_;
  Decimator decimator_;
  std::shared_ptr<RenditionLog> log_;
  std::optional<ffmpeg::Encoder> encoder_;
  std::deque<SourceNote> in_encoder_;
  Bytes captions_;
  SourceTargets targets_;
  bool configured_ = false;
  bool lost_ = false;
};

class RenditionWorker {
 public:
  static constexpr std::size_t kMaxQueued = 4;

  struct Picture {
    ffmpeg::Frame frame;
    SourceNote note;
  };
  struct Planned {
    Rendition rendition;
    std::shared_ptr<RenditionLog> log;
  };

  // renditions: of one size. Encoders are opened here, so that it is known whether they can be; a rendition
  // whose can't is lost. An error: none can.
  static Result<std::unique_ptr<RenditionWorker>> start(const std::vector<Planned>& renditions,
                                                        const EncoderChoice& encoder);
  // finish() first; without it what is queued is thrown away.
  ~RenditionWorker();

  // Waits for room. What does not come behind all that was put in before is passed over: it was there
  // already. False: the worker has failed, and its renditions are lost; finish() says how.
  bool put(Picture picture);
  bool makes(const std::string& name) const;
  // Waits for everything that was put in to be in the logs.
  Result<void> finish();

  std::size_t queued() const { return queue_.size(); }
  // Time that it was at work.
  std::int64_t busy_us() const { return busy_us_; }

 private:
  RenditionWorker(int width, int height)
      : queue_(kMaxQueued),
        scale_([=](const ffmpeg::PictureFormat& source) { return ffmpeg::scale_to(width, height, source); }) {
  }

  void run();
  Result<void> transcode(Picture picture);
  Result<std::optional<ffmpeg::Frame>> scaled(Picture picture);
  Result<void> encode(const ffmpeg::Frame& picture, const SourceNote& note,
                      std::span<RenditionOutput* const> taking);
  Result<void> drain();
  Result<void> lose(RenditionOutput& output, const Error& error);
  bool all_lost() const;

  JobQueue<Picture> queue_;
  ffmpeg::Filter scale_;
  std::vector<RenditionOutput> outputs_;
  std::pair<std::uint64_t, std::int64_t> newest_{0, 0};  // segment and time of what was put in last
  std::optional<SourceNote>
      owed_;             // a segment's first picture, which could not be scaled: the next one begins it
  bool warned_ = false;  // of pictures that cannot be scaled
  std::atomic<std::int64_t> busy_us_{0};
  std::atomic<bool> abandoned_{false};
  Result<void> result_;  // after the thread has ended
  std::thread thread_;
};

}  // namespace millrace::transcoding
