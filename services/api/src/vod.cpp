#include "vod.hpp"

#include "http/errors.hpp"
#include "recordings/file_names.hpp"

namespace millrace::api {

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

std::optional<std::string_view> access_question_in(std::string_view path) {
  if (path.starts_with("/api/")) path.remove_prefix(4);
  constexpr std::string_view kAccess = "/vod/access/";
  if (!path.starts_with(kAccess) || path.size() == kAccess.size()) return std::nullopt;
  const std::string_view name = path.substr(kAccess.size());
  return name.find('/') == std::string_view::npos ? std::optional(name) : std::nullopt;
}

tl::expected<http::OpenedFile, http::Response> open_recording(const std::string& directory,
                                                              std::string_view name) {
  Result<http::OpenedFile> file = http::open_file(directory, name);
  if (!file && file.error().code == http::errors::kFileName) {
    return tl::unexpected(
        http::Response::problem(400, "bad_file_name", "This is not the name of a recording."));
  }
  if (!file && file.error().code == http::errors::kFileIo) {
    http::Response response = http::Response::problem(503, "storage_unavailable");
    response.headers.add("Retry-After", "5");
    return tl::unexpected(std::move(response));
  }
  if (!file || !recordings::is_offered(name)) {
    return tl::unexpected(http::Response::problem(404, "recording_unknown", "There is no such recording."));
  }
  return std::move(*file);
}

}  // namespace millrace::api
