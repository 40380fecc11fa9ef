// The note at the beginning of a part file, behind each of its fragments, and at the end of a finished file:
// which publication this is, and up to which record of its media log the file goes. It is what lets a
// restarted recorder go on with exactly the next sample. A 'uuid' box (ISO/IEC 14496-12 4.2), which every
// player passes over.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "containers/mp4/fragmented_file.hpp"

namespace millrace::recording {

struct Journal {
  std::uint64_t publication_id = 0;
  std::uint64_t next_sequence = 0;   // the first record that is not in the file
  std::int64_t started_wall_us = 0;  // what the file's name says

  bool operator==(const Journal&) const = default;
};

inline constexpr std::size_t kJournalBoxBytes = 8 + 16 + 4 + 3 * 8;

// The whole box.
Bytes write_journal(const Journal& journal);
// nullopt when the box is another one.
std::optional<Journal> read_journal(const mp4::FragmentedFileReader::OwnBox& box);
// From the last kJournalBoxBytes of a file.
std::optional<Journal> read_journal(ByteView box);

}  // namespace millrace::recording
