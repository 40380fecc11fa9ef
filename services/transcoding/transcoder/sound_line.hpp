// The source's first sound as AAC-LC, where it is anything else: decoded, encoded and written in a log of its
// own, "a0-aac". Sound that is AAC already is the source's, and players are given that.
//
// Owner: the main thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/result.hpp"
#include "ffmpeg/decoder.hpp"
#include "ffmpeg/sound.hpp"
#include "media/arena_reader.hpp"
#include "media/arena_writer.hpp"
#include "publication/track_format.hpp"
#include "rendition_log.hpp"
#include "sound_times.hpp"

namespace millrace::transcoding {

// Of what is made of a sound of so many channels; 0: not known.
Result<publication::TrackFormat> sound_format(std::uint32_t channels);
std::uint32_t sound_kbps(std::uint32_t channels);

class SoundLine {
 public:
  static constexpr const char* kName = "a0-aac";
  static constexpr std::int64_t kBitsOfChannel = 64'000;

  SoundLine(media::ArenaWriter& arena, media::ArenaReader& own, const media::LogInfo& source,
            std::int64_t keep_us)
      : arena_(arena), own_(own), source_(source), keep_us_(keep_us) {}

  // Of what comes before this segment nothing is written.
  void begin_with(std::uint64_t media_sequence) { first_ = media_sequence; }
  // A record of the sound, with its configuration in the log. payload: a copy.
  Result<void> add(const media::SampleRecord& record, ByteView payload, const media::LogReader& log,
                   const SourceTargets& targets);
  // Records before this one have been read, and come once more.
  void pass_over(std::uint64_t sequence) { begin_record_ = std::max(begin_record_, sequence); }
  // Records are missing before the next one.
  Result<void> interrupt() { return drain(); }
  // There are no more; everything is in the log when it returns.
  Result<void> finish(media::LogEnd reason, const SourceTargets& targets);

  // Null: there is none.
  const RenditionLog* log() const { return log_.get(); }
  std::uint64_t undecodable() const { return undecodable_; }

 private:
  Result<void> change_configuration(std::uint32_t index, const media::LogReader& log);
  Result<void> open(const media::LogReader::Configuration& configuration);
  Result<void> drain();
  Result<void> take_decoded();
  Result<void> write_what_is_done();
  Result<void> leave_out(const Error& error);

  media::ArenaWriter& arena_;
  media::ArenaReader& own_;
  const media::LogInfo source_;
  const std::int64_t keep_us_;

  std::optional<std::uint32_t> configuration_;
  std::optional<std::uint32_t> discontinuity_;
  std::uint32_t timescale_ = 0;
  std::optional<ffmpeg::Decoder> decoder_;  // absent: the sound is passed through
  std::optional<ffmpeg::SoundEncoder> encoder_;
  SoundTimes times_{ffmpeg::SoundEncoder::kSampleRate};
  std::unique_ptr<RenditionLog> log_;
  SourceTargets targets_;
  std::uint64_t first_ = 1;
  std::uint64_t begin_record_ = 0;
  std::uint64_t undecodable_ = 0;
  bool warned_ = false;  // of this configuration
};

}  // namespace millrace::transcoding
