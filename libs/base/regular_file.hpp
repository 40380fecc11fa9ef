// Reads a file that somebody else named, whole, within a bound and without ever waiting for it: a path may
// have become a FIFO, a device or something endless since it was looked at last.
//
// Any thread.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.hpp"

namespace millrace {

// What the regular file (or what a symbolic link leads to) holds. Errors: "file.unreadable", "file.kind" (no
// regular file), "file.size" (more than max_bytes). Their messages are reasons to be put behind the path, as
// "No such file or directory" is; nothing of the content is in them.
Result<std::string> read_regular_file(const std::string& path, std::size_t max_bytes);

}  // namespace millrace
