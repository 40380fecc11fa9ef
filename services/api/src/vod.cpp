#include "vod.hpp"

#include <algorithm>

#include "base/ids.hpp"

namespace millrace::api {
namespace {

constexpr std::string_view kTimePattern = "-0000-00-00T00-00-00.000Z";
constexpr std::string_view kSuffix = ".mp4";

bool is_time(std::string_view text) {
  return std::equal(
      text.begin(), text.end(), kTimePattern.begin(), kTimePattern.end(),
      [](char c, char pattern) { return pattern == '0' ? c >= '0' && c <= '9' : c == pattern; });
}

}  // namespace

std::optional<RecordingName> parse_recording_name(std::string_view name) {
  if (!name.ends_with(kSuffix)) return std::nullopt;
  name.remove_suffix(kSuffix.size());
  if (name.size() <= kTimePattern.size()) return std::nullopt;
  const std::string_view id = name.substr(0, name.size() - kTimePattern.size());
  const std::string_view time = name.substr(id.size());
  if (!is_valid_id(id) || !is_time(time)) return std::nullopt;
  std::string started(time.substr(1));
  started[13] = ':';
  started[16] = ':';
  return RecordingName{id, std::move(started)};
}

std::optional<std::string_view> recording_in(std::string_view path) {
  if (path.starts_with("/api/")) path.remove_prefix(4);
  constexpr std::string_view kFile = "/vod/file/";
  constexpr std::string_view kBare = "/vod/";
  if (path.starts_with(kFile)) return path.substr(kFile.size());
  if (!path.starts_with(kBare)) return std::nullopt;
  const std::string_view name = path.substr(kBare.size());
  const bool route = name.empty() || name == "list" || name.find('/') != std::string_view::npos;
  return route ? std::nullopt : std::optional(name);
}

tl::expected<http::OpenedFile, http::Response> open_recording(const std::string& directory,
                                                              std::string_view name) {
  Result<http::OpenedFile> file = http::open_file(directory, name);
  if (!file && file.error().code == "http.file_name") {
    return tl::unexpected(
        http::Response::problem(400, "bad_file_name", "This is not the name of a recording."));
  }
  if (!file && file.error().code == "http.file_io") {
    http::Response response = http::Response::problem(503, "storage_unavailable");
    response.headers.add("Retry-After", "5");
    return tl::unexpected(std::move(response));
  }
  if (!file || !is_finished_recording(name)) {
    return tl::unexpected(http::Response::problem(404, "recording_unknown", "There is no such recording."));
  }
  return std::move(*file);
}

}  // namespace millrace::api
