// Finds the sources in the arenas of the media log, and at the first look the parts that belong to none of
// them. Blocking (it lists directories); one thread at a time.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "catalogue.hpp"
#include "directory_lock.hpp"
#include "media/arena_set.hpp"

namespace millrace::recording {

class LogScanner {
 public:
  struct Findings {
    std::vector<media::FoundLog> logs;  // sources: what was made from one is not recorded
    std::vector<PartOwner> orphans;   // parts whose publication has left the log: to be finished as they are
    std::optional<Error> log_error;   // an arena could not be read
    std::optional<Error> file_error;  // the directory of recordings could not be read or locked
  };

  LogScanner(std::string media_log_directory, std::string directory)
      : arenas_(std::move(media_log_directory), "recording"), directory_(std::move(directory)) {}

  // Finds nothing, and says why, while the directory of recordings cannot be locked.
  Findings look();
  // Takes the lock now, so that a second recorder can be refused at once.
  Result<void> lock();

 private:
  void find_orphans(Findings& findings);

  std::mutex mutex_;
  media::ArenaSet arenas_;
  const std::string directory_;
  DirectoryLock lock_;
  bool orphans_found_ = false;
};

}  // namespace millrace::recording
