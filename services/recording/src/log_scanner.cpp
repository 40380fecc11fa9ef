#include "log_scanner.hpp"

#include <algorithm>

namespace millrace::recording {

LogScanner::Findings LogScanner::look() {
  const std::lock_guard lock(mutex_);
  Findings findings;
  if (auto locked = lock_.take(directory_); !locked) {
    findings.file_error = locked.error();
    return findings;
  }
  if (const Result<void> looked = arenas_.refresh(); !looked) findings.log_error = looked.error();
  findings.logs = arenas_.logs(media::LogRole::kSource);
  // With an arena missing from the picture, a part would look like an orphan although its log is there.
  if (!orphans_found_ && !findings.log_error) find_orphans(findings);
  return findings;
}

Result<void> LogScanner::lock() {
  const std::lock_guard lock(mutex_);
  return lock_.take(directory_);
}

void LogScanner::find_orphans(Findings& findings) {
  remove_unfinished_copies(directory_);
  auto parts = find_parts(directory_);
  if (!parts) {
    findings.file_error = parts.error();
    return;
  }
  orphans_found_ = true;
  for (PartOwner& part : *parts) {
    const bool in_log = std::any_of(
        findings.logs.begin(), findings.logs.end(),
        [&](const media::FoundLog& found) { return found.info.publication_id == part.publication_id; });
    if (!in_log) findings.orphans.push_back(std::move(part));
  }
}

}  // namespace millrace::recording
