// Opening an arena: a new file, or that of a writer which is gone. What a dead writer left is believed only
// as far as it can be checked; a log that makes no sense is given up, an arena that makes no sense is
// replaced.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/secret.hpp"
#include "media/arena_impl.hpp"

namespace millrace::media {
namespace {

constexpr std::int64_t kLongestKeep = 86'400'000'000;

Result<FileDescriptor> lock_arena(const ArenaConfig& config) {
  if (::mkdir(config.directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return tl::unexpected(system_error("media.io", config.directory));
  }
  Result<FileDescriptor> lock = open_file(lock_path(config.directory, config.name), O_RDWR | O_CREAT);
  if (!lock) return fail("media.io", lock.error().message);
  if (::flock(lock->get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return tl::unexpected(system_error("media.io", config.directory));
  return fail("media.in_use", "another process writes the arena " + config.name + " in " + config.directory);
}

bool same_geometry(const ArenaHeader& header, const ArenaGeometry& geometry) {
  return header.magic.load(std::memory_order_acquire) == kArenaMagic &&
         header.version.load() == kArenaVersion && header.block_bytes.load() == geometry.block_bytes &&
         header.block_count.load() == geometry.block_count && header.max_logs.load() == geometry.max_logs &&
         header.retired.load() == 0;
}

// Readers of the file that is about to be replaced learn it from its header.
void retire(const std::string& path) {
  const Result<FileDescriptor> file = open_file(path, O_RDWR);
  if (!file || file->size() < kArenaHeaderBytes) return;
  const Result<SharedMapping> mapping =
      SharedMapping::map(*file, kArenaHeaderBytes, SharedMapping::Access::kReadWrite);
  if (mapping) reinterpret_cast<ArenaHeader*>(mapping->data())->retired.store(1, std::memory_order_release);
}

// What one slot of a dead writer claims, checked.
struct Claims {
  std::deque<Extent> data;
  std::deque<std::uint32_t> index;
  std::uint64_t first_index = 0;
  std::uint32_t configuration_block = kNoBlock;
};

class SlotWalk {
 public:
  SlotWalk(const ArenaView& view, const LogSlot& slot, const std::vector<bool>& claimed)
      : view_(view), slot_(slot), claimed_(claimed) {}

  // All blocks claimed so far, those of this walk included.
  const std::vector<bool>& claimed() const { return claimed_; }

  std::optional<Claims> claims(const LogInfo& info, std::int64_t now_us) {
    if (!is_valid_id(info.stream_id) || info.publication_id == kNoPublication) return std::nullopt;
    if (info.end > LogEnd::kRevoked) return std::nullopt;
    const auto configuration = BlockReference::unpack(slot_.configuration_block.load());
    if (!claim(configuration)) return std::nullopt;
    claims_.configuration_block = configuration.block;
    if (!claim_index(info)) return std::nullopt;
    for (std::uint64_t sequence = info.first; sequence < info.committed; ++sequence) {
      const auto record = view_.record(slot_, sequence);
      if (!record || !claim_payload(*record, now_us)) return std::nullopt;
    }
    return std::move(claims_);
  }

 private:
  bool claim(BlockReference reference) { return view_.holds(reference) && claim_block(reference.block); }

  bool claim_block(std::uint32_t block) {
    if (block >= claimed_.size() || claimed_[block]) return false;
    claimed_[block] = true;
    return true;
  }

  // The index blocks from that of the first record to that of the last one, which is kept even if it is not
  // retained.
  bool claim_index(const LogInfo& info) {
    if (info.committed == info.first_sequence) return true;
    const std::uint32_t per_block = view_.geometry().records_per_block();
    const std::uint64_t last = (info.committed - 1) / per_block;
    claims_.first_index = std::min(info.first / per_block, last);
    if (last - claims_.first_index >= kIndexRing) return false;
    for (std::uint64_t number = claims_.first_index; number <= last; ++number) {
      const auto reference = BlockReference::unpack(slot_.ring[number % kIndexRing].load());
      if (!claim(reference)) return false;
      claims_.index.push_back(reference.block);
    }
    return true;
  }

  // Grows the extent that begins at the record's block, or begins one.
  bool claim_payload(const SampleRecord& record, std::int64_t now_us) {
    if (view_.generation(record.block).load() != record.generation) return false;
    if (is_gap(record.flags)) return record.block == claims_.configuration_block && record.size == 0;
    const std::uint64_t end = std::uint64_t{record.offset} + record.size;
    const auto blocks = static_cast<std::uint32_t>(
        std::max<std::uint64_t>((end + view_.geometry().block_bytes - 1) / view_.geometry().block_bytes, 1));
    auto extent = std::find_if(claims_.data.rbegin(), claims_.data.rend(),
                               [&](const Extent& known) { return known.block == record.block; });
    if (extent == claims_.data.rend()) {
      if (!claim_block(record.block)) return false;
      claims_.data.push_back({record.block, 1, 0, 0, 0});
      extent = claims_.data.rbegin();
    }
    while (extent->count < blocks) {
      if (!claim_block(extent->block + extent->count)) return false;
      ++extent->count;
    }
    extent->end_sequence = record.sequence + 1;
    extent->newest_us = std::max(extent->newest_us, std::min(record.arrival_us, now_us));
    return true;
  }

  const ArenaView& view_;
  const LogSlot& slot_;
  std::vector<bool> claimed_;
  Claims claims_;
};

std::shared_ptr<ArenaLog> adopt(LogSlot& shared, const LogInfo& info, Claims claims, std::int64_t now_us) {
  auto log = std::make_shared<ArenaLog>();
  log->slot = info.slot;
  log->publication_id = info.publication_id;
  log->live = false;
  log->keep_us = std::clamp<std::int64_t>(shared.keep_us.load(), 0, kLongestKeep);
  log->pinned_limit_us = std::clamp<std::int64_t>(shared.pinned_limit_us.load(), log->keep_us, kLongestKeep);
  std::uint32_t held = 1 + static_cast<std::uint32_t>(claims.index.size());
  for (const Extent& extent : claims.data) held += extent.count;
  log->held_blocks.store(held);
  log->data = std::move(claims.data);
  log->index = std::move(claims.index);
  log->first_index = claims.first_index;
  log->configuration_block = claims.configuration_block;
  if (info.end == LogEnd::kLive) {
    shared.ended_us.store(now_us, std::memory_order_release);
    shared.end.store(static_cast<std::uint32_t>(LogEnd::kWriterLost), std::memory_order_release);
  }
  log->ended_us = std::min(shared.ended_us.load(), now_us);
  return log;
}

}  // namespace

// The arena that stands at path now, if it is one of this geometry.
std::optional<ArenaImpl::ArenaFile> ArenaImpl::map_existing(const std::string& path,
                                                            const ArenaGeometry& geometry) {
  Result<FileDescriptor> file = open_file(path, O_RDWR);
  if (!file || file->size() != geometry.file_bytes()) return std::nullopt;
  Result<SharedMapping> mapping =
      SharedMapping::map(*file, geometry.file_bytes(), SharedMapping::Access::kReadWrite, true);
  if (!mapping || !same_geometry(*reinterpret_cast<ArenaHeader*>(mapping->data()), geometry))
    return std::nullopt;
  if (!lock_first_byte(*file)) return std::nullopt;
  return ArenaFile{std::move(*file), std::move(*mapping)};
}

Result<ArenaImpl::ArenaFile> ArenaImpl::map_or_make(const std::string& path, const ArenaGeometry& geometry,
                                                    Pages pages) {
  if (auto existing = map_existing(path, geometry)) return std::move(*existing);
  // The old file goes first: a tmpfs that is sized for one arena has no room for two.
  retire(path);
  std::remove(path.c_str());
  const std::string fresh = path + ".new";
  Result<FileDescriptor> file = make_reserved_file(fresh, geometry.file_bytes(), pages);
  if (!file) return tl::unexpected(file.error());
  Result<SharedMapping> mapping =
      SharedMapping::map(*file, geometry.file_bytes(), SharedMapping::Access::kReadWrite, true);
  if (!mapping) return tl::unexpected(mapping.error());
  if (!lock_first_byte(*file)) return tl::unexpected(system_error("media.io", fresh));
  const ArenaView view(mapping->data(), geometry);
  ArenaHeader& header = view.header();
  header.version.store(kArenaVersion);
  header.block_bytes.store(geometry.block_bytes);
  header.block_count.store(geometry.block_count);
  header.max_logs.store(geometry.max_logs);
  header.magic.store(kArenaMagic, std::memory_order_release);
  if (std::rename(fresh.c_str(), path.c_str()) != 0) return tl::unexpected(system_error("media.io", path));
  return ArenaFile{std::move(*file), std::move(*mapping)};
}

ArenaImpl::ArenaImpl(FileDescriptor lock, ArenaFile arena, const ArenaGeometry& geometry, CursorWatch cursors)
    : lock_(std::move(lock)),
      arena_(std::move(arena)),
      view_(arena_.mapping.data(), geometry),
      huge_page_bytes_(arena_.mapping.huge_bytes()),
      cursors_(std::move(cursors)),
      pool_(geometry.block_count),
      logs_(geometry.max_logs),
      publications_(geometry.max_logs, kNoPublication),
      names_(geometry.max_logs),
      pins_(geometry.max_logs, kNoSequence) {}

Result<std::shared_ptr<ArenaImpl>> ArenaImpl::open(const ArenaConfig& config) {
  const Result<ArenaGeometry> geometry = ArenaGeometry::of(config);
  if (!geometry) return tl::unexpected(geometry.error());
  Result<FileDescriptor> lock = lock_arena(config);
  if (!lock) return tl::unexpected(lock.error());
  Result<CursorWatch> cursors = CursorWatch::open(cursors_path(config.directory, config.name));
  if (!cursors) return tl::unexpected(cursors.error());
  Result<ArenaFile> file = map_or_make(arena_path(config.directory, config.name), *geometry,
                                       config.huge_pages ? Pages::kHugeWherePossible : Pages::kSmall);
  if (!file) return tl::unexpected(file.error());
  std::shared_ptr<ArenaImpl> arena(
      new ArenaImpl(std::move(*lock), std::move(*file), *geometry, std::move(*cursors)));
  const std::lock_guard guard(arena->mutex_);
  arena->adopt_logs(monotonic_us());
  arena->view_.header().boot_id.store(random_u64(), std::memory_order_release);
  arena->readers_ = arena->cursors_.drop_dead();
  return arena;
}

void ArenaImpl::adopt_logs(std::int64_t now_us) {
  std::vector<bool> claimed(pool_.size(), false);
  for (std::uint32_t i = 0; i < view_.geometry().max_logs; ++i) {
    const SlotIndex index{i};
    LogSlot& shared = view_.slot(index);
    name_slot(index, copy_fields(shared).stream_id);
    const auto info = view_.info(index);
    SlotWalk walk(view_, shared, claimed);
    auto claims = info ? walk.claims(*info, now_us) : std::nullopt;
    if (claims) {
      claimed = walk.claimed();
      logs_[i] = adopt(shared, *info, std::move(*claims), now_us);
      publications_[i] = info->publication_id;
    } else if (shared.used.load() != kSlotFree || shared.version.load() % 2 != 0) {
      // Damaged, or given to another log when the writer died: free from now on.
      if (shared.version.load() % 2 == 0) shared.version.fetch_add(1);
      shared.ended_us.store(now_us, std::memory_order_release);
      shared.used.store(kSlotFree, std::memory_order_release);
      shared.version.fetch_add(1);
    }
  }
  // A dead writer may have been about to use any of the others: no pointer to them is good any more.
  for (std::uint32_t block = 0; block < pool_.size(); ++block) {
    if (claimed[block]) continue;
    view_.generation(block).fetch_add(1, std::memory_order_seq_cst);
    pool_.give_back(block, 1);
  }
  order_generations_before_reuse();
}

}  // namespace millrace::media
