// All arenas of a media log's directory, as one reader sees them: opened when they appear, again when their
// writer has replaced the file, and let go of when they are gone. Every process that writes logs has an arena
// of its own, so whoever looks for a stream's logs looks into all.
//
// Thread-compatible; what it gives out may be used on any thread and outlives it. Blocking: it lists the
// directory.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "media/arena_reader.hpp"
#include "media/log.hpp"

namespace millrace::media {

// A log and the arena it is in.
struct FoundLog {
  std::shared_ptr<ArenaReader> arena;
  LogInfo info;
};

class ArenaSet {
 public:
  static constexpr std::size_t kMaxArenas = 1024;  // further ones are not read

  // reader: as ArenaReader::open has it.
  ArenaSet(std::string directory, std::string reader)
      : directory_(std::move(directory)), reader_(std::move(reader)) {}

  // Looks at the directory. A directory that is not there yet has no arenas. Only regular files of this
  // process's user count as arenas; other entries are passed over. What is wrong with one arena is the result
  // (the first such thing), and the others are read all the same: "media.damaged", "media.no_cursors",
  // "media.too_many_readers", "media.io"; "media.deleted": its file is gone while a log of it is live, which
  // stays readable here; "media.too_many_arenas".
  Result<void> refresh();

  bool empty() const { return arenas_.empty(); }
  // As of the last refresh; by name.
  const std::map<std::string, std::shared_ptr<ArenaReader>>& arenas() const { return arenas_; }
  // Whether this arena, opened from here once, perhaps by another set, could not be read by the last refresh
  // although its file is where it was: what was found in it may well be there. One stat().
  bool hides(const ArenaReader& once) const;
  // The logs of a role in all of them, live and ended, as comes_before() has them.
  std::vector<FoundLog> logs(LogRole role) const;

 private:
  Result<void> open(const std::string& name);
  Result<void> let_go(const std::vector<std::string>& present);

  const std::string directory_;
  const std::string reader_;
  std::map<std::string, std::shared_ptr<ArenaReader>> arenas_;
};

}  // namespace millrace::media
