// One recorder per directory: two would cut off each other's files. A lock that the kernel gives back with
// the process, however that ends. One thread at a time.
#pragma once

#include <string>

#include "base/result.hpp"
#include "net/unique_fd.hpp"

namespace millrace::recording {

class DirectoryLock {
 public:
  // Makes the directory. Nothing to do while the lock is held; taken again when the directory, or the file in
  // it, was replaced. "recording.locked": another recorder has it, and which one; else what making and
  // opening fail with.
  Result<void> take(const std::string& directory);

 private:
  bool held(const std::string& path) const;

  net::UniqueFd fd_;
};

}  // namespace millrace::recording
