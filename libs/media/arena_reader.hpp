// The reading side of the media log: maps an arena read-only and follows its logs. A reader can't harm the
// writer.
//
// ArenaReader: any thread. LogReader: one thread at a time, each with a cursor of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "media/log.hpp"
#include "media/sample.hpp"

namespace millrace::media {

class ArenaMapping;

class LogReader {
 public:
  struct Sample {
    SampleRecord record;
    // In the arena: valid only as long as LogReader::intact(record) is true afterwards.
    ByteView payload;
    ByteView message;  // prefix and payload: a whole RTMP message
  };
  // At the end of what is committed; the log is live.
  struct Nothing {};
  // At the end, and there will be no more.
  struct Ended {
    LogEnd reason;
  };
  // The cursor's record is gone; the next retained key frame (or the oldest record where there is none) has
  // this sequence.
  struct Lagged {
    std::uint64_t next_key;
  };
  using Read = std::variant<Sample, Nothing, Ended, Lagged>;

  ~LogReader();
  LogReader(LogReader&&) noexcept;
  LogReader& operator=(LogReader&&) noexcept;

  // The record at the cursor; the cursor moves only by seek() and advance().
  Read read() const;
  void advance();
  // The next record read() gives. Records from here on are held back from recycling within the policy's hard
  // limit.
  void seek(std::uint64_t sequence);
  std::uint64_t position() const;
  // Holds records from this sequence on, although the cursor is further (a playlist's window).
  void hold(std::uint64_t sequence);

  // A record anywhere in the retained range; nullopt when it is gone or not committed yet.
  std::optional<Sample> at(std::uint64_t sequence) const;
  // After using the bytes in place (or copying them): were they still the record's? If so, those of every
  // later record were theirs too: who uses a run of records asks for the first one.
  bool intact(const SampleRecord& record) const;

  // The newest committed key frame of the video track (or newest record if the log has no video, or
  // its configuration and sound alone for the last 64 records).
  std::optional<std::uint64_t> newest_key() const;

  LogInfo info() const;
  // Of the newest 16 of the log, retained or not; nullopt: it has no sample of it yet, or had it
  // long ago.
  std::optional<TimelineBeginning> timeline(std::uint32_t discontinuity_sequence) const;
  struct Configuration {
    TrackConfiguration description;
    Bytes bytes;    // avcC, AudioSpecificConfig, …
    Bytes message;  // prefix and bytes
  };
  std::optional<Configuration> configuration(std::uint32_t index) const;
  std::uint32_t configuration_count() const;

 private:
  friend class ArenaReader;
  struct State;
  explicit LogReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class ArenaReader {
 public:
  // reader: who this is, for millrace-log ("packaging"). "media.not_found" while no writer has made the arena
  // yet; "media.no_cursors" when the cursor file beside it is gone.
  static Result<std::unique_ptr<ArenaReader>> open(const std::string& directory, const std::string& name,
                                                   const std::string& reader);
  ~ArenaReader();

  // The arena's.
  const std::string& name() const;
  // All logs, live and ended, that are still in the arena, as comes_before() has them. Who serves or keeps a
  // stream selects by role: a stream's source and its renditions stand here side by side.
  std::vector<LogInfo> logs() const;
  std::vector<LogInfo> logs(LogRole role) const;
  // With a registered cursor at sequence (clamped to the oldest retained record). "media.not_found": the slot
  // holds another publication by now. "media.too_many_readers": the cursor table is full.
  Result<LogReader> open_log(SlotIndex slot, PublicationId publication_id, std::uint64_t sequence);
  // False once the writer has replaced the file (other geometry) or somebody has deleted it: open again. One
  // stat().
  bool current() const;
  // Nobody writes to it any more, nor ever will: a writer has said so in the file or put another one in its
  // place, or the file was deleted and its writer has died. Live logs in it have ended.
  bool over() const;

 private:
  explicit ArenaReader(std::shared_ptr<ArenaMapping> mapping);
  std::shared_ptr<ArenaMapping> mapping_;
};

}  // namespace millrace::media
