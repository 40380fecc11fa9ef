// The mark of a recording that has something of a private publication: an empty file ".<stem>.private" beside
// <stem>.mp4. Recording leaves it before the file has the first of that, and it stays; whoever serves
// recordings asks for it. The name is on users' disks: another one would publish what they recorded.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "recordings/file_names.hpp"

namespace millrace::recordings {

// The mark's file name, by the recording's name without its suffix.
std::string private_mark(std::string_view stem);

// The recording that a mark is of, as its finished file would be named; nullopt for a file that is no mark of
// one that recording named.
std::optional<FileName> parse_private_mark(std::string_view name);

// Does the mark of <stem>.mp4 stand in the directory? One access(), any thread. False for a name that is none
// of an .mp4 file in the directory itself.
bool is_marked_private(const std::string& directory, std::string_view name);

}  // namespace millrace::recordings
