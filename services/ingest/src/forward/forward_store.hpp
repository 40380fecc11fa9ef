// The forwards that commands asked for, in a file of ingest's own, so that they outlive it: one JSON object
// {"forwards": [{"id": …, "stream": …, "url": …}]}. The URLs hold keys: the file is its user's alone (0600).
//
// Written whole or not at all, and not synced: the bus's thread waits for no disk, and a process that is
// killed loses nothing. Blocking for the file system's memory only. One caller at a time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace millrace::ingest {

struct StoredForward {
  std::string id;
  std::string stream_id;
  std::string url;  // a secret
};

class ForwardStore {
 public:
  explicit ForwardStore(std::string path) : path_(std::move(path)) {}

  // What was saved last; none where there is no file. "ingest.forward_store": the file could not be read, or
  // is damaged; then it is <path>.damaged from now on, and nothing is lost that somebody could still read.
  Result<std::vector<StoredForward>> load() const;
  // In place of what was saved. "ingest.forward_store": it was not, and the file is as before.
  Result<void> save(const std::vector<StoredForward>& forwards) const;

 private:
  const std::string path_;
};

}  // namespace millrace::ingest
