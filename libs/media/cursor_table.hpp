// The cursor file: which readers there are and which records they still need. Readers write it, so the writer
// believes nothing in it: at worst a cursor holds records back up to the retention policy's limit.
//
// A reading process (an ArenaReader) owns an entry of the reader table by a lock on that byte of the file.
// The kernel lets go of the lock when the process dies, whatever the cause, and says so across pid
// namespaces.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/publication_ids.hpp"
#include "base/result.hpp"
#include "media/shared_file.hpp"

namespace millrace::media {

inline constexpr std::uint32_t kMaxReaders = 256;
inline constexpr std::uint32_t kMaxCursors = 16384;
inline constexpr std::uint64_t kNoSequence = std::numeric_limits<std::uint64_t>::max();

struct CursorHeader {
  std::atomic<std::uint64_t> magic;
  std::atomic<std::uint32_t> used_high;  // no cursor at or above this index was ever taken
};

struct alignas(64) ReaderEntry {
  std::atomic<std::uint32_t> incarnation;  // odd while taken; grows with every owner
  std::atomic<std::uint32_t> pid;          // for people: it means little in another pid namespace
  std::atomic<std::int64_t> opened_wall_us;
  std::array<std::atomic<std::uint64_t>, 4> name;  // zero-padded
};

struct alignas(64) CursorEntry {
  std::atomic<std::uint64_t> owner;  // 0: free; else incarnation << 32 | index of the reader entry + 1
  std::atomic<std::uint64_t> publication_id;
  std::atomic<std::uint32_t> slot;
  std::atomic<std::uint64_t> sequence;  // records from here on are needed; kNoSequence: none
};

// One cursor as millrace-log shows it.
struct CursorInfo {
  std::string reader;
  std::uint32_t pid = 0;
  SlotIndex slot{};
  PublicationId publication_id{};
  std::uint64_t sequence = 0;
};

// The file mapped writable, for either side.
class CursorFile {
 public:
  // Makes the file when there is none, or one that is not a cursor file.
  static Result<CursorFile> open_or_make(const std::string& path);
  static Result<CursorFile> open(const std::string& path);

  CursorHeader& header() const { return *reinterpret_cast<CursorHeader*>(mapping_.data()); }
  ReaderEntry& reader(std::uint32_t index) const;
  CursorEntry& cursor(std::uint32_t index) const;
  std::uint32_t used_cursors() const;
  int descriptor() const { return file_.get(); }
  // False when somebody has cut the file short: touching the mapping would be a SIGBUS.
  bool whole() const;
  // True when the owner that the cursor names still holds its entry in the reader table.
  bool owned(const CursorEntry& cursor) const;
  std::vector<CursorInfo> cursors() const;

 private:
  CursorFile(FileDescriptor file, SharedMapping mapping)
      : file_(std::move(file)), mapping_(std::move(mapping)) {}
  FileDescriptor file_;
  SharedMapping mapping_;
};

// The writer's side. Thread-compatible.
class CursorWatch {
 public:
  static Result<CursorWatch> open(const std::string& path);

  // The oldest record that a cursor needs, by slot; kNoSequence where nobody does. publications[slot] is the
  // log that the slot holds: cursors on another one do not count.
  void oldest_needed(const std::vector<PublicationId>& publications, std::vector<std::uint64_t>& oldest);
  // Frees what dead readers held; makes a new file if this one was damaged. Returns how many readers live.
  std::uint32_t drop_dead();

 private:
  CursorWatch(CursorFile file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}
  CursorFile file_;
  std::string path_;
};

// The reader's side: an entry of the reader table, held as long as the object lives. Thread-safe.
class ReaderRegistration {
 public:
  // "media.too_many_readers", "media.not_found", "media.io".
  static Result<std::shared_ptr<ReaderRegistration>> open(const std::string& path, const std::string& name);
  ~ReaderRegistration();
  ReaderRegistration(const ReaderRegistration&) = delete;
  ReaderRegistration& operator=(const ReaderRegistration&) = delete;

  // A free cursor, taken; nullopt when there is none.
  std::optional<std::uint32_t> take_cursor(SlotIndex slot, PublicationId publication_id,
                                           std::uint64_t sequence);
  void move_cursor(std::uint32_t cursor, std::uint64_t sequence);
  void release_cursor(std::uint32_t cursor);

 private:
  ReaderRegistration(CursorFile file, std::uint32_t index, std::uint32_t incarnation)
      : file_(std::move(file)), index_(index), incarnation_(incarnation) {}
  std::uint64_t owner() const { return (std::uint64_t{incarnation_} << 32) | (index_ + 1); }

  CursorFile file_;
  std::uint32_t index_;
  std::uint32_t incarnation_;
};

}  // namespace millrace::media
