// A log, a directory, and recordings between them.
#pragma once

#include <gtest/gtest.h>

#include "finish_file.hpp"
#include "recording.hpp"
#include "support.hpp"

namespace millrace::recording::test {

class RecordingTest : public testing::Test {
 protected:
  void SetUp() override {
    arena_ = make_arena(scratch_.path() + "/log");
    ASSERT_NE(arena_, nullptr);
    auto reader = media::ArenaReader::open(scratch_.path() + "/log", "ingest", "recording-test");
    ASSERT_TRUE(reader) << reader.error().message;
    reader_ = std::move(*reader);
  }

  media::LogInfo info_of(const Publisher& publisher) {
    for (const media::LogInfo& info : reader_->logs()) {
      if (info.publication_id == PublicationId{publisher.publication_id()}) return info;
    }
    return {};
  }
  Recording open(const Publisher& publisher) {
    return std::move(Recording::open(*reader_, info_of(publisher), directory_).value());
  }
  Recording open(const Publisher& publisher, const FileLimits& files) {
    return std::move(Recording::open(*reader_, info_of(publisher), directory_, {.file = files}).value());
  }
  // Opens the recording of a publication that comes back after the other.
  Recording open_after(const Publisher& publisher, Recording& before) {
    return std::move(
        Recording::open(*reader_, info_of(publisher), directory_, {}, [&](std::int64_t arrival_us) {
          run(before, kReturn);
          return before.hand_over(arrival_us, kReturn.grace_us);
        }).value());
  }
  // Steps until there is no more to do now; finishes what is complete.
  Progress run(Recording& recording, const ReturnPolicy& policy = {}) {
    Progress last;
    do {
      last = recording.step(monotonic_us(), policy);
      lost_ += last.lost_samples;
      for (const std::string& stem : last.complete) finish(stem);
    } while (last.more && !last.failure);
    return last;
  }
  void finish(const std::string& stem) {
    const std::atomic<bool> stop{false};
    const auto finished = finish_file(directory_, stem, stop);
    ASSERT_TRUE(finished) << finished.error().message;
  }

  static constexpr ReturnPolicy kReturn{.grace_us = 60'000'000, .awaited = false};
  ScratchDirectory scratch_;
  const std::string directory_ = scratch_.path() + "/vod";
  std::unique_ptr<media::ArenaWriter> arena_;
  std::unique_ptr<media::ArenaReader> reader_;
  std::uint64_t lost_ = 0;
};

}  // namespace millrace::recording::test
