#include "recordings/file_names.hpp"

#include <algorithm>

#include "base/clock.hpp"
#include "base/ids.hpp"

namespace millrace::recordings {
namespace {

constexpr std::string_view kTimePattern = "-0000-00-00T00-00-00.000Z";

bool is_time(std::string_view text) {
  return std::equal(
      text.begin(), text.end(), kTimePattern.begin(), kTimePattern.end(),
      [](char c, char pattern) { return pattern == '0' ? c >= '0' && c <= '9' : c == pattern; });
}

std::optional<FileState> take_suffix(std::string_view& name) {
  const auto take = [&](std::string_view suffix) {
    if (!name.ends_with(suffix)) return false;
    name.remove_suffix(suffix.size());
    return true;
  };
  if (take(kFinishingSuffix)) return FileState::kFinishing;
  if (take(kDamagedSuffix)) return FileState::kDamaged;
  if (take(kPartSuffix)) return FileState::kPart;
  if (take(kFinishedSuffix)) return FileState::kFinished;
  return std::nullopt;
}

}  // namespace

std::string FileName::started() const {
  std::string time = stem.substr(stream_id.size() + 1);
  time[13] = ':';
  time[16] = ':';
  return time;
}

std::string file_stem(std::string_view stream_id, WallTime started_wall) {
  std::string time = rfc3339(started_wall);
  std::replace(time.begin(), time.end(), ':', '-');
  return std::string(stream_id) + "-" + time;
}

std::optional<FileName> parse_file_name(std::string_view name) {
  const std::optional<FileState> state = take_suffix(name);
  if (!state || name.size() <= kTimePattern.size()) return std::nullopt;
  const std::string_view id = name.substr(0, name.size() - kTimePattern.size());
  if (!is_valid_id(id) || !is_time(name.substr(id.size()))) return std::nullopt;
  return FileName{std::string(id), std::string(name), *state};
}

std::optional<FileName> parse_finished_name(std::string_view name) {
  std::optional<FileName> parsed = parse_file_name(name);
  return parsed && parsed->state == FileState::kFinished ? std::move(parsed) : std::nullopt;
}

}  // namespace millrace::recordings
