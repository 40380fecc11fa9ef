// What recordings are called: <id>-2026-11-20T21-49-15.123Z.mp4 when finished, with .part.mp4 while live (it
// plays too, up to its last fragment), with .finishing.part.mp4 while the finished form is written, with
// .damaged.part.mp4 when there can be none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::recording {

inline constexpr std::string_view kPartSuffix = ".part.mp4";
inline constexpr std::string_view kFinishingSuffix = ".finishing.part.mp4";
inline constexpr std::string_view kDamagedSuffix = ".damaged.part.mp4";
inline constexpr std::string_view kFinishedSuffix = ".mp4";

enum class FileState { kPart, kFinishing, kDamaged, kFinished };

struct FileName {
  std::string stream_id;
  std::string stem;  // without suffix
  FileState state = FileState::kFinished;
};

// An empty file beside a recording that has something of a private publication: ".<stem>.private". It is
// there before the first of that is, and stays.
inline std::string private_mark(std::string_view stem) {
  return "." + std::string(stem) + ".private";
}

// "<id>-<UTC time>"
std::string file_stem(std::string_view stream_id, std::int64_t started_wall_us);
// nullopt for a file that is not ours.
std::optional<FileName> parse_file_name(std::string_view name);

}  // namespace millrace::recording
