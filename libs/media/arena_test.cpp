#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.hpp"
#include "media/arena_reader.hpp"
#include "media/arena_test_support.hpp"
#include "media/arena_writer.hpp"

namespace millrace::media {
namespace {

using testing::append;
using testing::copy;
using testing::describe;
using testing::finish;
using testing::pattern;
using testing::record_at;
using testing::small_arena;

class Arena : public ::testing::Test {
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

  testing::ScratchDirectory directory_;
  ArenaConfig config_;
  std::unique_ptr<ArenaWriter> writer_;
};

TEST_F(Arena, GivesWhatWasAppended) {
  open_writer();
  auto log = create(describe("cam", 7));
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(append(*log, 7, 100 + i, record_at(1000 + i, i % 10 == 0)));
  auto reader = open_reader();
  ASSERT_EQ(reader->logs().size(), 1U);
  EXPECT_EQ(reader->logs()[0].stream_id, "cam");
  auto cursor = reader->open_log(log->slot(), 7, 0);
  ASSERT_TRUE(cursor) << cursor.error().message;
  for (std::uint64_t i = 0; i < 30; ++i) {
    const auto read = cursor->read();
    ASSERT_TRUE(std::holds_alternative<LogReader::Sample>(read)) << i;
    const auto& sample = std::get<LogReader::Sample>(read);
    EXPECT_EQ(sample.record.sequence, i);
    EXPECT_EQ(sample.record.arrival_us, 1000 + static_cast<std::int64_t>(i));
    EXPECT_EQ(copy(sample.payload), pattern(7, i, 100 + i));
    EXPECT_EQ(sample.message.size(), sample.payload.size() + LogWriter::kPrefixRoom);
    EXPECT_EQ(sample.message[0], 0xEE);
    EXPECT_TRUE(cursor->intact(sample.record));
    cursor->advance();
  }
  EXPECT_TRUE(std::holds_alternative<LogReader::Nothing>(cursor->read()));
  log->end(LogEnd::kUnpublished);
  const auto read = cursor->read();
  ASSERT_TRUE(std::holds_alternative<LogReader::Ended>(read));
  EXPECT_EQ(std::get<LogReader::Ended>(read).reason, LogEnd::kUnpublished);
}

}  // namespace
}  // namespace millrace::media
