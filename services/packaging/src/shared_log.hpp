// A reader of one media log that a stream's actor and the HTTP threads share: LogReader is for one thread at
// a time, and cursors are few. Every use is short (index records and block generations, never media), so one
// mutex is enough.
#pragma once

#include <mutex>
#include <span>
#include <utility>

#include "media/arena_reader.hpp"

namespace millrace::packaging {

class SharedLog {
 public:
  explicit SharedLog(media::LogReader reader) : reader_(std::move(reader)) {}

  // use(LogReader&) with the reader for itself.
  template <class Use>
  auto with(Use&& use) {
    const std::lock_guard lock(mutex_);
    return use(reader_);
  }

  // Are the bytes of all these records still theirs?
  bool intact(std::span<const media::SampleRecord> records) {
    const std::lock_guard lock(mutex_);
    for (const media::SampleRecord& record : records) {
      if (!reader_.intact(record)) return false;
    }
    return true;
  }

 private:
  std::mutex mutex_;
  media::LogReader reader_;
};

}  // namespace millrace::packaging
