// The presentations of finished recordings, made once and remembered: reading a file's tables takes its
// time (tens of milliseconds for many hours), so a thread of its own does it, one file after the other.
//
// Any thread. At most kMostQueued files wait to be read, at most kMostWaiting requests for each. What is
// remembered takes kMostMemory; of more, what was asked for longest ago is forgotten. What was read last
// stays, however large: tables are at most four times the movie box (64 MiB), lists a few MiB besides. What
// cannot be presented is remembered too.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/result.hpp"
#include "http/content_coding.hpp"
#include "http/files.hpp"
#include "vod_presentation.hpp"

namespace millrace::api {

struct VodItem {
  explicit VodItem(VodPresentation made);

  VodPresentation presentation;
  // Whole ones: by the rendition's name; the multivariant playlist's is empty.
  std::map<std::string, std::shared_ptr<const http::CodedText>, std::less<>> playlists;
  std::shared_ptr<const http::CodedText> mpd;
  std::size_t memory() const;
};

class VodLibrary {
 public:
  static constexpr std::size_t kMostQueued = 64;
  static constexpr std::size_t kMostWaiting = 256;
  static constexpr std::size_t kMostMemory = 64UL << 20;

  // "mp4.moov", "mp4.tables", "mp4.too_large", "api.vod_segments": the file cannot be presented.
  // "api.vod_busy": not now. "api.read" and what else goes wrong with the disk: not now either.
  using Found = Result<std::shared_ptr<const VodItem>>;
  using Answer = std::function<void(const Found&)>;

  explicit VodLibrary(std::size_t most_memory = kMostMemory);
  ~VodLibrary();
  VodLibrary(const VodLibrary&) = delete;
  VodLibrary& operator=(const VodLibrary&) = delete;

  // Calls answer now with what is remembered of this very file (by its ETag), else later on the library's
  // thread.
  void find(const std::string& name, const http::OpenedFile& file, Answer answer);
  std::size_t memory() const;

 private:
  struct Known {
    std::string etag;
    Found found;
    std::size_t memory = 0;
    std::list<std::string>::iterator place;
  };
  struct Job {
    std::string name;
    http::OpenedFile file;
    std::vector<Answer> answers;
  };

  void run();
  void remember(const Job& job, const Found& found);
  void forget(const std::string& name);
  void forget_oldest();

  const std::size_t most_memory_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::map<std::string, Known> known_;
  std::list<std::string> oldest_first_;
  std::size_t memory_ = 0;
  std::deque<std::shared_ptr<Job>> queue_;  // the first one is being read
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace millrace::api
