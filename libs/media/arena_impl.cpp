#include "media/arena_impl.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "media/errors.hpp"
#include "media/segment_rule.hpp"

namespace millrace::media {
namespace {

constexpr std::uint64_t kLargestSample = 16ULL << 20;
// A log needs a configuration block, an index block and two to write in turn.
constexpr std::uint32_t kFewestBlocks = 4;
constexpr std::uint32_t kMostTargetSeconds = 3600;
constexpr std::uint32_t kMostPartUs = 60'000'000;

// Playlists of a target duration that is kept need the records for as long as ever, whatever the
// configuration says by now.
std::int64_t pinned_limit_us(const RetentionPolicy& retention, const StreamContinuation& going_on) {
  if (going_on.target_duration_s == 0) return retention.pinned_limit_us;
  const std::int64_t target_us = std::max(std::int64_t{going_on.segment_target_ms} * 1000,
                                          std::int64_t{going_on.target_duration_s} * 1'000'000);
  return std::max(retention.pinned_limit_us, kRetainedTargets * target_us);
}

// Either may be 0, none, or out of a damaged slot.
std::uint64_t earlier_segment(std::uint64_t known, std::uint64_t told) {
  if (told == 0 || told > kMostMediaSequence) return known;
  return known == 0 ? told : std::min(known, told);
}

std::uint32_t blocks_for(std::uint64_t bytes, const ArenaGeometry& geometry) {
  const std::uint64_t blocks = (bytes + geometry.block_bytes - 1) / geometry.block_bytes;
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(blocks, kFewestBlocks, kNoBlock));
}

// A log of a stream's copies has to say what it is a copy of, a slate what it stands in for.
bool needs_origin(LogRole role) {
  return role == LogRole::kRendition || role == LogRole::kMirror || role == LogRole::kSlate;
}

bool are_possible(const StreamContinuation& numbers) {
  return numbers.last_media_sequence > 0 && numbers.last_media_sequence <= kMostMediaSequence &&
         numbers.last_discontinuity_sequence <= kMostDiscontinuity &&
         numbers.segment_target_ms <= kMostTargetSeconds * 1000 &&
         numbers.target_duration_s <= kMostTargetSeconds && numbers.part_target_us <= kMostPartUs;
}

Result<void> check(const LogDescription& description) {
  if (!is_valid_id(description.stream_id) || description.publication_id == kNoPublication)
    return fail("media.invalid", "stream or publication id");
  if (!fits_role(description.role, description.rendition))
    return fail("media.invalid", "the role, or a rendition's name that does not fit it");
  if (needs_origin(description.role) && description.origin_publication_id == kNoPublication)
    return fail("media.invalid", "a rendition or mirror without its origin");
  if (description.epoch > kMostEpoch || description.first_sequence > kMostSequence ||
      (description.numbers && !are_possible(*description.numbers)))
    return fail("media.invalid", "numbers that no log has");
  return {};
}

template <std::size_t Words>
void store_text(std::array<std::atomic<std::uint64_t>, Words>& place, std::string_view text) {
  std::array<std::uint64_t, Words> words{};
  std::memcpy(words.data(), text.data(), text.size());
  for (std::size_t i = Words; i-- > 0;) place[i].store(words[i], std::memory_order_release);
}

void fill_identity(LogSlot& slot, const LogDescription& description) {
  constexpr auto kRelease = std::memory_order_release;
  const bool named = description.origin_publication_id != kNoPublication;
  const PublicationId origin = named ? description.origin_publication_id : description.publication_id;
  const std::uint64_t domain = description.clock_domain;
  slot.role.store(static_cast<std::uint32_t>(description.role), kRelease);
  store_text(slot.rendition, description.rendition);
  slot.publication_id.store(number_of(description.publication_id), kRelease);
  slot.origin_publication_id.store(number_of(origin), kRelease);
  slot.incarnation.store(description.incarnation, kRelease);
  slot.clock_domain.store(domain != 0 ? domain : local_clock_domain(), kRelease);
}

// Numbers and a fixed target duration are the origin's. Where that has fixed none, the targets are those of
// the series' retained logs, else the description's; and a dependent segment of a retained log stays one.
StreamContinuation brought_numbers(const LogDescription& description, const StreamContinuation& known) {
  StreamContinuation brought = *description.numbers;
  brought.epoch = description.epoch;
  brought.first_dependent_segment =
      earlier_segment(known.first_dependent_segment, brought.first_dependent_segment);
  if (brought.target_duration_s != 0) return brought;
  const bool kept = known.target_duration_s != 0;
  brought.target_duration_s = known.target_duration_s;
  brought.segment_target_ms = kept ? known.segment_target_ms : description.segment_target_ms;
  brought.part_target_us = kept ? known.part_target_us : description.part_target_us;
  return brought;
}

}  // namespace

