// The log of one rendition of one publication: begun with the first segment that it gets, in the child's own
// arena. Owner: its worker's thread; only the counters may be read on others.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "ffmpeg/coded.hpp"
#include "media/arena_reader.hpp"
#include "media/arena_writer.hpp"
#include "media/log.hpp"
#include "publication/writer.hpp"
#include "rendition_times.hpp"
#include "source_note.hpp"

namespace millrace::transcoding {

// What a predecessor has left in the arena of a rendition of this publication.
struct Inheritance {
  std::uint32_t incarnation = 1;             // of the next writer
  std::uint64_t media_sequence = 0;          // the last segment that was begun; 0: none
  std::uint32_t discontinuity_sequence = 0;  // of that segment
  Bytes configuration;                       // the last one; empty: none
};

// name: of a rendition. Of the logs that were made of this publication.
Inheritance inheritance_of(media::ArenaReader& arena, PublicationId origin, const std::string& name);

class RenditionLog {
 public:
  struct Counters {
    std::atomic<std::uint64_t> samples{0};
    std::atomic<std::uint64_t> bytes{0};
  };

  RenditionLog(media::ArenaWriter& arena, const media::LogInfo& source, std::string name,
               Inheritance inheritance, std::int64_t keep_us);

  // Nothing is written before the first segment that no predecessor has begun. Where the parameter sets are
  // others than the predecessor's, nothing before the source's next discontinuity behind what the
  // predecessor wrote, which may have passed: players have those.
  bool takes(const SourceNote& note) const;
  // What the samples from here on are.
  Result<void> configure(publication::TrackFormat format, std::uint32_t peak_kbps);
  // dts: the encoder's. Precondition: configure, with success.
  Result<void> write(const ffmpeg::CodedSample& coded, const SourceNote& note, std::int64_t dts, bool key);
  // targets: of the source as it ended. Only the first time; nothing may be written after it.
  void finish(media::LogEnd reason, const SourceTargets& targets);
  bool ended() const { return ended_; }

  const std::string& name() const { return name_; }
  const Counters& counters() const { return counters_; }

 private:
  Result<void> begin(const SourceNote& first);
  bool may_differ_at(const SourceNote& note) const;
  void store_targets(const SourceTargets& targets);

  media::ArenaWriter& arena_;
  const media::LogInfo source_;
  const std::string name_;
  const Inheritance inheritance_;
  const std::int64_t keep_us_;
  std::uint32_t kbps_ = 0;
  std::optional<publication::TrackFormat> format_;  // of the pictures from here on
  std::optional<publication::Writer> writer_;
  std::optional<RenditionTimes> times_;
  bool targets_told_ = false;
  bool differs_ = false;  // from the predecessor's configuration
  bool ended_ = false;
  Counters counters_;
};

}  // namespace millrace::transcoding
