// What the files of recordings are called: <id>-2026-11-20T21-49-15.123Z.mp4 when finished, with .part.mp4
// while live (it plays too, up to its last fragment), with .finishing.part.mp4 while the finished form is
// written, with .damaged.part.mp4 when there can be none. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/wall_time.hpp"

namespace millrace::recordings {

inline constexpr std::string_view kPartSuffix = ".part.mp4";
inline constexpr std::string_view kFinishingSuffix = ".finishing.part.mp4";
inline constexpr std::string_view kDamagedSuffix = ".damaged.part.mp4";
inline constexpr std::string_view kFinishedSuffix = ".mp4";

enum class FileState : std::uint8_t { kPart, kFinishing, kDamaged, kFinished };

struct FileName {
  std::string stream_id;
  std::string stem;  // without suffix
  FileState state = FileState::kFinished;

  // From the name: 2026-11-20T21:49:15.123Z
  std::string started() const;
};

// "<id>-<UTC time>"
std::string file_stem(std::string_view stream_id, WallTime started_wall);
// nullopt for a file that recording did not name.
std::optional<FileName> parse_file_name(std::string_view name);
// nullopt also while it is not finished.
std::optional<FileName> parse_finished_name(std::string_view name);

// Is a file of this name offered to viewers? What recording finished is, and what others put there as
// finished: <any>.mp4 without a leading dot that does not end in .part.mp4.
constexpr bool is_offered(std::string_view name) {
  return name.ends_with(kFinishedSuffix) && !name.ends_with(kPartSuffix) && !name.starts_with('.');
}

static_assert(kFinishingSuffix.ends_with(kPartSuffix) && kDamagedSuffix.ends_with(kPartSuffix),
              "is_offered() knows what is unfinished by this");

}  // namespace millrace::recordings