// What the log goes on from; its own epoch and targets.
StreamContinuation ArenaImpl::numbers_for(const LogDescription& description) const {
  StreamContinuation going_on =
      known_numbers({description.stream_id, description.role, description.rendition});
  if (description.numbers) return brought_numbers(description, going_on);
  const Epoch epoch = std::max(description.epoch, going_on.found ? next(going_on.epoch) : kNoEpoch);
  if (!going_on.found) going_on = first_numbers(description.started_wall, epoch);
  going_on.epoch = epoch;
  if (going_on.target_duration_s == 0) {
    going_on.segment_target_ms = description.segment_target_ms;
    going_on.part_target_us = description.part_target_us;
  }
  return going_on;
}

Result<std::shared_ptr<ArenaLog>> ArenaImpl::create_log(const LogDescription& description) {
  if (const Result<void> valid = check(description); !valid) return tl::unexpected(valid.error());
  const std::lock_guard guard(mutex_);
  const bool slate = description.role == LogRole::kSlate;
  const std::uint32_t guaranteed =
      slate ? 0 : blocks_for(description.retention.guaranteed_bytes, view_.geometry());
  if (guaranteed > pool_.size() - promised_blocks_) {
    return fail("media.arena_full", std::to_string(description.retention.guaranteed_bytes) +
                                        " bytes can't be promised to another stream");
  }
  // Before a slot is taken: that may be the one which knows.
  const StreamContinuation going_on = numbers_for(description);
  refresh_pins(monotonic_us());
  const auto free = free_slot(slate);
  if (!free) return fail("media.arena_full", "as many streams are live as the arena has slots");
  hand_numbers_on(*free);
  auto log = std::make_shared<ArenaLog>();
  log->slot = *free;
  log->yields = slate;
  log->began_us = now_us_;
  log->continuation = going_on;
  log->publication_id = description.publication_id;
  log->keep_us = std::max<std::int64_t>(description.retention.keep_us, 0);
  log->pinned_limit_us = std::max(pinned_limit_us(description.retention, going_on), log->keep_us);
  log->guaranteed_blocks = guaranteed;
  log->max_blocks = std::max(blocks_for(description.retention.max_bytes, view_.geometry()), guaranteed);
  Result<std::uint32_t> block = take_blocks(*log, Purpose{});
  if (!block) return fail("media.arena_full", block.error().message);
  log->configuration_block = *block;
  promised_blocks_ += guaranteed;
  fill_slot(view_.slot(*free), description, *log);
  name_slot(*free, description.stream_id);
  publications_[number_of(*free)] = description.publication_id;
  logs_[number_of(*free)] = log;
  return log;
}

