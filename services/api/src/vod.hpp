// Which files of the VOD directory the API shows: finished recordings, by name, and whose they are.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "http/files.hpp"

namespace millrace::api {

// While it is written a recording has a leading dot or ends in ".part.mp4".
constexpr bool is_finished_recording(std::string_view name) {
  return name.ends_with(".mp4") && !name.ends_with(".part.mp4") && !name.starts_with('.');
}

// What <id>-2026-11-20T21-49-15.123Z.mp4 says; nullopt for a file that recording did not name.
struct RecordingName {
  std::string_view stream_id;
  std::string started;  // 2026-11-20T21:49:15.123Z
};
std::optional<RecordingName> parse_recording_name(std::string_view name);

// The name in /vod/file/NAME and, as an older server had it, /vod/NAME, with or without /api; nullopt for
// another path. It may be no good name.
std::optional<std::string_view> recording_in(std::string_view path);

// A finished recording, or the answer to give instead: 400 for what is no file name, 404, 503.
tl::expected<http::OpenedFile, http::Response> open_recording(const std::string& directory,
                                                              std::string_view name);

}  // namespace millrace::api
