// Which file of the VOD directory a request means, and whether it is there.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "http/files.hpp"

namespace millrace::api {

// The name in /vod/file/NAME and, as an older server had it, /vod/NAME, with or without /api; nullopt for
// another path. It may be no good name.
std::optional<std::string_view> recording_in(std::string_view path);

// The name in /vod/access/NAME, which asks who may have that recording.
std::optional<std::string_view> access_question_in(std::string_view path);

// A finished recording, or the answer to give instead: 400 for what is no file name, 404, 503.
tl::expected<http::OpenedFile, http::Response> open_recording(const std::string& directory,
                                                              std::string_view name);

}  // namespace millrace::api
