#include "media/arena_set.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "media/errors.hpp"
#include "media/shared_file.hpp"

namespace millrace::media {
namespace {

constexpr std::string_view kExtension = ".arena";

// A directory, a FIFO, a symbolic link or another user's file is no arena, whatever its name. What cannot be
// examined counts as one, so that opening it reports the trouble.
bool may_be_arena(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return errno != ENOENT;
  return is_own_file(status);
}

// Names of the arenas in the directory, sorted.
Result<std::vector<std::string>> names_in(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator entry(directory, error);
  if (error == std::errc::no_such_file_or_directory) return names;
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::filesystem::path& path = entry->path();
    if (path.extension() == kExtension && is_valid_id(path.stem().string()) && may_be_arena(path.string()))
      names.push_back(path.stem().string());
  }
  if (error) return fail("media.io", directory + ": " + error.message());
  std::sort(names.begin(), names.end());
  return names;
}

bool has_live_log(const ArenaReader& arena) {
  const std::vector<LogInfo> logs = arena.logs();
  return std::any_of(logs.begin(), logs.end(), [](const LogInfo& info) { return info.end == LogEnd::kLive; });
}

// Keeps the first trouble.
void note(Result<void>& trouble, const Result<void>& result) {
  if (trouble && !result) trouble = result;
}

}  // namespace

Result<void> ArenaSet::refresh() {
  const Result<std::vector<std::string>> names = names_in(directory_);
  if (!names) return tl::unexpected(names.error());
  Result<void> trouble = let_go(*names);
  for (const std::string& name : *names) {
    const auto known = arenas_.find(name);
    if (known == arenas_.end() || !known->second->current()) note(trouble, open(name));
  }
  return trouble;
}

// One that can't be opened again (a file of another version has its place) stays while it is written.
Result<void> ArenaSet::open(const std::string& name) {
  if (!arenas_.contains(name) && arenas_.size() >= kMaxArenas)
    return fail("media.too_many_arenas", "more than " + std::to_string(kMaxArenas) + " in " + directory_);
  auto opened = ArenaReader::open(directory_, name, reader_);
  if (opened) {
    arenas_[name] = std::move(*opened);
    return {};
  }
  const auto known = arenas_.find(name);
  if (known != arenas_.end() && known->second->over()) arenas_.erase(known);
  // Its writer is about to replace it, or was a moment ago.
  if (opened.error().code == media::errors::kNotFound) return {};
  return tl::unexpected(opened.error());
}

// An arena that was removed in good order has no live logs, one whose writer died has them for ever. Nobody
// frees anything in it any more, so its memory would be held for as long as this process lives.
Result<void> ArenaSet::let_go(const std::vector<std::string>& present) {
  Result<void> trouble;
  for (auto known = arenas_.begin(); known != arenas_.end();) {
    const auto& [name, arena] = *known;
    const bool there = std::binary_search(present.begin(), present.end(), name);
    const bool needed = there || (!arena->over() && has_live_log(*arena));
    if (!there && needed)
      note(trouble, fail("media.deleted", "the file of the arena " + name + " was deleted while it is used"));
    known = needed ? std::next(known) : arenas_.erase(known);
  }
  return trouble;
}

bool ArenaSet::hides(const ArenaReader& once) const {
  return !arenas_.contains(once.name()) && once.current();
}

std::vector<FoundLog> ArenaSet::logs(LogRole role) const {
  std::vector<FoundLog> found;
  for (const auto& [name, arena] : arenas_) {
    for (LogInfo& info : arena->logs(role)) found.push_back({arena, std::move(info)});
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const FoundLog& a, const FoundLog& b) { return comes_before(a.info, b.info); });
  return found;
}

}  // namespace millrace::media
