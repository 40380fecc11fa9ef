// From the source's coded pictures to the rendition's logs: decodes once, plans when it sees the first
// picture and again with the first segment of other pictures, and hands each picture to one worker per size.
//
//   record ──> times ──┐
//   payload ─> decoder ┴─> (deinterlace) ─> picture and its note ──> workers
//
// Owner: the main thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "ffmpeg/decoder.hpp"
#include "ffmpeg/filter.hpp"
#include "media/arena_reader.hpp"
#include "media/arena_writer.hpp"
#include "picture_times.hpp"
#include "plan.hpp"
#include "rendition_log.hpp"
#include "rendition_worker.hpp"
#include "source_measure.hpp"
#include "source_shape.hpp"
#include "wanted.hpp"

namespace millrace::transcoding {

struct LineSettings {
  Ladder ladder;
  PlanLimits limits;
  EncoderChoice encoder;
  std::int64_t keep_us = 60'000'000;
};

struct LineCounters {
  std::uint64_t pictures_in = 0;  // records of the picture that were read
  std::uint64_t pictures = 0;     // that were decoded and have a place
  std::uint64_t undecodable = 0;  // records that the decoder refused
  std::uint64_t left_out = 0;     // that came out of it without a place in time, or not at all
  std::uint64_t plans = 0;
};

class PictureLine {
 public:
  PictureLine(media::ArenaWriter& arena, media::ArenaReader& own, const media::LogInfo& source,
              const SourceMeasure& measure, LineSettings settings)
      : arena_(arena), own_(own), source_(source), measure_(measure), settings_(std::move(settings)) {}

  // Of what comes before this segment nothing is written of renditions that begin from now on.
  void begin_with(std::uint64_t media_sequence) { first_ = media_sequence; }
  // Makes these, and ends the others; all there are until it is called. Those that go on take no notice.
  // Other rates count from the next segment on.
  Result<void> want(const std::set<std::string>& names, const SourceRates& rates);
  // A record of the picture, with its configuration in the log. payload: a copy.
  Result<void> add(const media::SampleRecord& record, ByteView payload, const media::LogReader& log,
                   const SourceTargets& targets);
  // Records are missing before the next one.
  Result<void> interrupt();
  // The next one comes before those that have been: for renditions that begin now. The others pass over what
  // they have had.
  Result<void> rewind();
  // There are no more; everything is in the logs when it returns.
  Result<void> finish(media::LogEnd reason, const SourceTargets& targets);

  const LineCounters& counters() const { return counters_; }
  // How long it has waited for workers.
  std::int64_t waited_us() const { return waited_us_; }
  const Plan& plan() const { return plan_; }
  const std::vector<std::unique_ptr<RenditionWorker>>& workers() const { return workers_; }
  // Null: nothing of it yet.
  const RenditionLog* log_of(const std::string& name) const;

 private:
  static constexpr unsigned kMostMisses = 4;

  Result<void> change_configuration(std::uint32_t index, const media::LogReader& log);
  Result<void> drain();
  Result<void> take_decoded();
  Result<void> take_deinterlaced();
  Result<void> hand_out(ffmpeg::Frame frame);
  Result<void> plan_for(const SourceShape& shape);
  Result<void> put(const ffmpeg::Frame& frame, const SourceNote& note, RenditionWorker& worker);
  Result<void> open_decoder(const media::LogReader::Configuration& configuration);
  std::shared_ptr<RenditionLog> make_log(const std::string& name) const;
  bool is_wanted(const std::string& name) const { return !wanted_ || wanted_->contains(name); }
  Result<void> start_workers();
  Result<void> stop_workers();
  Result<void> borne(const Result<void>& failed) const;

  media::ArenaWriter& arena_;
  media::ArenaReader& own_;
  const media::LogInfo source_;
  const SourceMeasure measure_;
  const LineSettings settings_;

  std::optional<ffmpeg::Decoder> decoder_;  // absent: there is none for this configuration
  std::optional<ffmpeg::Filter> deinterlace_;
  std::optional<std::uint32_t> configuration_;
  std::optional<std::uint32_t> discontinuity_;
  FrameRate stated_rate_;  // by the configuration
  PictureTimes times_;
  SourceTargets targets_;
  std::optional<SourceShape> shape_;
  SourceRates rates_;
  bool rates_changed_ = false;
  Plan plan_;
  std::optional<std::set<std::string>> wanted_;
  std::map<std::string, std::shared_ptr<RenditionLog>> logs_;
  std::vector<std::unique_ptr<RenditionWorker>> workers_;
  LineCounters counters_;
  std::uint64_t first_ = 0;
  unsigned misses_ = 0;  // records that could not be decoded since the last picture
  std::int64_t waited_us_ = 0;
};

}  // namespace millrace::transcoding
