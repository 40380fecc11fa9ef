// A log, a directory, and recordings between them.
#pragma once

#include <gtest/gtest.h>

#include "containers/mp4/box_reader.hpp"
#include "finish_file.hpp"
#include "media/recorded_log.hpp"
#include "recording.hpp"
#include "support.hpp"

namespace millrace::recording::test {

// What the finished files say of the log is what it said: each record once, in order, and the bytes where
// they are said to be.
inline void expect_log_in_files(const std::string& directory, media::LogReader log) {
  std::uint64_t next = log.info().first_sequence;
  for (const std::string& name : files(directory, FileState::kFinished)) {
    const Bytes file = read_file(directory + "/" + name);
    mp4::BoxReader boxes(file);
    ByteView media;
    while (const auto box = boxes.next()) {
      if (box->type == mp4::four_cc("mdat")) media = box->payload;
      const auto piece = media::read_recorded_piece(box->payload);
      if (box->type != mp4::four_cc("uuid") || !piece) continue;
      EXPECT_EQ(piece->log.publication_id, log.info().publication_id);
      const std::vector<std::uint64_t> places = media::places_in_file(piece->samples);
      for (std::size_t i = 0; i < places.size(); ++i) {
        const media::RecordedSample& sample = piece->samples[i];
        ASSERT_EQ(sample.record.sequence, next++);
        const auto logged = log.at(sample.record.sequence);
        ASSERT_TRUE(logged);
        EXPECT_EQ(sample.record.dts, logged->record.dts);
        EXPECT_EQ(sample.record.arrival_us, logged->record.arrival_us);
        EXPECT_EQ(sample.record.media_sequence, logged->record.media_sequence);
        EXPECT_EQ(sample.record.part, logged->record.part);
        EXPECT_EQ(sample.record.size, logged->record.size);
        if (!sample.in_file) continue;
        const ByteView stored = media.subspan(piece->bytes_before + places[i], sample.file_bytes());
        Bytes payload(stored.begin(), stored.end());
        payload.erase(payload.begin() + sample.inserted_at,
                      payload.begin() + sample.inserted_at + sample.inserted_bytes);
        EXPECT_TRUE(
            std::equal(payload.begin(), payload.end(), logged->payload.begin(), logged->payload.end()))
            << next;
      }
    }
  }
  EXPECT_EQ(next, log.info().committed);
}

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