// A free slot, the one whose log ended first: it knows of a stream that has been gone for longest. Or that of
// another log.
std::optional<SlotIndex> ArenaImpl::free_slot(bool for_slate) {
  std::optional<SlotIndex> free;
  std::int64_t free_since = 0;
  for (std::uint32_t i = 0; i < logs_.size(); ++i) {
    const std::int64_t ended_us = logs_[i] == nullptr ? view_.slot(SlotIndex{i}).ended_us.load() : 0;
    if (logs_[i] != nullptr || (free && ended_us >= free_since)) continue;
    free = SlotIndex{i};
    free_since = ended_us;
  }
  if (free) return free;
  ArenaLog* const other = replaceable(for_slate);
  if (other == nullptr) return std::nullopt;
  const SlotIndex slot = other->slot;
  if (other->live) {
    give_up(*other);
  } else {
    free_log(*other);
  }
  return slot;
}

// While all slots are in use: the log that ended first and that no reader needs. Where there is none a slate
// has no place; of the others a slate goes, then the log that ended first.
ArenaLog* ArenaImpl::replaceable(bool for_slate) const {
  const auto rank = [this](const ArenaLog& log) { return std::pair(needed(log), log.ended_us); };
  ArenaLog* oldest = nullptr;
  for (const auto& log : logs_) {
    if (!log->live && (oldest == nullptr || rank(*log) < rank(*oldest))) oldest = log.get();
  }
  if (oldest != nullptr && !needed(*oldest)) return oldest;
  if (for_slate) return nullptr;
  ArenaLog* const slate = oldest_slate();
  return slate != nullptr ? slate : oldest;
}

// A slate may lose its slot before the log that it went on from does: the stream's numbers don't step back.
void ArenaImpl::hand_numbers_on(SlotIndex leaving) {
  const LogSlot& from = view_.slot(leaving);
  const LogInfo info = copy_fields(from);
  const std::uint64_t media = from.last_media_sequence.load();
  const std::uint32_t discontinuity = from.last_discontinuity_sequence.load();
  if (info.role != LogRole::kSlate || media > kMostMediaSequence || discontinuity > kMostDiscontinuity)
    return;
  const auto [begin, end] = slots_by_name_.equal_range(names_[number_of(leaving)]);
  for (auto named = begin; named != end; ++named) {
    const auto& other = logs_[number_of(named->second)];
    LogSlot& to = view_.slot(named->second);
    if (named->second == leaving || (other != nullptr && other->live)) continue;
    if (!share_numbers(copy_fields(to).series(), info.series())) continue;
    to.last_media_sequence.store(std::max(media, to.last_media_sequence.load()), std::memory_order_release);
    to.last_discontinuity_sequence.store(std::max(discontinuity, to.last_discontinuity_sequence.load()),
                                         std::memory_order_release);
  }
}

