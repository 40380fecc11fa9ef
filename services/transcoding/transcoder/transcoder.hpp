// One child: follows one source to its end and writes the logs of its renditions, in an arena of its own.
// Owner: the program's main thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/publication_ids.hpp"
#include "base/result.hpp"
#include "media/arena_reader.hpp"
#include "media/arena_set.hpp"
#include "media/arena_writer.hpp"
#include "picture_line.hpp"
#include "sound_line.hpp"
#include "source_start.hpp"
#include "wanted.hpp"

namespace millrace::transcoding {

struct TranscoderSettings {
  std::string directory;  // of the media log
  std::string stream_id;
  std::optional<PublicationId> publication;  // absent: the newest live one
  bool from_oldest = false;                  // a first one begins with all that the source still has
  std::int64_t wait_us = 0;                  // for a live source
  std::uint64_t arena_bytes = 0;             // 0: what the ladder needs
  // Further behind, and kSlowTargets target durations: it goes on with the newest key frame.
  std::int64_t slow_us = 20'000'000;
  LineSettings line;
  // Asked at every step; empty: all renditions are wanted. Until something is,
  // nothing is read.
  std::function<std::optional<Wanted>()> wanted{};
};

// How far it is, once a second.
struct TranscoderStatus {
  LineCounters counters;
  std::uint64_t skipped = 0;   // records that were passed over because it was too slow
  std::int64_t behind_us = 0;  // age of the newest record that was read, on its arrival's clock
  double speed = 0;            // of the slowest stage: media time over the time it works; 0: not known yet
  std::size_t queued = 0;      // in the fullest queue
};

class Transcoder {
 public:
  static constexpr std::int64_t kPollUs = 10'000;
  static constexpr std::int64_t kSlowTargets = 8;

  using Report = std::function<void(const TranscoderStatus&)>;

  // Opens the source and its own arena. "transcoding.no_source"; "media.in_use": another child is at it; the
  // media log's.
  static Result<std::unique_ptr<Transcoder>> open(TranscoderSettings settings);

  // To the source's end, or until stop is set. report: about once a second. beat: with each step.
  Result<media::LogEnd> run(
      const std::atomic<bool>& stop, const Report& report, const std::function<void()>& beat = [] {});

  const media::LogInfo& source() const { return info_; }
  const PictureLine& line() const { return line_; }
  const SoundLine& sound() const { return sound_; }
  // Of the stream's child.
  static std::string arena_name(const std::string& stream_id);

 private:
  Transcoder(TranscoderSettings settings, media::FoundLog found, media::LogReader log,
             std::unique_ptr<media::ArenaWriter> arena, std::unique_ptr<media::ArenaReader> own);

  // False: there is nothing to do at the moment.
  Result<bool> step();
  Result<bool> begin();
  std::optional<SourceStart> start_of(const std::optional<std::set<std::string>>& names, std::uint64_t from);
  Result<void> want(const Wanted& wanted);
  Result<void> take(const media::LogReader::Sample& sample);
  Result<void> lag(std::uint64_t next_key);
  Result<void> skip_if_slow(const media::SampleRecord& record);
  SourceTargets targets() const;
  void measure_speed();
  TranscoderStatus status(std::int64_t now_us) const;

  const TranscoderSettings settings_;
  const std::shared_ptr<media::ArenaReader> source_arena_;
  const media::LogInfo info_;  // of the source, as it was found
  media::LogReader log_;
  std::unique_ptr<media::ArenaWriter> arena_;
  std::unique_ptr<media::ArenaReader> own_;
  PictureLine line_;
  SoundLine sound_;

  bool begun_ = false;
  Wanted wanted_;
  std::optional<media::LogEnd> end_;
  Bytes payload_;
  std::uint64_t skipped_ = 0;
  std::int64_t newest_arrival_us_ = 0;
  std::int64_t last_dts_ = 0;
  std::int64_t busy_us_ = 0;  // of this thread, with what it waited for workers
  std::int64_t measured_busy_us_ = 0;
  std::int64_t measured_media_us_ = 0;
  double speed_ = 0;
};

}  // namespace millrace::transcoding
