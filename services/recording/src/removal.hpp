// Deletes what was recorded of streams of which nothing is to stay. Blocking.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>

#include "base/result.hpp"

namespace millrace::recording {

using StreamIds = std::set<std::string, std::less<>>;

struct Removal {
  std::size_t files = 0;       // that are gone, marks not counted
  bool waits = false;          // files that are in use are there, or some could not be deleted
  std::optional<Error> error;  // the first one
};

// Of these streams. in_use: those of them whose parts somebody still writes or finishes; these stay for now.
// A mark of privacy goes after everything that it is about.
Removal remove_recordings(const std::string& directory, const StreamIds& streams, const StreamIds& in_use);

}  // namespace millrace::recording
