// The writing side of the media log: one arena (a file in tmpfs) per writing process, many logs in it.
//
// ArenaWriter: any thread. LogWriter: one thread at a time; logs of an arena may be written by different
// threads. docs/media-log.md has the format, the guarantees and the failure cases.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "base/publication_ids.hpp"
#include "base/result.hpp"
#include "base/wall_time.hpp"
#include "media/log.hpp"
#include "media/sample.hpp"

namespace millrace::media {

struct ArenaConfig {
  std::string directory;  // MEDIA_LOG_DIR, a tmpfs; made (0700) if missing
  std::string name;       // "ingest": files <directory>/<name>.arena and <name>.cursors
  std::uint64_t bytes = 512ULL << 20;
  std::uint32_t block_bytes = 256U << 10;
  std::uint32_t max_logs = 1024;
  bool huge_pages = true;  // where the kernel gives them
};

// How much of the past a log keeps.
struct RetentionPolicy {
  std::int64_t keep_us = 60'000'000;           // recycled when older than this and no cursor needs it
  std::int64_t pinned_limit_us = 120'000'000;  // a cursor holds records back no longer; more for kept targets
  // A log is admitted only if this much can be kept for it for good.
  std::uint64_t guaranteed_bytes = 8ULL << 20;
  std::uint64_t max_bytes = 256ULL << 20;  // borrowed from free blocks, given back when a new log needs them
};

struct LogDescription {
  std::string stream_id;  // valid by is_valid_id
  LogRole role = LogRole::kSource;
  std::string rendition;  // fits_role
  PublicationId publication_id{};
  // Of the source that a rendition or a mirror is made from, or that a slate stands in for, which has to be
  // named; 0: the log itself.
  PublicationId origin_publication_id{};
  std::uint32_t incarnation = 0;   // of a rendition's or a slate's writer
  std::uint64_t clock_domain = 0;  // of the records' origin_arrival_us; 0: this machine's
  Epoch epoch{};                   // raised above those of the series' earlier logs
  WallTime started_wall;
  // Those of the series' retained logs count where there are any.
  std::uint32_t segment_target_ms = 2000;
  std::uint32_t part_target_us = 0;  // 0: no parts, or to be fixed (LogWriter::set_part_target_us)
  bool is_private = false;           // readers that serve strangers must not serve it
  RetentionPolicy retention;
  // Of the first record; at most kMostSequence. A mirror has its origin's.
  std::uint64_t first_sequence = 0;
  // What lies before the first record's numbers, where the writer brings these along: renditions and mirrors
  // have their origin's. Counts instead of what the arena knows, and with the description's epoch as it is.
  // Its targets count where its target duration is fixed, else those of the series' retained logs or of this
  // description; the first dependent segment is the earlier of its own and the retained logs'.
  std::optional<StreamContinuation> numbers;
};

struct ArenaStatistics {
  std::uint64_t total_bytes, free_bytes, guaranteed_bytes;
  std::uint32_t logs_live, logs_ended, readers;
  std::uint64_t records_recycled_under_cursor;  // a pinned reader went over the hard limit
  std::uint64_t huge_page_bytes;  // of the arena's file, as its writer mapped it when it was opened
  std::uint64_t page_bytes;       // what most of it is mapped by
};

class ArenaImpl;

class LogWriter {
 public:
  // Contiguous room for one RTMP message: prefix bytes for the chunk header, then the message body.
  // Valid until committed, abandoned or the log ends. Several may be open at once (interleaved chunk
  // streams).
  struct Room {
    std::uint8_t* data = nullptr;  // prefix_room + body_size writable bytes
    std::uint32_t prefix_room = 0;
    std::uint32_t body_size = 0;
    std::uint32_t block = 0, generation = 0, offset = 0;  // where data is
    std::uint64_t end = 0;                                // bytes reserved in this log up to the room's end
  };
  static constexpr std::uint32_t kPrefixRoom = 16;  // an RTMP type 0 chunk header with extended timestamp

  ~LogWriter();  // ends the log as kDisconnected if it is still live
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // "media.no_space": not even by recycling the oldest records of this log. "media.too_large": beyond the
  // arena's largest sample (16 MiB or a quarter of guaranteed+free, whichever is less). prefix_room: with
  // exactly the size of the header that will be written, messages lie back to back and a player is sent many
  // of them as one region.
  Result<Room> reserve(std::uint32_t body_size, std::uint32_t prefix_room = kPrefixRoom);
  void abandon(const Room& room);
  // So much was written behind the open room that it holds back more of the log than half of what is
  // guaranteed: the caller is to abandon it.
  bool overtaken(const Room& room) const;

  // Appends the record. The caller has filled [prefix | body]; record says where in the room the codec
  // payload begins: payload_begin is counted from room.data, prefix_size bytes before it are the header,
  // payload ends with the room. The caller fills the time, segment and part number, track, flags and
  // configuration fields of record; sequence, block, generation, offset, size and prefix_size are set here.
  // Returns the record's sequence: the description's first_sequence, then one more each. A release store
  // publishes it.
  std::uint64_t commit(const Room& room, std::uint32_t payload_begin, std::uint8_t prefix_size,
                       SampleRecord record);

  // Appends a gap (kSampleGap), which needs no room. Errors: as reserve.
  Result<std::uint64_t> commit_gap(SampleRecord record);

  // Adds a configuration; description.index and prefix_size/size are set here. bytes = prefix +
  // configuration. Of a track that had the same configuration before it gives that one's index.
  // "media.too_many_configurations": the configuration area is full (1024 entries or one block).
  Result<std::uint32_t> add_configuration(TrackConfiguration description, ByteView prefix, ByteView bytes);

  // Timeline::target_duration_s, once it is fixed and before the record that begins the second segment is
  // committed: whoever sees a whole segment sees it.
  void set_target_duration_s(std::uint32_t seconds);
  // Timeline::part_target_us, right before that: whoever sees the target duration sees it.
  void set_part_target_us(std::uint32_t target_us);

  // No more records. Retained records stay readable until their time is over.
  void end(LogEnd reason);

  // What the log goes on from; its own segment target. A part target counts with a target duration only.
  const StreamContinuation& continuation() const;
  std::uint64_t committed() const;
  SlotIndex slot() const;
  std::uint64_t held_bytes() const;
  // The arena's memory, for serving players of the writing process from it: same pointers as readers compute.
  const std::uint8_t* block_data(std::uint32_t block) const;

 private:
  friend class ArenaWriter;
  struct State;
  explicit LogWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class ArenaWriter {
 public:
  // Reserves the whole arena (posix_fallocate) or takes over an existing one of the same geometry after its
  // writer died: live logs are ended as kWriterLost, every committed record stays readable. Errors:
  // "media.in_use" (another live writer), "media.no_space" (tmpfs too small), "media.io".
  static Result<std::unique_ptr<ArenaWriter>> open(const ArenaConfig& config);
  ~ArenaWriter();

  // "media.arena_full": the guaranteed bytes can't be promised, or all slots are taken; nobody else is
  // affected. "media.invalid": the description is of no log there could be.
  Result<std::unique_ptr<LogWriter>> create_log(const LogDescription& description);
  // What a log of the series would go on from, unless it brings its numbers along.
  StreamContinuation continuation(const LogSeries& series) const;

  // Drops cursors of dead readers and frees ended logs and old blocks by time; call about once a second.
  void maintain(std::int64_t monotonic_us);
  ArenaStatistics statistics() const;

 private:
  explicit ArenaWriter(std::shared_ptr<ArenaImpl> impl);
  std::shared_ptr<ArenaImpl> impl_;
};

}  // namespace millrace::media
