// The fixture of the media log's tests.
#pragma once

#include <gtest/gtest.h>

#include "media/arena_test_samples.hpp"

namespace millrace::media::testing {

// An arena in a directory of its own, with a writer; gtest's assertions say what failed.
class ArenaFixture : public ::testing::Test {
 protected:
  void open_writer(const ArenaConfig& config) {
    writer_.reset();
    config_ = config;
    auto writer = ArenaWriter::open(config);
    ASSERT_TRUE(writer) << writer.error().message;
    writer_ = std::move(*writer);
  }
  void open_writer(std::uint32_t blocks = 32, std::uint32_t block_bytes = 4096) {
    open_writer(small_arena(directory_.path(), blocks, block_bytes));
  }
  std::unique_ptr<ArenaReader> open_reader() {
    auto reader = ArenaReader::open(directory_.path(), "test", "unit-test");
    EXPECT_TRUE(reader) << reader.error().message;
    return reader ? std::move(*reader) : nullptr;
  }
  std::unique_ptr<LogWriter> create(const LogDescription& description) {
    auto log = writer_->create_log(description);
    EXPECT_TRUE(log) << log.error().message;
    return log ? std::move(*log) : nullptr;
  }
  // Appends samples that together fill this many whole blocks (of the data area), times from begin_us, 1 us
  // apart.
  void fill_blocks(LogWriter& log, std::uint64_t publication, int blocks, std::int64_t begin_us = 0) {
    const std::size_t size = config_.block_bytes / 4 - LogWriter::kPrefixRoom;
    for (int i = 0; i < blocks * 4; ++i) {
      ASSERT_TRUE(append(log, publication, size, record_at(begin_us + i, i % 8 == 0)));
    }
  }
  LogInfo info_of(ArenaReader& reader, std::uint64_t publication) {
    for (const LogInfo& info : reader.logs()) {
      if (info.publication_id == PublicationId{publication}) return info;
    }
    return {};
  }

  ScratchDirectory directory_;
  ArenaConfig config_;
  std::unique_ptr<ArenaWriter> writer_;
};

}  // namespace millrace::media::testing
