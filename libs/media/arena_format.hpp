// The arena file as it lies in memory; docs/media-log.md describes it. Shared by the writer (which maps it
// writable) and the readers (read-only). Every word that changes while others look is an atomic.
//
//   header | slots (one per log) | a generation per block | blocks
//
// Everything a reader finds here may be damaged or about to be overwritten: whatever is used as a place or a
// length is bounded first, and whatever was copied counts only if the block's generation is still the same
// after the copy.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "base/result.hpp"
#include "media/arena_writer.hpp"
#include "media/log.hpp"
#include "media/sample.hpp"
#include "media/shared_file.hpp"

namespace millrace::media {

inline constexpr std::uint64_t kArenaMagic = 0x31474F4C41444D4DULL;  // identifies the file and its byte order
inline constexpr std::uint32_t kArenaVersion = 7;
inline constexpr std::size_t kArenaHeaderBytes = 4096;
inline constexpr std::uint32_t kIndexRing = 256;  // index blocks a log can have at a time
inline constexpr std::uint32_t kMaxConfigurations = 1024;
inline constexpr std::uint32_t kSlotTimelines = 16;  // the newest of a log
inline constexpr std::uint32_t kNoBlock = 0xFFFFFFFF;

struct ArenaHeader {
  std::atomic<std::uint64_t> magic;
  std::atomic<std::uint32_t> version;
  std::atomic<std::uint32_t> block_bytes;
  std::atomic<std::uint32_t> block_count;
  std::atomic<std::uint32_t> max_logs;
  std::atomic<std::uint64_t> boot_id;  // of the writing process; changes at a takeover
  std::atomic<std::uint32_t> retired;  // 1: a new file has taken this one's name
};

// A place in the arena that readers can check: the block and the generation it had.
struct BlockReference {
  std::uint32_t block = kNoBlock;
  std::uint32_t generation = 0;

  std::uint64_t packed() const { return (std::uint64_t{generation} << 32) | block; }
  static BlockReference unpack(std::uint64_t packed) {
    return {static_cast<std::uint32_t>(packed), static_cast<std::uint32_t>(packed >> 32)};
  }
};

// LogSlot::used.
inline constexpr std::uint32_t kSlotFree = 0;
inline constexpr std::uint32_t kSlotUsed = 1;
inline constexpr std::uint32_t kSlotPrivate = 3;  // used, and nothing for strangers

// TimelineBeginning, in the place that its discontinuity sequence modulo their number says.
struct SlotTimeline {
  std::atomic<std::uint32_t> discontinuity_sequence;  // 0: none, or the others are being changed
  std::atomic<std::uint32_t> reserved;
  std::atomic<std::uint64_t> media_sequence;
  std::atomic<std::int64_t> time_us;
  std::atomic<std::int64_t> wall_us;
};

// A log. version is odd while the slot is given to another log; who copies fields compares it before and
// after. Fields up to configuration_block are constant while the log exists, but for part_target_us, which is
// stored before target_duration_s.
struct alignas(64) LogSlot {  // NOLINT(clang-analyzer-optin.performance.Padding): lines of their own
  std::atomic<std::uint64_t> version;
  // kSlotFree: the series and the numbers of the last log stay, the series goes on from them.
  std::atomic<std::uint32_t> used;
  std::atomic<std::uint32_t> role;  // LogRole
  std::atomic<std::uint32_t> incarnation;
  std::atomic<std::uint32_t> segment_target_ms;
  std::atomic<std::uint32_t> part_target_us;
  std::atomic<std::uint32_t> reserved;
  std::atomic<std::uint64_t> publication_id;
  std::atomic<std::uint64_t> origin_publication_id;
  std::atomic<std::uint64_t> epoch;
  std::atomic<std::uint64_t> clock_domain;
  std::atomic<std::uint64_t> first_sequence;
  std::atomic<std::int64_t> started_wall_us;
  std::atomic<std::int64_t> keep_us;
  std::atomic<std::int64_t> pinned_limit_us;
  std::array<std::atomic<std::uint64_t>, 17> stream_id;  // zero-terminated, at most kMaxStreamIdLength
  std::array<std::atomic<std::uint64_t>, 4> rendition;   // zero-terminated, at most kMaxRenditionLength
  std::atomic<std::uint64_t> configuration_block;        // a packed BlockReference

  std::atomic<std::uint32_t> configuration_count;  // published by a release store
  std::atomic<std::uint32_t> target_duration_s;    // 0: not fixed yet
  std::atomic<std::uint32_t> end;                  // LogEnd; stored after the last commit
  // Of the newest record, stored before that counts; before the first record: where the log goes on from.
  // Never 0 and never behind what any reader has seen.
  std::atomic<std::uint32_t> last_discontinuity_sequence;
  std::atomic<std::uint64_t> last_media_sequence;
  // The stream's first segment that begins without a whole picture, of all retained logs up to this one; 0:
  // none. Stored before its record counts.
  std::atomic<std::uint64_t> first_dependent_segment;
  std::atomic<std::int64_t> clock_offset_us;  // as LogInfo has it; stored before its first record counts
  std::atomic<std::int64_t> ended_us;         // CLOCK_MONOTONIC
  std::atomic<std::uint64_t> first;           // stored before the blocks of what lies before it are reused
  std::atomic<std::uint64_t> last_key;        // sequence + 1 of the newest key frame of video; 0 if none
  // Where its newest timelines begin, also when their first records have gone.
  std::array<SlotTimeline, kSlotTimelines> timelines;
  alignas(64) std::atomic<std::uint64_t> committed;  // published by a release store
  // The index block number n (records n * per block and on) is ring[n % kIndexRing], a packed BlockReference.
  alignas(64) std::array<std::atomic<std::uint64_t>, kIndexRing> ring;
};
static_assert(sizeof(LogSlot) <= 4096);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free &&
              std::atomic<std::uint32_t>::is_always_lock_free);

