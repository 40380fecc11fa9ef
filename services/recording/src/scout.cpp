#include "scout.hpp"

#include <algorithm>
#include <filesystem>

namespace millrace::recording {

Scout::Findings Scout::look() {
  const std::lock_guard lock(mutex_);
  Findings findings;
  if (auto locked = lock_.take(directory_); !locked) {
    findings.file_error = locked.error();
    return findings;
  }
  open_arenas(findings);
  for (const auto& [name, arena] : arenas_) {
    for (media::LogInfo& info : arena->logs()) findings.logs.push_back({arena, std::move(info)});
  }
  // With an arena missing from the picture, a part would look like an orphan although its log is there.
  if (!orphans_found_ && !findings.log_error) find_orphans(findings);
  return findings;
}

Result<void> Scout::lock() {
  const std::lock_guard lock(mutex_);
  return lock_.take(directory_);
}

void Scout::open_arenas(Findings& findings) {
  constexpr std::string_view kExtension = ".arena";
  std::error_code error;
  std::filesystem::directory_iterator entry(media_log_directory_, error);
  if (error == std::errc::no_such_file_or_directory) return;
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::filesystem::path& path = entry->path();
    if (path.extension() != kExtension) continue;
    auto& arena = arenas_[path.stem().string()];
    if (arena && arena->current()) continue;
    auto opened = media::ArenaReader::open(media_log_directory_, path.stem().string(), "recording");
    if (opened) {
      arena = std::move(*opened);
    } else if (opened.error().code != "media.not_found") {
      findings.log_error = opened.error();
    }
  }
  if (error) findings.log_error = Error{"media.io", error.message()};
  std::erase_if(arenas_, [](const auto& known) { return known.second == nullptr; });
}

void Scout::find_orphans(Findings& findings) {
  remove_unfinished_copies(directory_);
  auto parts = find_parts(directory_);
  if (!parts) {
    findings.file_error = parts.error();
    return;
  }
  orphans_found_ = true;
  for (PartOwner& part : *parts) {
    const bool in_log = std::any_of(findings.logs.begin(), findings.logs.end(), [&](const Found& found) {
      return found.info.publication_id == part.publication_id;
    });
    if (!in_log) findings.orphans.push_back(std::move(part));
  }
}

}  // namespace millrace::recording