// The order is for a successor, should the writer die in the middle: while the slot names a stream, role,
// rendition and the numbers in it are of a log of that stream. Its name goes with the first word and comes
// back with it.
void ArenaImpl::fill_slot(LogSlot& slot, const LogDescription& description, const ArenaLog& log) {
  constexpr auto kRelease = std::memory_order_release;
  slot.version.fetch_add(1);
  for (auto& word : slot.stream_id) word.store(0, kRelease);
  slot.last_media_sequence.store(log.continuation.last_media_sequence, kRelease);
  slot.last_discontinuity_sequence.store(log.continuation.last_discontinuity_sequence, kRelease);
  slot.segment_target_ms.store(log.continuation.segment_target_ms, kRelease);
  slot.target_duration_s.store(log.continuation.target_duration_s, kRelease);
  slot.first_dependent_segment.store(log.continuation.first_dependent_segment, kRelease);
  slot.part_target_us.store(log.continuation.part_target_us, kRelease);
  fill_identity(slot, description);
  slot.epoch.store(number_of(log.continuation.epoch), kRelease);
  slot.started_wall_us.store(description.started_wall.us(), kRelease);
  slot.keep_us.store(log.keep_us, kRelease);
  slot.pinned_limit_us.store(log.pinned_limit_us, kRelease);
  const BlockReference configurations{log.configuration_block,
                                      view_.generation(log.configuration_block).load()};
  slot.configuration_block.store(configurations.packed(), kRelease);
  slot.configuration_count.store(0, kRelease);
  slot.end.store(static_cast<std::uint32_t>(LogEnd::kLive), kRelease);
  slot.clock_offset_us.store(0, kRelease);
  slot.ended_us.store(0, kRelease);
  slot.first_sequence.store(description.first_sequence, kRelease);
  slot.first.store(description.first_sequence, kRelease);
  slot.last_key.store(0, kRelease);
  slot.committed.store(description.first_sequence, kRelease);
  for (auto& timeline : slot.timelines) timeline.discontinuity_sequence.store(0, kRelease);
  for (auto& entry : slot.ring) entry.store(BlockReference{}.packed(), kRelease);
  store_text(slot.stream_id, description.stream_id);
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

std::unique_lock<std::mutex> ArenaImpl::hold(const ArenaLog& log) const {
  std::unique_lock guard(mutex_);
  if (!log.live) guard.unlock();
  return guard;
}

Result<void> ArenaImpl::take_index_block(ArenaLog& log, std::uint64_t number) {
  const std::lock_guard guard(mutex_);
  if (!log.live) return fail(media::errors::kNoSpace, "the slate's place was needed");
  if (log.index.empty()) log.first_index = number;
  if (number - log.first_index >= kIndexRing) refresh_pins(monotonic_us());
  while (number - log.first_index >= kIndexRing) {
    if (!drop_oldest(log)) return fail(media::errors::kNoSpace, "the log's index is full");
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

// Whatever the slots of the series say, in use or free: the furthest of each number, so that none steps back.
// Where a slot is damaged it can't make them absurd.
StreamContinuation ArenaImpl::known_numbers(const LogSeries& series) const {
  StreamContinuation known;
  Epoch target_epoch{};
  const auto [begin, end] = slots_by_name_.equal_range(series.stream_id);
  for (auto named = begin; named != end; ++named) {
    const SlotIndex index = named->second;
    const LogSlot& slot = view_.slot(index);
    const std::uint64_t media = slot.last_media_sequence.load();
    const std::uint32_t discontinuity = slot.last_discontinuity_sequence.load();
    if (media == 0 || media > kMostMediaSequence || discontinuity > kMostDiscontinuity) continue;
    const LogInfo info = copy_fields(slot);
    if (!share_numbers(info.series(), series) || info.epoch > kMostEpoch) continue;
    known.found = true;
    known.epoch = std::max(known.epoch, info.epoch);
    known.last_media_sequence = std::max(known.last_media_sequence, media);
    known.last_discontinuity_sequence = std::max(known.last_discontinuity_sequence, discontinuity);
    if (logs_[number_of(index)] == nullptr) continue;
    known.first_dependent_segment =
        earlier_segment(known.first_dependent_segment, info.first_dependent_segment);
    if (info.target_duration_s == 0 || info.epoch < target_epoch) continue;
    target_epoch = info.epoch;
    known.target_duration_s = std::min(info.target_duration_s, kMostTargetSeconds);
    known.segment_target_ms = std::min(info.segment_target_ms, kMostTargetSeconds * 1000);
    known.part_target_us = std::min(info.part_target_us, kMostPartUs);
  }
  return known;
}

void ArenaImpl::name_slot(SlotIndex slot, const std::string& stream_id) {
  std::string& name = names_[number_of(slot)];
  if (name == stream_id) return;
  const auto [begin, end] = slots_by_name_.equal_range(name);
  const auto old = std::find_if(begin, end, [slot](const auto& named) { return named.second == slot; });
  if (old != end) slots_by_name_.erase(old);
  name = stream_id;
  if (!name.empty()) slots_by_name_.emplace(name, slot);
}

StreamContinuation ArenaImpl::continuation(const LogSeries& series) const {
  const std::lock_guard guard(mutex_);
  return known_numbers(series);
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
  statistics.huge_page_bytes = huge_page_bytes_;
  const bool huge = huge_page_bytes_ > arena_.mapping.size() / 2;
  statistics.page_bytes = huge ? kHugePageBytes : static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return statistics;
}

}  // namespace millrace::media
