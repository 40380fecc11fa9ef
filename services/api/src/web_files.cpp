#include "web_files.hpp"

#include <filesystem>
#include <utility>

#include "base/errors.hpp"
#include "base/regular_file.hpp"
#include "http/files.hpp"

namespace millrace::api {
namespace {

constexpr std::size_t kMaxBytes = 16UL * 1024 * 1024;

// FNV-1a: only to distinguish versions of our own files.
std::string etag_of(std::string_view content) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : content) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return "\"" + std::to_string(content.size()) + "-" + std::to_string(hash) + "\"";
}

}  // namespace

WebFiles::WebFiles(const std::string& directory) {
  namespace fs = std::filesystem;
  std::error_code error;
  std::size_t total = 0;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with('.') || !entry->is_regular_file(error)) continue;
    Result<std::string> text = read_regular_file(entry->path().string(), kMaxBytes - total);
    if (!text && text.error().code == millrace::errors::kFileSize) break;
    if (!text) continue;
    total += text->size();
    auto content = std::make_shared<const std::string>(std::move(*text));
    std::string etag = etag_of(*content);
    files_[name] = {std::move(content), std::move(etag)};
  }
}

http::Response WebFiles::response(std::string_view name) const {
  const auto file = files_.find(name);
  if (file == files_.end()) return http::Response::problem(404, "not_found");
  http::Response response;
  response.headers.add("Content-Type", http::content_type_of(name));
  response.headers.add("Cache-Control", "no-cache");
  response.headers.add("ETag", file->second.etag);
  response.headers.add("X-Content-Type-Options", "nosniff");
  response.body = file->second.content;
  return response;
}

}  // namespace millrace::api
