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
  std::size_t files = 0;      // that are open
  std::uint64_t version = 0;  // of this stream's: another one where there is something new
};

// nullptr: there is none.
RecordedSegmentPtr newest_of(const Recorded& recorded);
// Does the newest of it take a token, as far as the log knew?
bool is_private(const Recorded& recorded);

// The file that has a share is still in a directory.
bool is_there(const RecordedShare& share);
// What a share's box says. Blocking; any thread.
Result<media::RecordedPiece> read_piece(const RecordedShare& share);

class RecordingsOfStream {
 public:
  RecordingsOfStream(std::string directory, std::int64_t window_us)
      : directory_(std::move(directory)), window_us_(window_us), reading_(window_us) {}

  // names: of the stream's recordings, live and finished, each once, in any order: what stands where goes by
  // the log's numbers in them, for the clock that named them may have been put back. One that cannot be read
  // is left out.
  std::shared_ptr<const Recorded> read(const std::vector<recordings::FileName>& names);

 private:
  // A file is what stands under its name: another one may be given it.
  struct Identity {
    std::uint64_t device = 0, inode = 0;
    bool operator==(const Identity&) const = default;
  };
  // Where what it says of the stream begins.
  struct Place {
    std::uint64_t media_sequence = 0;
    std::uint64_t sequence = 0;                      // of the record
    auto operator<=>(const Place&) const = default;  // NOLINT(modernize-use-nullptr): false
  };
  struct File {
    std::string stem;
    recordings::FileState state = recordings::FileState::kPart;
    Identity identity;
    std::shared_ptr<const http::FileHandle> handle;
    std::uint64_t size = 0;        // up to which it was read
    std::optional<Place> begin{};  // nullopt: it says nothing yet
    RecordedFile walk{};
  };
  // What was read of the files.
  struct Reading {
    explicit Reading(std::int64_t window_us) : segments(window_us) {}
    RecordedSegments segments;
    std::vector<File> files;  // in the log's order
  };
  // One that says nothing: looked at again when it has grown.
  struct Silent {
    Identity identity;
    std::uint64_t size = 0;
    bool operator==(const Silent&) const = default;
  };
  std::vector<File> opened(const std::vector<recordings::FileName>& names);
  std::optional<File> open(const recordings::FileName& name) const;
  bool goes_on(const std::vector<File>& now) const;
  static bool follow(File& file, RecordedSegments& segments);
  void renew();

  const std::string directory_;
  const std::int64_t window_us_;
  Reading reading_;
  std::vector<Silent> silent_;  // as many as there are names
  std::shared_ptr<const Recorded> recorded_ = std::make_shared<const Recorded>();
};

}  // namespace millrace::packaging
