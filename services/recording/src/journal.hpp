// The note at the beginning of a part file, behind each of its fragments, and at the end of a finished file:
// which publication this is, and up to which record of its media log the file goes. It is what lets a
// restarted recorder go on with exactly the next sample. A 'uuid' box (ISO/IEC 14496-12 4.2), which every
// player passes over.
//
// A file that went on over a reconnect holds several publications: its fragments have the journals of one
// after those of the other, and a finished file ends with the last journal of each, oldest first.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/publication_ids.hpp"
#include "base/wall_time.hpp"
#include "containers/mp4/fragmented_file.hpp"

namespace millrace::recording {

struct Journal {
  PublicationId publication_id{};
  std::uint64_t next_sequence = 0;  // the first record that is not in the file
  WallTime started_wall{};          // what the file's name says
  std::int64_t shift_us = 0;        // from the publication's decode times to the file's
  std::int64_t arrival_us = 0;      // CLOCK_MONOTONIC of the newest sample in the file; 0: not known

  bool operator==(const Journal&) const = default;
};

inline constexpr std::size_t kJournalBoxBytes = 8 + 16 + 4 + 5 * 8;
// Version 1, without shift and arrival: in files from before reconnects were recorded into one. Read only.
inline constexpr std::size_t kOldJournalBoxBytes = 8 + 16 + 4 + 3 * 8;
// So many publications per file: the next one begins a new file.
inline constexpr std::size_t kMaxPublications = 256;

// The whole box.
Bytes write_journal(const Journal& journal);
// nullopt when the box is another one.
std::optional<Journal> read_journal(const mp4::FragmentedFileReader::OwnBox& box);

// The journals that a finished file ends with, oldest first; none when it is somebody else's. read fills the
// span from the offset, or says that it cannot.
std::vector<Journal> read_last_journals(
    std::uint64_t file_size,
    const std::function<bool(std::uint64_t offset, std::span<std::uint8_t> into)>& read);

}  // namespace millrace::recording
