// The finished recordings on disk: their names, and what the files say about themselves. Thread-safe; calls
// may block on the disk.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/bounded_map.hpp"
#include "containers/mp4/movie_info.hpp"
#include "vod.hpp"

namespace millrace::api {

// "api.read" when the file is shorter than it was, or cannot be read.
mp4::FileSource file_source(const http::OpenedFile& file);

class Recordings {
 public:
  static constexpr std::size_t kMostNames = 100'000;  // of a directory; of more, the newest
  // Files whose contents are remembered; of more, the last read.
  static constexpr std::size_t kMostKept = 1024;
  // Names in one answer: the application's have to stay small.
  static constexpr std::size_t kMostReturned = 1500;

  explicit Recordings(std::string directory) : directory_(std::move(directory)) {}
  const std::string& directory() const { return directory_; }

  // In the order of their names; none when there is no directory yet. "api.vod_directory".
  Result<std::vector<std::string>> names() const;
  // Those of the names that were written last, in the order of their names.
  std::vector<std::string> newest(std::vector<std::string> names, std::size_t most) const;

  // nullopt: the file is no readable MP4. Remembered as long as the file stays as it is.
  std::shared_ptr<const mp4::MovieInfo> info(const std::string& name, const http::OpenedFile& file);

 private:
  struct Kept {
    std::string etag;
    std::shared_ptr<const mp4::MovieInfo> info;
  };
  const std::string directory_;
  std::mutex mutex_;
  BoundedMap<std::string, Kept> kept_{kMostKept};
};

}  // namespace millrace::api
