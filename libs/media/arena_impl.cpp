#include "media/arena_impl.hpp"

#include <algorithm>
#include <cstring>

#include "base/clock.hpp"
#include "base/ids.hpp"

namespace millrace::media {
namespace {

constexpr std::uint64_t kLargestSample = 16ULL << 20;
// A log needs a configuration block, an index block and two to write in turn.
constexpr std::uint32_t kFewestBlocks = 4;

std::uint32_t blocks_for(std::uint64_t bytes, const ArenaGeometry& geometry) {
  const std::uint64_t blocks = (bytes + geometry.block_bytes - 1) / geometry.block_bytes;
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(blocks, kFewestBlocks, kNoBlock));
}

}  // namespace

Result<std::shared_ptr<ArenaLog>> ArenaImpl::create_log(const LogDescription& description) {
  if (!is_valid_id(description.stream_id) || description.publication_id == 0) {
    return fail("media.invalid", "stream or publication id");
  }
  const std::lock_guard guard(mutex_);
  const std::uint32_t guaranteed = blocks_for(description.retention.guaranteed_bytes, view_.geometry());
  if (guaranteed > pool_.size() - promised_blocks_) {
    return fail("media.arena_full", std::to_string(description.retention.guaranteed_bytes) +
                                        " bytes can't be promised to another stream");
  }
  refresh_pins(monotonic_us());
  const auto free = free_slot();
  if (!free) return fail("media.arena_full", "as many streams are live as the arena has slots");
  auto log = std::make_shared<ArenaLog>();
  log->slot = *free;
  log->publication_id = description.publication_id;
  log->keep_us = std::max<std::int64_t>(description.retention.keep_us, 0);
  log->pinned_limit_us = std::max(description.retention.pinned_limit_us, log->keep_us);
  log->guaranteed_blocks = guaranteed;
  log->max_blocks = std::max(blocks_for(description.retention.max_bytes, view_.geometry()), guaranteed);
  Result<std::uint32_t> block = take_blocks(*log, Purpose{});
  if (!block) return fail("media.arena_full", block.error().message);
  log->configuration_block = *block;
  promised_blocks_ += guaranteed;
  fill_slot(view_.slot(*free), description, {*block, view_.generation(*block).load()});
  publications_[*free] = description.publication_id;
  logs_[*free] = log;
  return log;
}

// A free slot, or that of an ended log: one that no reader needs if there is such, the one that ended first.
std::optional<std::uint32_t> ArenaImpl::free_slot() {
  const auto free = std::find(logs_.begin(), logs_.end(), nullptr);
  if (free != logs_.end()) return static_cast<std::uint32_t>(free - logs_.begin());
  const auto rank = [this](const ArenaLog& log) { return std::pair(needed(log), log.ended_us); };
  ArenaLog* oldest = nullptr;
  for (const auto& log : logs_) {
    if (!log->live && (oldest == nullptr || rank(*log) < rank(*oldest))) oldest = log.get();
  }
  if (oldest == nullptr) return std::nullopt;
  const std::uint32_t slot = oldest->slot;
  free_log(*oldest);
  return slot;
}

void ArenaImpl::fill_slot(LogSlot& slot, const LogDescription& description,
                          BlockReference configuration_block) {
  constexpr auto kRelease = std::memory_order_release;
  slot.version.fetch_add(1);
  slot.segment_target_ms.store(description.segment_target_ms, kRelease);
  slot.publication_id.store(description.publication_id, kRelease);
  slot.epoch.store(description.epoch, kRelease);
  slot.started_wall_us.store(description.started_wall_us, kRelease);
  slot.keep_us.store(description.retention.keep_us, kRelease);
  slot.pinned_limit_us.store(description.retention.pinned_limit_us, kRelease);
  std::array<std::uint64_t, 17> words{};
  std::memcpy(words.data(), description.stream_id.data(), description.stream_id.size());
  for (std::size_t i = 0; i < words.size(); ++i) slot.stream_id[i].store(words[i], kRelease);
  slot.configuration_block.store(configuration_block.packed(), kRelease);
  slot.configuration_count.store(0, kRelease);
  slot.max_segment_ms.store(0, kRelease);
  slot.end.store(static_cast<std::uint32_t>(LogEnd::kLive), kRelease);
  slot.last_media_sequence.store(0, kRelease);
  slot.last_discontinuity_sequence.store(0, kRelease);
  slot.ended_us.store(0, kRelease);
  slot.first.store(0, kRelease);
  slot.last_key.store(0, kRelease);
  slot.committed.store(0, kRelease);
  for (auto& entry : slot.ring) entry.store(BlockReference{}.packed(), kRelease);
  slot.used.store(description.is_private ? kSlotPrivate : kSlotUsed, kRelease);
  slot.version.fetch_add(1);
}