// An entry of a log's configuration block. Entries grow from the block's front, bytes (prefix, configuration)
// from its end; offset is that of the configuration.
struct ConfigurationEntry {
  TrackConfiguration description;
  std::uint32_t offset;
  std::uint32_t reserved;
};
static_assert(sizeof(ConfigurationEntry) == 136);

struct ArenaGeometry {
  std::uint32_t block_bytes = 0;
  std::uint32_t block_count = 0;
  std::uint32_t max_logs = 0;

  // As many blocks as fit in the configured size; "media.geometry" when that is out of range.
  static Result<ArenaGeometry> of(const ArenaConfig& config);
  bool plausible() const;
  std::uint64_t generations_offset() const;
  std::uint64_t blocks_offset() const;
  std::uint64_t file_bytes() const;
  std::uint32_t records_per_block() const { return block_bytes / sizeof(SampleRecord); }
  bool operator==(const ArenaGeometry&) const = default;
};

// Shared memory holds these as words, so that copying one that changes meanwhile is defined (and useless,
// which the generation tells). Acquire and release on each word order them against the generation without a
// fence.
template <class Value>
using Words = std::array<std::uint64_t, sizeof(Value) / sizeof(std::uint64_t)>;

template <class Value>
void store_words(std::uint8_t* place, const Value& value) {
  static_assert(std::is_trivially_copyable_v<Value> && sizeof(Words<Value>) == sizeof(Value));
  const auto words = std::bit_cast<Words<Value>>(value);
  auto* const shared = reinterpret_cast<std::uint64_t*>(place);
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (std::atomic_ref<std::uint64_t>(shared[I]).store(words[I], std::memory_order_release), ...);
  }
  (std::make_index_sequence<words.size()>());
}

template <class Value>
void load_words(const std::uint8_t* place, Value& value) {
  static_assert(std::is_trivially_copyable_v<Value> && sizeof(Words<Value>) == sizeof(Value));
  // atomic_ref has no const form here; a load does not write.
  auto* const shared = reinterpret_cast<std::uint64_t*>(const_cast<std::uint8_t*>(place));
  auto* const bytes = reinterpret_cast<std::uint8_t*>(&value);
  const auto load = [&](std::size_t i) {
    const std::uint64_t word = std::atomic_ref<std::uint64_t>(shared[i]).load(std::memory_order_acquire);
    std::memcpy(bytes + i * sizeof(word), &word, sizeof(word));
  };
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (load(I), ...);
  }
  (std::make_index_sequence<std::tuple_size_v<Words<Value>>>());
}

// Between using bytes of a block and asking whether it still is the one it was. The bytes themselves are not
// atomics: they are also read by the kernel, in place. TSan knows no fences, and sees each mapping as memory
// of its own.
inline void order_reads_before_check() {
#if !defined(__SANITIZE_THREAD__)
  std::atomic_thread_fence(std::memory_order_acquire);
#endif
}

// Between changing a block's generation and writing to the block: a store to it must not be seen first. Where
// a read-modify-write is a pair of instructions its own order does not say so.
inline void order_generations_before_reuse() {
#if !defined(__SANITIZE_THREAD__)
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

// The geometry that a file's header states, if the file has the size for it: "media.damaged".
Result<ArenaGeometry> read_geometry(const FileDescriptor& file);

// A mapped arena, by geometry. Const for readers: nothing here writes.
class ArenaView {
 public:
  ArenaView() = default;
  ArenaView(std::uint8_t* base, const ArenaGeometry& geometry) : base_(base), geometry_(geometry) {}

  const ArenaGeometry& geometry() const { return geometry_; }
  ArenaHeader& header() const { return *reinterpret_cast<ArenaHeader*>(base_); }
  // Preconditions: index < max_logs, block < block_count.
  LogSlot& slot(SlotIndex index) const {
    return reinterpret_cast<LogSlot*>(base_ + kArenaHeaderBytes)[number_of(index)];
  }
  std::atomic<std::uint32_t>& generation(std::uint32_t block) const {
    return reinterpret_cast<std::atomic<std::uint32_t>*>(base_ + geometry_.generations_offset())[block];
  }
  std::uint8_t* block(std::uint32_t block) const {
    return base_ + geometry_.blocks_offset() + std::uint64_t{block} * geometry_.block_bytes;
  }
  // False also for a block that is out of range.
  bool holds(BlockReference reference) const {
    return reference.block < geometry_.block_count &&
           generation(reference.block).load(std::memory_order_acquire) == reference.generation;
  }

  // The record, if its index block is still this log's and the record's place is inside the arena.
  std::optional<SampleRecord> record(const LogSlot& slot, std::uint64_t sequence) const;
  // The slot's fields, if they stayed the same during the copy and the slot is in use.
  std::optional<LogInfo> info(SlotIndex slot) const;
  std::optional<ConfigurationEntry> configuration(const LogSlot& slot, std::uint32_t index) const;
  static std::optional<TimelineBeginning> timeline(const LogSlot& slot, std::uint32_t discontinuity_sequence);

 private:
  std::uint8_t* base_ = nullptr;
  ArenaGeometry geometry_;
};

// The same fields, in use or free (a free slot still tells what its last log left). Bounds the texts only.
LogInfo copy_fields(const LogSlot& slot);

std::string arena_path(const std::string& directory, const std::string& name);
std::string cursors_path(const std::string& directory, const std::string& name);
std::string lock_path(const std::string& directory, const std::string& name);

}  // namespace millrace::media
