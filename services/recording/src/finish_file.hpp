// Turns a part file into the finished one. Blocking.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "base/publication_ids.hpp"
#include "base/result.hpp"

namespace millrace::recording {

struct FinishedFile {
  PublicationId publication_id{};
  std::uint64_t size = 0;
  std::uint64_t duration_us = 0;
  std::uint64_t samples = 0;
  bool empty = false;  // there was nothing in it: the part was removed, no file was made
};

// <stem>.part.mp4 becomes <stem>.mp4: written under a temporary name, synced, renamed, the directory synced;
// only then the part is removed. May be repeated after a crash at any point. Errors leave the part as it is
// and no temporary file.
// "recording.stopping": stop was set meanwhile. "recording.damaged": what the part holds makes no file; it
// was put aside, as <stem>.damaged.part.mp4.
Result<FinishedFile> finish_file(const std::string& directory, const std::string& stem,
                                 const std::atomic<bool>& stop);

}  // namespace millrace::recording
