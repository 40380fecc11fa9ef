// The writer's inside: which log holds which blocks, who is admitted, what is recycled. The state of free and
// held blocks is private memory; the file only receives what readers and a successor need.
//
// One mutex guards the lists of all logs; it is taken when a log changes blocks, not for each sample.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "media/arena_format.hpp"
#include "media/arena_writer.hpp"
#include "media/block_pool.hpp"
#include "media/cursor_table.hpp"
#include "media/shared_file.hpp"

namespace millrace::media {

// Neighbouring blocks that one log fills from the front and gives back together.
struct Extent {
  std::uint32_t block = kNoBlock;
  std::uint32_t count = 0;
  std::uint32_t open_rooms = 0;
  std::uint64_t end_sequence = 0;  // one past the newest record in it; 0 while there is none
  std::int64_t newest_us = 0;      // when that record arrived
};

// What the arena knows of one log, guarded by the arena's mutex but for the atomics.
struct ArenaLog {
  SlotIndex slot{};
  PublicationId publication_id{};
  bool live = true;
  bool yields = false;        // a slate: what it holds is anybody's who needs it
  std::int64_t began_us = 0;  // of a log of this writer
  std::int64_t keep_us = 0;
  std::int64_t pinned_limit_us = 0;
  std::uint32_t guaranteed_blocks = 0;
  std::uint32_t max_blocks = 0;
  std::deque<Extent> data;          // oldest first; of a live log the last one is being filled
  std::deque<std::uint32_t> index;  // blocks; index[0] is number first_index
  std::uint64_t first_index = 0;
  std::uint32_t configuration_block = kNoBlock;
  std::int64_t ended_us = 0;
  StreamContinuation continuation;  // what it went on from; of a log of this writer
  std::atomic<std::uint32_t> held_blocks{0};

  std::uint32_t excess_blocks() const {
    const std::uint32_t held = held_blocks.load(std::memory_order_relaxed);
    const std::uint32_t promised = live ? guaranteed_blocks : 0;
    return held > promised ? held - promised : 0;
  }
};

class ArenaImpl {
 public:
  static Result<std::shared_ptr<ArenaImpl>> open(const ArenaConfig& config);

  const ArenaView& view() const { return view_; }
  LogSlot& slot(const ArenaLog& log) const { return view_.slot(log.slot); }

  Result<std::shared_ptr<ArenaLog>> create_log(const LogDescription& description);
  // Closes the extent that was being filled, gives the promise back and publishes the end.
  void end_log(ArenaLog& log, LogEnd reason, const Extent& current);

  // A new extent of count blocks at the end of log.data; the one that was being filled is closed as `current`
  // says.
  Result<Extent> take_extent(ArenaLog& log, std::uint32_t count, const Extent& current);
  // An index block for the records number * per block and on; published in the ring.
  Result<void> take_index_block(ArenaLog& log, std::uint64_t number);
  // While it is owned the log can't be taken from its writer; not owned: it was (a slate).
  std::unique_lock<std::mutex> hold(const ArenaLog& log) const;
  // A room in an extent that is no longer being filled was committed (end_sequence > 0) or abandoned (0).
  void close_room(ArenaLog& log, std::uint32_t block, std::uint64_t end_sequence, std::int64_t newest_us);
  // The most a sample may have now: a quarter of what the log is promised and what is free.
  std::uint64_t largest_sample(const ArenaLog& log) const;

  StreamContinuation continuation(const LogSeries& series) const;
  void maintain(std::int64_t now_us);
  ArenaStatistics statistics() const;

 private:
  static constexpr std::int64_t kFreshUs = 10'000'000;

  // The arena's file stays open and locked as long as its writer lives: so readers of a deleted one know.
  struct ArenaFile {
    FileDescriptor file;
    SharedMapping mapping;
  };

  ArenaImpl(FileDescriptor lock, ArenaFile arena, const ArenaGeometry& geometry, CursorWatch cursors);

  // arena_takeover.cpp
  static std::optional<ArenaFile> map_existing(const std::string& path, const ArenaGeometry& geometry);
  static Result<ArenaFile> map_or_make(const std::string& path, const ArenaGeometry& geometry, Pages pages);
  void adopt_logs(std::int64_t now_us);