void ArenaImpl::close_current(ArenaLog& log, const Extent& current) {
  if (current.block != kNoBlock) log.data.back() = current;
}

void ArenaImpl::end_log(ArenaLog& log, LogEnd reason, const Extent& current) {
  const std::lock_guard guard(mutex_);
  if (!log.live) return;
  close_current(log, current);
  // Nothing is committed after the end: rooms that are still open are given up.
  for (Extent& extent : log.data) extent.open_rooms = 0;
  log.live = false;
  log.ended_us = monotonic_us();
  promised_blocks_ -= log.guaranteed_blocks;
  slot(log).ended_us.store(log.ended_us, std::memory_order_release);
  slot(log).end.store(static_cast<std::uint32_t>(reason), std::memory_order_release);
}

Result<Extent> ArenaImpl::take_extent(ArenaLog& log, std::uint32_t count, const Extent& current) {
  const std::lock_guard guard(mutex_);
  close_current(log, current);
  const std::uint32_t after = log.data.empty() ? kNoBlock : log.data.back().block + log.data.back().count - 1;
  // The closed extent stays protected while room is made: it is the last one of a live log.
  Result<std::uint32_t> block = take_blocks(log, {count, true, after});
  if (!block) return tl::unexpected(block.error());
  Extent extent;
  extent.block = *block;
  extent.count = count;
  log.data.push_back(extent);
  return extent;
}

Result<void> ArenaImpl::take_index_block(ArenaLog& log, std::uint64_t number) {
  const std::lock_guard guard(mutex_);
  if (log.index.empty()) log.first_index = number;
  if (number - log.first_index >= kIndexRing) refresh_pins(monotonic_us());
  while (number - log.first_index >= kIndexRing) {
    if (!drop_oldest(log)) return fail("media.no_space", "the log's index is full");
  }
  Result<std::uint32_t> block = take_blocks(log, Purpose{});
  if (!block) return tl::unexpected(block.error());
  log.index.push_back(*block);
  slot(log).ring[number % kIndexRing].store(BlockReference{*block, view_.generation(*block).load()}.packed(),
                                            std::memory_order_release);
  return {};
}

void ArenaImpl::close_room(ArenaLog& log, std::uint32_t block, std::uint64_t end_sequence,
                           std::int64_t newest_us) {
  const std::lock_guard guard(mutex_);
  const auto extent = std::find_if(log.data.begin(), log.data.end(), [&](const Extent& candidate) {
    return block >= candidate.block && block - candidate.block < candidate.count;
  });
  if (extent == log.data.end() || extent->open_rooms == 0) return;
  --extent->open_rooms;
  extent->end_sequence = std::max(extent->end_sequence, end_sequence);
  extent->newest_us = std::max(extent->newest_us, newest_us);
}

std::uint64_t ArenaImpl::largest_sample(const ArenaLog& log) const {
  const std::lock_guard guard(mutex_);
  const std::uint64_t blocks = (std::uint64_t{log.guaranteed_blocks} + pool_.free_count()) / 4;
  return std::min(std::max<std::uint64_t>(blocks, 1) * view_.geometry().block_bytes, kLargestSample);
}

StreamContinuation ArenaImpl::continuation(const std::string& stream_id) const {
  const std::lock_guard guard(mutex_);
  StreamContinuation found;
  for (std::uint32_t i = 0; i < view_.geometry().max_logs; ++i) {
    const LogSlot& candidate = view_.slot(i);
    const LogInfo info = copy_fields(candidate);
    if (info.stream_id != stream_id || (found.found && info.epoch < found.epoch)) continue;
    StreamContinuation left{true, info.epoch, candidate.last_media_sequence.load(),
                            candidate.last_discontinuity_sequence.load(), info.max_segment_ms};
    if (candidate.used.load() != kSlotFree) {
      const auto last = info.committed > 0 ? view_.record(candidate, info.committed - 1) : std::nullopt;
      if (last) {
        left.last_media_sequence = last->media_sequence;
        left.last_discontinuity_sequence = last->discontinuity_sequence;
      }
    }
    found = left;
  }
  return found;
}

ArenaStatistics ArenaImpl::statistics() const {
  const std::lock_guard guard(mutex_);
  ArenaStatistics statistics{};
  const std::uint64_t block_bytes = view_.geometry().block_bytes;
  statistics.total_bytes = pool_.size() * block_bytes;
  statistics.free_bytes = pool_.free_count() * block_bytes;
  statistics.guaranteed_bytes = promised_blocks_ * block_bytes;
  for (const auto& log : logs_) {
    if (log != nullptr) ++(log->live ? statistics.logs_live : statistics.logs_ended);
  }
  statistics.readers = readers_;
  statistics.records_recycled_under_cursor = recycled_under_cursor_;
  return statistics;
}

}  // namespace millrace::media
