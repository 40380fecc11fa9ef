// Consecutive records of a log, read once: for one consumer, or for many that stand at about the same place.
// Payloads stay where they are, in the log's memory.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "media/arena_reader.hpp"

namespace millrace::media {

struct LogEntry {
  SampleRecord record;
  ByteView message;  // a whole RTMP message in one chunk
};

// After a run of records was used in place: were the bytes theirs all the time? Blocks are recycled oldest
// first: if the first record's are still what they were, all are. Precondition: it is not empty.
inline bool intact(const LogReader& log, std::span<const LogEntry> run) {
  return log.intact(run.front().record);
}

class LogWindow {
 public:
  // Records from first on and before end, as far as they are retained and committed. Keeps its memory.
  void fill(const LogReader& log, std::uint64_t first, std::uint64_t end) {
    clear(first);
    for (std::uint64_t sequence = first; sequence < end; ++sequence) {
      const auto sample = log.at(sequence);
      if (!sample) return;
      entries_.push_back({sample->record, sample->message});
    }
  }
  void clear(std::uint64_t first) {
    first_ = first;
    entries_.clear();
  }

  bool empty() const { return entries_.empty(); }
  std::uint64_t first() const { return first_; }
  std::uint64_t end() const { return first_ + entries_.size(); }
  // From this record on. Precondition: first() <= sequence <= end().
  std::span<const LogEntry> from(std::uint64_t sequence) const {
    return std::span(entries_).subspan(sequence - first_);
  }

 private:
  std::uint64_t first_ = 0;
  std::vector<LogEntry> entries_;
};

}  // namespace millrace::media
