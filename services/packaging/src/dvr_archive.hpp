// The recordings behind the streams' lists: found and read when somebody asks for a stream's past, on threads
// of its own, remembered as long as somebody asks. Any thread.
//
//   bound                                          at it
//   kMostWaiting streams wait to be read           not now (nullptr, false)
//   kMostAnswers wait for one of them              not now
//   kMostSegments remembered of all streams        the stream asked for longest ago is read again
//   kMostOpenFiles of all streams                  the same
//   kMostFiles of one stream                       older ones are left out
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bounded_workers.hpp"
#include "dvr_lists.hpp"
#include "recordings_of_stream.hpp"

namespace millrace::packaging {

// The names in the directory by stream, read again when it has changed. One thread at a time.
class RecordingNames {
 public:
  explicit RecordingNames(std::string directory) : directory_(std::move(directory)) {}

  // Of the stream, live or finished, each once, by name: those that may have something of the last
  // window_us. What is named after a time that has not come tells nothing of the others: the clock was put
  // back. "packaging.recordings": the directory cannot be read.
  Result<std::vector<recordings::FileName>> of(const std::string& stream_id, std::int64_t window_us,
                                               WallTime now);

  // All that have some, as of the last look; another one where that has changed.
  using Streams = std::shared_ptr<const std::set<std::string, std::less<>>>;
  const Streams& streams() const { return streams_; }
  Result<void> refresh();

 private:
  Result<void> list();

  const std::string directory_;
  std::int64_t changed_ns_ = 0;  // as the file system says
  bool certain_ = false;         // it was read long enough after that
  std::int64_t listed_ns_ = 0;   // it was read
  Streams streams_;
  std::map<std::string, std::vector<recordings::FileName>, std::less<>> names_;  // by stream
};

class DvrArchive {
 public:
  static constexpr std::size_t kThreads = 3;
  static constexpr std::size_t kMostWaiting = 512;
  static constexpr std::size_t kMostAnswers = 4096;
  static constexpr std::size_t kMostSegments = 200'000;
  static constexpr std::size_t kMostOpenFiles = 2048;
  static constexpr std::size_t kMostFiles = 1024;
  // What was read so lately is new enough: a list's end is the log's.
  static constexpr std::int64_t kFreshUs = 1'000'000;
  // Nobody has asked for so long: files are closed.
  static constexpr std::int64_t kIdleUs = 120'000'000;

  // report: why there are no recordings at all, empty when there may be some again; when that changes, on a
  // thread of its own.
  using Report = std::function<void(const std::string& problem)>;
  DvrArchive(
      std::string directory, std::int64_t window_us, Report report = [](const std::string&) {});

  struct Stream {
    std::shared_ptr<const Recorded> recorded;  // never null
    std::shared_ptr<DvrLists> lists;           // made of it, with the log's; nullptr: nothing is kept of it
  };
  // nullptr: not now.
  using Answer = std::function<void(const Stream*)>;
  // What the stream's recordings have; also when that is nothing. On a thread of its own; at once where it is
  // not live, and it was known just now that it has none. is_live: what its lists have shown is kept, whether
  // there are recordings or not.
  void find(const std::string& stream_id, bool is_live, std::int64_t now_us, Answer answer);
  // What is remembered of it, however old; nullptr: nothing.
  std::shared_ptr<const Recorded> remembered(std::string_view stream_id) const;
  // Does what waits for the disk. False: not now.
  [[nodiscard]] bool post(std::function<void()> job) { return workers_.post(std::move(job)); }
  // Forgets what nobody has asked for lately; done by itself now and then.
  void sweep(std::int64_t now_us);
  // Are there recordings at all? Reports; done by itself now and then.
  void look();

  std::int64_t window_us() const { return window_us_; }

 private:
  struct Entry {
    std::shared_ptr<RecordingsOfStream> files;
    Stream known;
    std::int64_t read_us = 0;
    std::int64_t asked_us = 0;
    bool is_live = false;  // was, when it was asked for
    bool is_read = false;  // once at least
  };
  Entry& entry(const std::string& stream_id, std::int64_t now_us);
  bool has_none(const std::string& stream_id, std::int64_t now_us) const;
  void read(const std::string& stream_id, std::int64_t now_us);
  // nullopt: it could not be looked at, and never was.
  std::optional<Stream> found(const std::string& stream_id, std::int64_t now_us);
  Result<std::shared_ptr<const Recorded>> read_files(const std::string& stream_id, std::int64_t now_us);
  Result<std::vector<recordings::FileName>> names_of(const std::string& stream_id, std::int64_t now_us);
  void report(const Result<void>& looked);
  void forget_oldest();

  const std::string directory_;
  const std::int64_t window_us_;
  const Report report_;
  std::mutex names_mutex_;  // guards what follows
  RecordingNames names_;
  std::string problem_;
  mutable std::mutex mutex_;  // guards what follows
  std::map<std::string, Entry, std::less<>> streams_;
  std::map<std::string, std::vector<Answer>> waiting_;  // for a stream that is being read, or to be
  RecordingNames::Streams listed_;                      // that have recordings
  std::int64_t listed_us_ = 0;                          // as of then
  BoundedWorkers workers_;                              // the last: its threads use all of the above
};

}  // namespace millrace::packaging
