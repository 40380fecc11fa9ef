// Checks what a log holds: every retained record against the rules of docs/media-log.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "media/arena_reader.hpp"

namespace millrace::media {

struct Verification {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;            // of payload
  std::vector<std::string> problems;  // at most kMaxProblems
  // What an encoder's uneven times do to parts: nothing is wrong with the log. At most kMaxProblems.
  std::vector<std::string> warnings;
  static constexpr std::size_t kMaxProblems = 100;
};

// Reads from the cursor on to what is committed now. Records that are recycled meanwhile are no problem.
Verification verify_log(LogReader& reader);

}  // namespace millrace::media
