#include "recordings.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "errors.hpp"
#include "recordings/file_names.hpp"

namespace millrace::api {
namespace {

namespace fs = std::filesystem;

Result<void> read_exactly(int descriptor, std::uint64_t offset, std::span<std::uint8_t> into) {
  while (!into.empty()) {
    const ssize_t count = ::pread(descriptor, into.data(), into.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail(api::errors::kRead);
    into = into.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return {};
}

std::shared_ptr<const mp4::MovieInfo> read_info(const http::OpenedFile& file) {
  Result<mp4::MovieInfo> info = mp4::read_movie_info(file_source(file));
  return info ? std::make_shared<const mp4::MovieInfo>(std::move(*info)) : nullptr;
}

}  // namespace

mp4::FileSource file_source(const http::OpenedFile& file) {
  return {file.region.size, [handle = file.region.file](std::uint64_t offset, std::span<std::uint8_t> into) {
            return read_exactly(handle->descriptor(), offset, into);
          }};
}

Result<std::vector<std::string>> Recordings::names() const {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(directory_, error), end; !error && entry != end; entry.increment(error)) {
    std::string name = entry->path().filename().string();
    std::error_code gone;
    if (!recordings::is_offered(name) || entry->is_symlink(gone) || !entry->is_regular_file(gone)) continue;
    names.push_back(std::move(name));
    if (names.size() >= 2 * kMostNames) names = newest(std::move(names), kMostNames);
  }
  // No directory yet: nothing has been recorded.
  if (error && error != std::errc::no_such_file_or_directory)
    return fail("api.vod_directory", error.message());
  return newest(std::move(names), kMostNames);
}

std::vector<std::string> Recordings::newest(std::vector<std::string> names, std::size_t most) const {
  if (names.size() > most) {
    std::vector<std::pair<fs::file_time_type, std::string>> dated;
    dated.reserve(names.size());
    for (std::string& name : names) {
      std::error_code gone;
      const fs::file_time_type written = fs::last_write_time(fs::path(directory_) / name, gone);
      dated.emplace_back(gone ? fs::file_time_type::min() : written, std::move(name));
    }
    std::nth_element(dated.begin(), dated.begin() + static_cast<std::ptrdiff_t>(most), dated.end(),
                     std::greater<>());
    names.clear();
    for (std::size_t i = 0; i < most; ++i) names.push_back(std::move(dated[i].second));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::shared_ptr<const mp4::MovieInfo> Recordings::info(const std::string& name,
                                                       const http::OpenedFile& file) {
  {
    const std::lock_guard lock(mutex_);
    const Kept* const known = kept_.find(name);
    if (known != nullptr && known->etag == file.etag) return known->info;
  }
  auto info = read_info(file);
  const std::lock_guard lock(mutex_);
  kept_.put(name, {file.etag, info});
  return info;
}

}  // namespace millrace::api
