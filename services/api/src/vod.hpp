// Which files of the VOD directory the API shows: finished recordings, by name.
#pragma once

#include <string_view>

namespace millrace::api {

// While it is written a recording has a leading dot or ends in ".part.mp4".
constexpr bool is_finished_recording(std::string_view name) {
  return name.ends_with(".mp4") && !name.ends_with(".part.mp4") && !name.starts_with('.');
}

}  // namespace millrace::api
