#include "media/arena_format.hpp"

#include <cstring>

#include "base/ids.hpp"
#include "media/errors.hpp"

namespace millrace::media {
namespace {

constexpr std::uint32_t kPage = 4096;
constexpr std::uint32_t kMaxBlockBytes = 64U << 20;
constexpr std::uint32_t kMaxLogs = 65536;
constexpr std::uint32_t kMinBlocks = 8;
constexpr std::uint32_t kMaxBlocks = 1U << 24;
constexpr int kCopyAttempts = 16;

std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

template <std::size_t Words>
std::string text_of(const std::array<std::atomic<std::uint64_t>, Words>& place, std::size_t longest) {
  std::array<std::uint64_t, Words> words{};
  for (std::size_t i = 0; i < Words; ++i) words[i] = place[i].load(std::memory_order_acquire);
  std::array<char, sizeof(words)> text{};
  std::memcpy(text.data(), words.data(), sizeof(words));
  return {text.data(), ::strnlen(text.data(), longest)};
}

// What no writer stores. Readers make file names of the ids, so an id must be one.
bool is_plausible(const LogInfo& info) {
  if (!is_valid_id(info.stream_id) || info.publication_id == kNoPublication) return false;
  if (info.end > LogEnd::kRevoked || info.first_sequence > kMostSequence) return false;
  if (info.first_sequence > info.first || info.first > info.committed) return false;
  return fits_role(info.role, info.rendition);
}

}  // namespace

Result<ArenaGeometry> ArenaGeometry::of(const ArenaConfig& config) {
  ArenaGeometry geometry{config.block_bytes, kMinBlocks, config.max_logs};
  if (!geometry.plausible()) return fail("media.geometry", "block size or number of logs out of range");
  const std::uint64_t fixed = geometry.generations_offset() + kPage;
  const std::uint64_t room = config.bytes > fixed ? config.bytes - fixed : 0;
  const std::uint64_t count = room / (config.block_bytes + sizeof(std::uint32_t));
  if (count < kMinBlocks || count > kMaxBlocks) {
    return fail("media.geometry", std::to_string(config.bytes) + " bytes make no arena of " +
                                      std::to_string(config.block_bytes) + "-byte blocks");
  }
  geometry.block_count = static_cast<std::uint32_t>(count);
  return geometry;
}

bool ArenaGeometry::plausible() const {
  return block_bytes >= kPage && block_bytes <= kMaxBlockBytes && block_bytes % kPage == 0 && max_logs >= 1 &&
         max_logs <= kMaxLogs && block_count >= kMinBlocks && block_count <= kMaxBlocks;
}

std::uint64_t ArenaGeometry::generations_offset() const {
  return kArenaHeaderBytes + std::uint64_t{max_logs} * sizeof(LogSlot);
}

std::uint64_t ArenaGeometry::blocks_offset() const {
  return round_up(generations_offset() + std::uint64_t{block_count} * sizeof(std::uint32_t), kPage);
}

std::uint64_t ArenaGeometry::file_bytes() const {
  const std::uint64_t used = blocks_offset() + std::uint64_t{block_count} * block_bytes;
  return used < kHugePageBytes ? used : round_up(used, kHugePageBytes);
}

Result<ArenaGeometry> read_geometry(const FileDescriptor& file) {
  const Error damaged{media::errors::kDamaged, "not a media log of this version"};
  if (file.size() < kArenaHeaderBytes) return tl::unexpected(damaged);
  const Result<SharedMapping> page =
      SharedMapping::map(file, kArenaHeaderBytes, SharedMapping::Access::kRead);
  if (!page) return tl::unexpected(page.error());
  const auto& header = *reinterpret_cast<const ArenaHeader*>(page->data());
  const ArenaGeometry geometry{header.block_bytes.load(), header.block_count.load(), header.max_logs.load()};
  if (header.magic.load(std::memory_order_acquire) != kArenaMagic || header.version.load() != kArenaVersion ||
      !geometry.plausible() || geometry.file_bytes() != file.size()) {
    return tl::unexpected(damaged);
  }
  return geometry;
}

std::optional<SampleRecord> ArenaView::record(const LogSlot& slot, std::uint64_t sequence) const {
  const std::uint32_t per_block = geometry_.records_per_block();
  const auto index =
      BlockReference::unpack(slot.ring[(sequence / per_block) % kIndexRing].load(std::memory_order_acquire));
  // Made where it is returned: words just stored are slow to copy as anything wider.
  std::optional<SampleRecord> found;
  if (!holds(index)) return found;
  SampleRecord& record = found.emplace();
  load_words(block(index.block) + (sequence % per_block) * sizeof(SampleRecord), record);
  const bool inside = record.block < geometry_.block_count && record.offset >= record.prefix_size &&
                      std::uint64_t{record.block} * geometry_.block_bytes + record.offset + record.size <=
                          std::uint64_t{geometry_.block_count} * geometry_.block_bytes;
  if (!holds(index) || record.sequence != sequence || !inside || record.track >= kMaxTracks) found.reset();
  return found;
}

std::optional<LogInfo> ArenaView::info(SlotIndex index) const {
  const LogSlot& log = slot(index);
  for (int attempt = 0; attempt < kCopyAttempts; ++attempt) {
    const std::uint64_t version = log.version.load(std::memory_order_acquire);
    if (version % 2 != 0) continue;
    const std::uint32_t used = log.used.load(std::memory_order_acquire);
    if (used != kSlotUsed && used != kSlotPrivate) return std::nullopt;
    LogInfo info = copy_fields(log);
    info.slot = index;
    if (log.version.load(std::memory_order_acquire) != version) continue;
    if (!is_plausible(info)) return std::nullopt;
    return info;
  }
  return std::nullopt;
}

std::optional<ConfigurationEntry> ArenaView::configuration(const LogSlot& slot, std::uint32_t index) const {
  const auto reference = BlockReference::unpack(slot.configuration_block.load(std::memory_order_acquire));
  const std::uint32_t count = slot.configuration_count.load(std::memory_order_acquire);
  const std::uint64_t place = std::uint64_t{index} * sizeof(ConfigurationEntry);
  if (index >= count || !holds(reference) || place + sizeof(ConfigurationEntry) > geometry_.block_bytes) {
    return std::nullopt;
  }
  ConfigurationEntry entry;
  load_words(block(reference.block) + place, entry);
  const TrackConfiguration& description = entry.description;
  const bool inside = entry.offset >= description.prefix_size &&
                      std::uint64_t{entry.offset} + description.size <= geometry_.block_bytes;
  if (!holds(reference) || !inside || description.index != index || description.track >= kMaxTracks) {
    return std::nullopt;
  }
  return entry;
}

std::optional<TimelineBeginning> ArenaView::timeline(const LogSlot& slot, std::uint32_t sequence) {
  const SlotTimeline& place = slot.timelines[sequence % kSlotTimelines];
  if (sequence == 0 || place.discontinuity_sequence.load(std::memory_order_acquire) != sequence)
    return std::nullopt;
  const TimelineBeginning found{sequence, place.media_sequence.load(std::memory_order_acquire),
                                place.time_us.load(std::memory_order_acquire),
                                WallTime::from_us(place.wall_us.load(std::memory_order_acquire))};
  if (place.discontinuity_sequence.load(std::memory_order_acquire) != sequence) return std::nullopt;
  return found;
}

LogInfo copy_fields(const LogSlot& slot) {
  LogInfo info;
  info.stream_id = text_of(slot.stream_id, kMaxStreamIdLength);
  info.role = static_cast<LogRole>(slot.role.load(std::memory_order_acquire));
  info.rendition = text_of(slot.rendition, kMaxRenditionLength);
  info.publication_id = PublicationId{slot.publication_id.load(std::memory_order_acquire)};
  info.origin_publication_id = PublicationId{slot.origin_publication_id.load(std::memory_order_acquire)};
  info.incarnation = slot.incarnation.load(std::memory_order_acquire);
  info.clock_domain = slot.clock_domain.load(std::memory_order_acquire);
  info.first_sequence = slot.first_sequence.load(std::memory_order_acquire);
  info.epoch = Epoch{slot.epoch.load(std::memory_order_acquire)};
  info.is_private = slot.used.load(std::memory_order_acquire) == kSlotPrivate;
  info.started_wall = WallTime::from_us(slot.started_wall_us.load(std::memory_order_acquire));
  info.segment_target_ms = slot.segment_target_ms.load(std::memory_order_acquire);
  info.target_duration_s = slot.target_duration_s.load(std::memory_order_acquire);
  info.first_dependent_segment = slot.first_dependent_segment.load(std::memory_order_acquire);
  info.part_target_us = slot.part_target_us.load(std::memory_order_acquire);
  info.pinned_limit_us = slot.pinned_limit_us.load(std::memory_order_acquire);
  info.clock_offset_us = slot.clock_offset_us.load(std::memory_order_acquire);
  // The end before the count: an ended log's count is then final. first before committed: it never passes it.
  info.end = static_cast<LogEnd>(slot.end.load(std::memory_order_acquire));
  info.first = slot.first.load(std::memory_order_acquire);
  info.committed = slot.committed.load(std::memory_order_acquire);
  return info;
}

std::string arena_path(const std::string& directory, const std::string& name) {
  return directory + "/" + name + ".arena";
}
std::string cursors_path(const std::string& directory, const std::string& name) {
  return directory + "/" + name + ".cursors";
}
std::string lock_path(const std::string& directory, const std::string& name) {
  return directory + "/" + name + ".lock";
}

}  // namespace millrace::media
