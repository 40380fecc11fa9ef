#include "media/cursor_table.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/clock.hpp"
#include "media/errors.hpp"

namespace millrace::media {
namespace {

constexpr std::uint64_t kCursorMagic = 0x3153525543444D4DULL;
constexpr std::size_t kHeaderBytes = 4096;
constexpr std::size_t kReadersOffset = kHeaderBytes;
constexpr std::size_t kCursorsOffset = kReadersOffset + kMaxReaders * sizeof(ReaderEntry);
constexpr std::size_t kFileBytes = kCursorsOffset + kMaxCursors * sizeof(CursorEntry);

struct flock lock_of(std::uint32_t index) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(index);
  lock.l_len = 1;
  return lock;
}

bool try_lock(int file, std::uint32_t index) {
  struct flock lock = lock_of(index);
  return ::fcntl(file, F_OFD_SETLK, &lock) == 0;
}

// Whether another open file holds the lock; also true when that can't be known.
bool locked_by_other(int file, std::uint32_t index) {
  struct flock lock = lock_of(index);
  return ::fcntl(file, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

std::string name_of(const ReaderEntry& entry) {
  std::array<std::uint64_t, 4> words{};
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = entry.name[i].load(std::memory_order_relaxed);
  std::array<char, sizeof(words)> text{};
  std::memcpy(text.data(), words.data(), sizeof(words));
  return {text.data(), ::strnlen(text.data(), text.size())};
}

void set_name(ReaderEntry& entry, const std::string& name) {
  std::array<std::uint64_t, 4> words{};
  std::memcpy(words.data(), name.data(), std::min(name.size(), sizeof(words)));
  for (std::size_t i = 0; i < words.size(); ++i) entry.name[i].store(words[i], std::memory_order_relaxed);
}

}  // namespace

Result<CursorFile> CursorFile::open(const std::string& path) {
  Result<FileDescriptor> file = open_file(path, O_RDWR);
  if (!file) return tl::unexpected(file.error());
  if (file->size() != kFileBytes) return fail(media::errors::kDamaged, path + ": not a cursor file");
  Result<SharedMapping> mapping = SharedMapping::map(*file, kFileBytes, SharedMapping::Access::kReadWrite);
  if (!mapping) return tl::unexpected(mapping.error());
  CursorFile cursors(std::move(*file), std::move(*mapping));
  if (cursors.header().magic.load(std::memory_order_acquire) != kCursorMagic) {
    return fail(media::errors::kDamaged, path + ": not a cursor file");
  }
  return cursors;
}

Result<CursorFile> CursorFile::open_or_make(const std::string& path) {
  Result<CursorFile> existing = open(path);
  if (existing || (existing.error().code != media::errors::kNotFound &&
                   existing.error().code != media::errors::kDamaged)) {
    return existing;
  }
  const std::string fresh = path + ".new";
  Result<FileDescriptor> file = make_reserved_file(fresh, kFileBytes, Pages::kSmall);
  if (!file) return tl::unexpected(file.error());
  Result<SharedMapping> mapping = SharedMapping::map(*file, kFileBytes, SharedMapping::Access::kReadWrite);
  if (!mapping) return tl::unexpected(mapping.error());
  CursorFile cursors(std::move(*file), std::move(*mapping));
  cursors.header().magic.store(kCursorMagic, std::memory_order_release);
  if (std::rename(fresh.c_str(), path.c_str()) != 0) return tl::unexpected(system_error("media.io", path));
  return cursors;
}

ReaderEntry& CursorFile::reader(std::uint32_t index) const {
  return reinterpret_cast<ReaderEntry*>(mapping_.data() + kReadersOffset)[index];
}

CursorEntry& CursorFile::cursor(std::uint32_t index) const {
  return reinterpret_cast<CursorEntry*>(mapping_.data() + kCursorsOffset)[index];
}

std::uint32_t CursorFile::used_cursors() const {
  return std::min(header().used_high.load(std::memory_order_acquire), kMaxCursors);
}

bool CursorFile::whole() const {
  return file_.size() == kFileBytes;
}

bool CursorFile::owned(const CursorEntry& cursor) const {
  const std::uint64_t owner = cursor.owner.load(std::memory_order_acquire);
  const auto entry = static_cast<std::uint32_t>(owner);
  if (entry == 0 || entry > kMaxReaders) return false;
  const std::uint32_t incarnation = reader(entry - 1).incarnation.load(std::memory_order_acquire);
  return incarnation % 2 == 1 && incarnation == static_cast<std::uint32_t>(owner >> 32);
}

std::vector<CursorInfo> CursorFile::cursors() const {
  std::vector<CursorInfo> found;
  for (std::uint32_t i = 0; i < used_cursors(); ++i) {
    const CursorEntry& entry = cursor(i);
    if (!owned(entry)) continue;
    const auto reader_index = static_cast<std::uint32_t>(entry.owner.load(std::memory_order_acquire)) - 1;
    if (reader_index >= kMaxReaders) continue;
    const ReaderEntry& owner = reader(reader_index);
    found.push_back({name_of(owner), owner.pid.load(std::memory_order_relaxed),
                     SlotIndex{entry.slot.load(std::memory_order_acquire)},
                     PublicationId{entry.publication_id.load(std::memory_order_acquire)},
                     entry.sequence.load(std::memory_order_acquire)});
  }
  return found;
}

Result<CursorWatch> CursorWatch::open(const std::string& path) {
  Result<CursorFile> file = CursorFile::open_or_make(path);
  if (!file) return tl::unexpected(file.error());
  return CursorWatch(std::move(*file), path);
}

void CursorWatch::oldest_needed(const std::vector<PublicationId>& publications,
                                std::vector<std::uint64_t>& oldest) {
  oldest.assign(publications.size(), kNoSequence);
  if (!file_.whole()) return;
  const std::uint32_t used = file_.used_cursors();
  for (std::uint32_t i = 0; i < used; ++i) {
    const CursorEntry& entry = file_.cursor(i);
    const std::uint64_t sequence = entry.sequence.load(std::memory_order_acquire);
    const std::uint32_t slot = entry.slot.load(std::memory_order_acquire);
    if (slot >= oldest.size() || sequence >= oldest[slot] || !file_.owned(entry)) continue;
    const PublicationId publication_id{entry.publication_id.load(std::memory_order_acquire)};
    if (publication_id == publications[slot]) oldest[slot] = sequence;
  }
}

std::uint32_t CursorWatch::drop_dead() {
  if (!file_.whole()) {
    Result<CursorFile> fresh = CursorFile::open_or_make(path_);
    if (!fresh) return 0;
    file_ = std::move(*fresh);
  }
  std::uint32_t living = 0;
  for (std::uint32_t i = 0; i < kMaxReaders; ++i) {
    std::atomic<std::uint32_t>& incarnation = file_.reader(i).incarnation;
    std::uint32_t seen = incarnation.load(std::memory_order_acquire);
    if (seen % 2 == 0) continue;
    if (locked_by_other(file_.descriptor(), i)) {
      ++living;
    } else {
      // A new owner of the lock has set another odd number by itself: then there is nothing to do.
      incarnation.compare_exchange_strong(seen, seen + 1);
    }
  }
  for (std::uint32_t i = 0; i < file_.used_cursors(); ++i) {
    CursorEntry& entry = file_.cursor(i);
    std::uint64_t owner = entry.owner.load(std::memory_order_acquire);
    if (owner != 0 && !file_.owned(entry)) entry.owner.compare_exchange_strong(owner, 0);
  }
  return living;
}

Result<std::shared_ptr<ReaderRegistration>> ReaderRegistration::open(const std::string& path,
                                                                     const std::string& name) {
  Result<CursorFile> file = CursorFile::open(path);
  if (!file) return tl::unexpected(file.error());
  for (std::uint32_t i = 0; i < kMaxReaders; ++i) {
    if (!try_lock(file->descriptor(), i)) continue;
    ReaderEntry& entry = file->reader(i);
    const std::uint32_t before = entry.incarnation.load(std::memory_order_acquire);
    const std::uint32_t mine = before % 2 == 0 ? before + 1 : before + 2;
    entry.pid.store(static_cast<std::uint32_t>(::getpid()), std::memory_order_relaxed);
    entry.opened_wall_us.store(wall_now().us(), std::memory_order_relaxed);
    set_name(entry, name);
    entry.incarnation.store(mine, std::memory_order_release);
    return std::shared_ptr<ReaderRegistration>(new ReaderRegistration(std::move(*file), i, mine));
  }
  return fail("media.too_many_readers", std::to_string(kMaxReaders) + " readers have the arena open");
}

ReaderRegistration::~ReaderRegistration() {
  std::uint32_t mine = incarnation_;
  file_.reader(index_).incarnation.compare_exchange_strong(mine, mine + 1);
}

std::optional<std::uint32_t> ReaderRegistration::take_cursor(SlotIndex slot, PublicationId publication_id,
                                                             std::uint64_t sequence) {
  for (std::uint32_t i = 0; i < kMaxCursors; ++i) {
    CursorEntry& entry = file_.cursor(i);
    std::uint64_t before = entry.owner.load(std::memory_order_acquire);
    // A cursor of this entry's earlier, dead owner is free too.
    const bool stale = before != owner() && static_cast<std::uint32_t>(before) == index_ + 1;
    if ((before != 0 && !stale) || !entry.owner.compare_exchange_strong(before, owner())) continue;
    entry.sequence.store(kNoSequence, std::memory_order_release);
    entry.slot.store(number_of(slot), std::memory_order_release);
    entry.publication_id.store(number_of(publication_id), std::memory_order_release);
    entry.sequence.store(sequence, std::memory_order_release);
    std::uint32_t high = file_.header().used_high.load();
    while (high <= i && !file_.header().used_high.compare_exchange_weak(high, i + 1)) {
    }
    return i;
  }
  return std::nullopt;
}

void ReaderRegistration::move_cursor(std::uint32_t cursor, std::uint64_t sequence) {
  file_.cursor(cursor).sequence.store(sequence, std::memory_order_release);
}

void ReaderRegistration::release_cursor(std::uint32_t cursor) {
  CursorEntry& entry = file_.cursor(cursor);
  entry.sequence.store(kNoSequence, std::memory_order_release);
  std::uint64_t mine = owner();
  entry.owner.compare_exchange_strong(mine, 0);
}

}  // namespace millrace::media
