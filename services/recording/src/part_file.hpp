// The file a live publication is recorded to. Each append is there whole or not at all, also after a full
// disk: what a failed write left is cut off again. Blocking, one thread at a time.
#pragma once

#include <optional>
#include <string>

#include "base/wall_time.hpp"
#include "containers/mp4/finish.hpp"
#include "file_io.hpp"
#include "recorder.hpp"

namespace millrace::recording {

// A part file of an earlier run, read to its last whole fragment.
struct PartContent {
  ResumePoint resume;
  std::vector<Journal> journals;     // the last of each publication, oldest first; the newest is resume's
  std::uint64_t end = 0;             // one past the last journal: what follows is torn
  std::uint64_t payload_bytes = 0;   // of the samples in it
  std::uint64_t recorded_bytes = 0;  // of what it says of the log (media/recorded_log.hpp)
  mp4::LeadIns lead_ins{};           // of fragments that the journal did not count
};

// nullopt when not even its beginning is whole. Errors are those of reading.
Result<std::optional<PartContent>> read_part(const std::string& path);

class PartFile {
 public:
  // How much a power failure may cost: a file's data are on the disk at most this long after they were
  // written.
  static constexpr std::int64_t kSyncEveryUs = 10'000'000;

  // A new file that overwrites none: when the name is taken, the time in it moves on by a millisecond.
  static Result<PartFile> create(const std::string& directory, const std::string& stream_id,
                                 WallTime started_wall);
  // Goes on behind content.end.
  static Result<PartFile> resume(const std::string& directory, const std::string& stem,
                                 const PartContent& content);

  // "recording.gone": somebody has deleted the file; what was in it is lost, and a new one is needed.
  // piece: what the log said of the samples; bytes_before is filled in. Without samples: nothing is kept of
  // it.
  Result<void> append(const Append& append, media::RecordedPiece piece = {});
  // fdatasync when the last one is kSyncEveryUs ago, or now.
  Result<void> sync(std::int64_t monotonic_us, bool now);

  const std::string& stem() const { return stem_; }
  std::uint64_t size() const { return size_; }

 private:
  PartFile(net::UniqueFd fd, std::string stem, std::uint64_t size)
      : fd_(std::move(fd)), stem_(std::move(stem)), size_(size) {}

  net::UniqueFd fd_;
  std::string stem_;
  std::uint64_t size_ = 0;
  std::uint64_t payload_bytes_ = 0;  // of the samples in it
  std::uint64_t synced_size_ = 0;
  std::int64_t synced_us_ = 0;
};

}  // namespace millrace::recording
