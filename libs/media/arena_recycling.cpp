// Which blocks are given back, and when. docs/media-log.md "Recycling" states the rules.
#include <algorithm>

#include "base/clock.hpp"
#include "media/arena_impl.hpp"
#include "media/errors.hpp"

namespace millrace::media {

void ArenaImpl::refresh_pins(std::int64_t now_us) {
  now_us_ = now_us;
  cursors_.oldest_needed(publications_, pins_);
}

Result<std::uint32_t> ArenaImpl::take_blocks(ArenaLog& log, const Purpose& purpose) {
  const auto over_maximum = [&] {
    return log.held_blocks.load(std::memory_order_relaxed) + purpose.count > log.max_blocks;
  };
  if (over_maximum()) refresh_pins(monotonic_us());
  while (over_maximum()) {
    if (!drop_oldest(log)) return fail(media::errors::kNoSpace, "the log's own limit");
  }
  std::optional<std::uint32_t> block = take_free(purpose);
  if (!block) {
    refresh_pins(monotonic_us());
    block = purpose.count > 1 ? reclaim_run(log, purpose) : reclaim_block(log, purpose);
  }
  if (!block) return fail(media::errors::kNoSpace, "no block can be recycled");
  log.held_blocks.fetch_add(purpose.count, std::memory_order_relaxed);
  return *block;
}

std::optional<std::uint32_t> ArenaImpl::take_free(const Purpose& purpose) {
  return purpose.samples ? pool_.take(purpose.count, purpose.after) : pool_.take_last();
}

std::optional<std::uint32_t> ArenaImpl::reclaim_block(ArenaLog& log, const Purpose& purpose) {
  for (const Pins pins : {Pins::kRespect, Pins::kOverride}) {
    while (ArenaLog* victim = most_dated(pins)) {
      if (!drop_oldest(*victim)) break;
      if (const auto block = take_free(purpose)) return block;
    }
    if (log.yields) return std::nullopt;  // nothing that anybody needs is for a slate
    while (ArenaLog* slate = oldest_slate()) {
      give_up(*slate);
      if (const auto block = take_free(purpose)) return block;
    }
  }
  // Nobody has more than was promised: the log goes on in its own oldest block.
  while (drop_oldest(log)) {
    if (const auto block = take_free(purpose)) return block;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> ArenaImpl::reclaim_run(ArenaLog& log, const Purpose& purpose) {
  const bool made = make_run(log, purpose.count, Pins::kRespect, Promises::kKeep) ||
                    make_run(log, purpose.count, Pins::kOverride, Promises::kKeep) ||
                    make_run(log, purpose.count, Pins::kRespect, Promises::kStretch);
  return made ? take_free(purpose) : std::nullopt;
}

// The log that a block is taken from: of those that hold more than was promised to them, the one with the
// oldest samples. So all that borrow keep the same time, whatever their bit rate: playlists and players need
// seconds, not bytes. Ended logs are promised nothing.
ArenaLog* ArenaImpl::most_dated(Pins pins) {
  ArenaLog* found = nullptr;
  std::int64_t found_us = 0;
  for (const auto& log : logs_) {
    if (log == nullptr || !droppable(*log, pins)) continue;
    const auto oldest = oldest_closed(*log);
    const std::int64_t newest_us = oldest == log->data.end() ? log->ended_us : oldest->newest_us;
    if (found != nullptr && newest_us >= found_us) continue;
    found = log.get();
    found_us = newest_us;
  }
  return found;
}

// The stream that has been without its publisher for longest.
ArenaLog* ArenaImpl::oldest_slate() const {
  ArenaLog* found = nullptr;
  for (const auto& log : logs_) {
    if (log == nullptr || !log->live || !log->yields) continue;
    if (found == nullptr || log->began_us < found->began_us) found = log.get();
  }
  return found;
}

// Its writer finds out by the next gap that it writes.
void ArenaImpl::give_up(ArenaLog& slate) {
  slate.live = false;
  slate.ended_us = now_us_;
  slot(slate).ended_us.store(slate.ended_us, std::memory_order_release);
  slot(slate).end.store(static_cast<std::uint32_t>(LogEnd::kNoSpace), std::memory_order_release);
  free_log(slate);
}

bool ArenaImpl::droppable(const ArenaLog& log, Pins pins) const {
  if (log.excess_blocks() == 0) return false;
  const auto oldest = oldest_closed(log);
  const bool none = oldest == log.data.end();
  if (none && log.live) return false;
  if (pins == Pins::kOverride) return true;
  return none ? !needed(log) : !fresh(log) && !pinned(log, oldest->end_sequence);
}

std::deque<Extent>::const_iterator ArenaImpl::oldest_closed(const ArenaLog& log) const {
  const auto end = log.live && !log.data.empty() ? std::prev(log.data.end()) : log.data.end();
  const auto found =
      std::find_if(log.data.begin(), end, [](const Extent& extent) { return extent.open_rooms == 0; });
  return found == end ? log.data.end() : found;
}

// Gives the log's oldest records back, or the rest of an ended log that has none. False when there is nothing
// to give.
bool ArenaImpl::drop_oldest(ArenaLog& log) {
  const auto oldest = oldest_closed(log);
  if (oldest == log.data.end()) {
    if (log.live) return false;
    free_log(log);
    return true;
  }
  if (pinned(log, oldest->end_sequence)) {
    const std::uint64_t first = slot(log).first.load(std::memory_order_relaxed);
    recycled_under_cursor_ +=
        oldest->end_sequence - std::min(oldest->end_sequence, std::max(first, pins_[number_of(log.slot)]));
  }
  sweep(log, oldest->end_sequence);
  return true;
}

// Moves the log's first record on and frees every block that lies before it. The order matters to readers and
// to a successor: first the new beginning, then the generations, then the blocks may be written again.
void ArenaImpl::sweep(ArenaLog& log, std::uint64_t first) {
  LogSlot& shared = slot(log);
  if (first > shared.first.load(std::memory_order_relaxed))
    shared.first.store(first, std::memory_order_release);
  first = shared.first.load(std::memory_order_relaxed);
  const std::size_t filling = log.live && !log.data.empty() ? 1 : 0;
  for (std::size_t i = 0; i + filling < log.data.size();) {
    const Extent extent = log.data[i];
    if (extent.open_rooms > 0) {
      ++i;
      continue;
    }
    if (extent.end_sequence > first) break;
    log.data.erase(log.data.begin() + static_cast<std::ptrdiff_t>(i));
    free_blocks(log, extent.block, extent.count);
  }
  // The index block of the last record stays: a successor finds the log by it. It need not be the newest
  // block.
  const std::uint64_t committed =
      std::max<std::uint64_t>(shared.committed.load(std::memory_order_relaxed), 1);
  const std::uint64_t keep = std::min(first, committed - 1) / view_.geometry().records_per_block();
  while (log.index.size() > 1 && log.first_index < keep) {
    free_blocks(log, log.index.front(), 1);
    log.index.pop_front();
    ++log.first_index;
  }
}

void ArenaImpl::free_blocks(ArenaLog& log, std::uint32_t block, std::uint32_t count) {
  for (std::uint32_t i = block; i < block + count; ++i) {
    view_.generation(i).fetch_add(1, std::memory_order_seq_cst);
  }
  order_generations_before_reuse();
  pool_.give_back(block, count);
  log.held_blocks.fetch_sub(count, std::memory_order_relaxed);
}

// The end of an ended log; its slot keeps the numbers that a new publication of the stream goes on from.
void ArenaImpl::free_log(ArenaLog& log) {
  LogSlot& shared = slot(log);
  shared.version.fetch_add(1);
  shared.used.store(kSlotFree, std::memory_order_release);
  shared.version.fetch_add(1);
  for (const Extent& extent : log.data) free_blocks(log, extent.block, extent.count);
  for (const std::uint32_t block : log.index) free_blocks(log, block, 1);
  free_blocks(log, log.configuration_block, 1);
  publications_[number_of(log.slot)] = kNoPublication;
  logs_[number_of(log.slot)] = nullptr;  // log may be gone now
}

// Which blocks could be freed for the asking log, and at what price: a log's blocks go oldest first, so a
// block costs all that are older than it. No log but the asking one goes below its promise, or (stretched,
// the last resort where blocks are scattered) a quarter below it for as long as it takes to fill again.
std::vector<ArenaImpl::Price> ArenaImpl::prices(const ArenaLog& asking, Pins pins, Promises promises) const {
  std::vector<Price> prices(pool_.size());
  for (const auto& log : logs_) {
    if (log == nullptr) continue;
    if (log->live && log->yields) {
      const std::uint32_t held = log->held_blocks.load(std::memory_order_relaxed);
      for (const std::uint32_t block : log->index) prices[block] = {log.get(), held};
      prices[log->configuration_block] = {log.get(), held};
      continue;
    }
    const std::uint32_t stretch = promises == Promises::kStretch ? log->guaranteed_blocks / 4 : 0;
    const std::uint32_t limit = log.get() == &asking ? log->max_blocks : log->excess_blocks() + stretch;
    std::uint32_t dropped = 0;
    for (auto extent = log->data.begin(); extent != log->data.end(); ++extent) {
      const bool filling = log->live && std::next(extent) == log->data.end();
      if (filling || extent->open_rooms > 0) continue;
      dropped += extent->count;
      if (dropped > limit || (pins == Pins::kRespect && (fresh(*log) || pinned(*log, extent->end_sequence))))
        break;
      std::fill_n(prices.begin() + extent->block, extent->count, Price{log.get(), dropped});
    }
  }
  return prices;
}

std::optional<std::uint32_t> ArenaImpl::cheapest_run(const std::vector<Price>& prices,
                                                     std::uint32_t count) const {
  std::optional<std::uint32_t> best;
  std::uint64_t best_cost = kNoSequence;
  for (std::uint32_t begin = 0; begin + count <= prices.size(); ++begin) {
    std::uint64_t cost = 0;
    for (std::uint32_t i = begin; i < begin + count && cost < best_cost; ++i) {
      if (pool_.is_free(i)) continue;
      if (prices[i].log == nullptr) {
        begin = i;  // no run reaches over this block
        cost = kNoSequence;
        break;
      }
      cost += prices[i].blocks;
    }
    if (cost >= best_cost) continue;
    best_cost = cost;
    best = begin;
  }
  return best;
}

void ArenaImpl::clear(ArenaLog& log, std::uint32_t block) {
  if (log.live && log.yields) return give_up(log);
  while (!pool_.is_free(block) && drop_oldest(log)) {
  }
}

bool ArenaImpl::make_run(ArenaLog& log, std::uint32_t count, Pins pins, Promises promises) {
  const std::vector<Price> found = prices(log, pins, promises);
  const auto begin = cheapest_run(found, count);
  if (!begin) return false;
  for (std::uint32_t i = *begin; i < *begin + count; ++i) {
    if (!pool_.is_free(i)) clear(*found[i].log, i);
  }
  return true;
}

bool ArenaImpl::expired(const ArenaLog& log, const Extent& extent, std::int64_t now_us) const {
  const std::int64_t age_us = now_us - extent.newest_us;
  return age_us > log.pinned_limit_us || (age_us > log.keep_us && !pinned(log, extent.end_sequence));
}

void ArenaImpl::expire(ArenaLog& log, std::int64_t now_us) {
  for (auto oldest = oldest_closed(log); oldest != log.data.end() && expired(log, *oldest, now_us);
       oldest = oldest_closed(log)) {
    drop_oldest(log);
  }
  if (log.live || !log.data.empty()) return;
  const std::int64_t ended_for_us = now_us - log.ended_us;
  const bool needed = pins_[number_of(log.slot)] != kNoSequence && ended_for_us <= log.pinned_limit_us;
  if (ended_for_us > log.keep_us && !needed) free_log(log);
}

void ArenaImpl::maintain(std::int64_t now_us) {
  const std::lock_guard lock(mutex_);
  readers_ = cursors_.drop_dead();
  refresh_pins(now_us);
  for (std::size_t i = 0; i < logs_.size(); ++i) {
    if (const auto log = logs_[i]) expire(*log, now_us);
  }
}

}  // namespace millrace::media
