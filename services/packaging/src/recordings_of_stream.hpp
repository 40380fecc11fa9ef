// One stream's recordings in the directory, and what they say of it: read when somebody asks, on from where
// they were read before. Blocking; one thread at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "recorded_segments.hpp"
#include "recordings/file_names.hpp"

namespace millrace::packaging {

// Never changes.
struct Recorded {
  std::vector<RecordedSegmentPtr> segments;  // oldest first
  std::vector<RecordedSegmentPtr> rest;      // RecordedSegments::rest
  bool goes_on = false;       // the newest file is still being written, or waits to be finished
  std::uint64_t version = 0;  // of this stream's: another one where there is something new
};

// What a share's box says. Blocking; any thread.
Result<media::RecordedPiece> read_piece(const RecordedShare& share);

class RecordingsOfStream {
 public:
  RecordingsOfStream(std::string directory, std::int64_t window_us)
      : directory_(std::move(directory)), window_us_(window_us), reading_(window_us) {}

  // names: of the stream's recordings, live and finished, oldest first, each once. Where one of them cannot
  // be opened: what was read before.
  std::shared_ptr<const Recorded> read(const std::vector<recordings::FileName>& names);

 private:
  struct File {
    std::string stem;
    recordings::FileState state = recordings::FileState::kPart;
    std::shared_ptr<const http::FileHandle> handle;
    RecordedFile walk{};
  };
  // What was read of the files.
  struct Reading {
    explicit Reading(std::int64_t window_us) : segments(window_us) {}
    RecordedSegments segments;
    std::vector<File> files;  // in the order of their names
  };
  bool goes_on(const std::vector<recordings::FileName>& names) const;
  std::optional<File> open(const recordings::FileName& name) const;
  static bool follow(File& file, RecordedSegments& segments);
  void renew();

  const std::string directory_;
  const std::int64_t window_us_;
  Reading reading_;
  std::shared_ptr<const Recorded> recorded_ = std::make_shared<const Recorded>();
};

}  // namespace millrace::packaging
