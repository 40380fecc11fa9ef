// GET /api/vod/list: the names of the finished recordings, in the order of their names.
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "routes.hpp"
#include "vod.hpp"

namespace millrace::api {
namespace {

constexpr std::size_t kMaxListed = 2000;

}  // namespace

// The answer has to pass the edge's limit for an application's answer: beyond kMaxListed the last names are
// left out.
http::Response vod_list_get(const Call& /*call*/, const Context& context) {
  namespace fs = std::filesystem;
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(context.vod_directory, error), end; !error && entry != end;
       entry.increment(error)) {
    std::string name = entry->path().filename().string();
    std::error_code ignored;
    if (is_finished_recording(name) && entry->symlink_status(ignored).type() == fs::file_type::regular) {
      names.push_back(std::move(name));
    }
  }
  // No directory yet: nothing has been recorded.
  if (error && error != std::errc::no_such_file_or_directory) return unavailable("recording");
  std::sort(names.begin(), names.end());
  if (names.size() > kMaxListed) names.resize(kMaxListed);
  const nlohmann::json document = names;
  return json_response(200, document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace millrace::api