  // arena_recycling.cpp; all with the mutex held.
  enum class Pins { kRespect, kOverride };
  enum class Promises { kKeep, kStretch };
  // What blocks are for: samples behind the block `after`, or one block of index or configurations.
  struct Purpose {
    std::uint32_t count = 1;
    bool samples = false;
    std::uint32_t after = kNoBlock;
  };
  Result<std::uint32_t> take_blocks(ArenaLog& log, const Purpose& purpose);
  std::optional<std::uint32_t> take_free(const Purpose& purpose);
  std::optional<std::uint32_t> reclaim_block(ArenaLog& log, const Purpose& purpose);
  std::optional<std::uint32_t> reclaim_run(ArenaLog& log, const Purpose& purpose);
  ArenaLog* most_dated(Pins pins);
  ArenaLog* oldest_slate() const;
  void give_up(ArenaLog& slate);
  struct Price {
    ArenaLog* log = nullptr;
    std::uint32_t blocks = 0;
  };
  std::vector<Price> prices(const ArenaLog& asking, Pins pins, Promises promises) const;
  std::optional<std::uint32_t> cheapest_run(const std::vector<Price>& prices, std::uint32_t count) const;
  void clear(ArenaLog& log, std::uint32_t block);
  bool make_run(ArenaLog& log, std::uint32_t count, Pins pins, Promises promises);
  bool droppable(const ArenaLog& log, Pins pins) const;
  std::deque<Extent>::const_iterator oldest_closed(const ArenaLog& log) const;
  bool drop_oldest(ArenaLog& log);
  void free_blocks(ArenaLog& log, std::uint32_t block, std::uint32_t count);
  void sweep(ArenaLog& log, std::uint64_t first);
  void free_log(ArenaLog& log);
  bool expired(const ArenaLog& log, const Extent& extent, std::int64_t now_us) const;
  void expire(ArenaLog& log, std::int64_t now_us);
  void refresh_pins(std::int64_t now_us);
  bool pinned(const ArenaLog& log, std::uint64_t end_sequence) const {
    return pins_[number_of(log.slot)] < end_sequence;
  }
  // For what gives way when space is needed, a log that has just ended is needed too: its readers may be on
  // their way (restarted together with the writer), while a stopped one holds on to older logs.
  bool fresh(const ArenaLog& log) const { return !log.live && now_us_ - log.ended_us < kFreshUs; }
  bool needed(const ArenaLog& log) const { return pins_[number_of(log.slot)] != kNoSequence || fresh(log); }
  std::optional<SlotIndex> free_slot(bool for_slate);
  ArenaLog* replaceable(bool for_slate) const;
  void hand_numbers_on(SlotIndex leaving);
  StreamContinuation known_numbers(const LogSeries& series) const;
  StreamContinuation numbers_for(const LogDescription& description) const;
  void name_slot(SlotIndex slot, const std::string& stream_id);
  void fill_slot(LogSlot& slot, const LogDescription& description, const ArenaLog& log);
  void close_current(ArenaLog& log, const Extent& current);

  FileDescriptor lock_;
  ArenaFile arena_;
  ArenaView view_;
  const std::size_t huge_page_bytes_;  // when it was opened

  mutable std::mutex mutex_;
  CursorWatch cursors_;
  BlockPool pool_;
  std::vector<std::shared_ptr<ArenaLog>> logs_;  // by slot; null where the slot is free
  std::vector<PublicationId> publications_;      // by slot; kNoPublication where free
  // The streams that slots name, in use or free. What the slots say themselves counts: a publish that looked
  // at each of thousands would hold all writers up for milliseconds.
  std::vector<std::string> names_;  // by slot; empty: none
  std::unordered_multimap<std::string, SlotIndex> slots_by_name_;
  std::vector<std::uint64_t> pins_;  // by slot, as of the last refresh_pins()
  std::int64_t now_us_ = 0;          // of the last refresh_pins()
  std::uint32_t promised_blocks_ = 0;
  std::uint32_t readers_ = 0;
  std::uint64_t recycled_under_cursor_ = 0;
};

}  // namespace millrace::media
