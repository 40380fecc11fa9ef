// GET /api/vod/list: the names of the finished recordings, in the order of their names.
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/result.hpp"
#include "routes.hpp"
#include "vod.hpp"

namespace millrace::api {
namespace {

namespace fs = std::filesystem;

// The newest of more: the application's answers have to stay small.
constexpr std::size_t kMaxListed = 1500;

struct Recording {
  fs::file_time_type written;
  std::string name;
};

Result<std::vector<Recording>> finished_recordings(const std::string& directory) {
  std::vector<Recording> recordings;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    std::string name = entry->path().filename().string();
    std::error_code gone;
    const bool regular = entry->symlink_status(gone).type() == fs::file_type::regular;
    if (!regular || !is_finished_recording(name)) continue;
    recordings.push_back({entry->last_write_time(gone), std::move(name)});
  }
  // No directory yet: nothing has been recorded.
  if (error && error != std::errc::no_such_file_or_directory)
    return fail("api.vod_directory", error.message());
  return recordings;
}

}  // namespace

http::Response vod_list_get(const Call& /*call*/, const Context& context) {
  Result<std::vector<Recording>> recordings = finished_recordings(context.vod_directory);
  if (!recordings) return unavailable("recording");
  if (recordings->size() > kMaxListed) {
    std::nth_element(recordings->begin(), recordings->begin() + kMaxListed, recordings->end(),
                     [](const Recording& a, const Recording& b) { return a.written > b.written; });
    recordings->erase(recordings->begin() + kMaxListed, recordings->end());
  }
  std::vector<std::string> names;
  for (Recording& recording : *recordings) names.push_back(std::move(recording.name));
  std::sort(names.begin(), names.end());
  return json_response(200,
                       nlohmann::json(names).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace millrace::api
