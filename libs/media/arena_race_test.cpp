// Readers that use bytes in place while the writer recycles them. The generation check must show every use
// that went wrong; the tests also show that uses do go wrong, so that the check is what keeps wrong bytes
// out.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/clock.hpp"
#include "media/arena_test_support.hpp"

namespace millrace::media {
namespace {

using testing::append;
using testing::copy;
using testing::describe;
using testing::pattern;

class ArenaRace : public testing::ArenaFixture {};

TEST_F(ArenaRace, ACopyTornByRecyclingIsRecognised) {
  open_writer(16);
  auto log = create(describe("a", 1, 8 * 4096));
  fill_blocks(*log, 1, 8);
  auto reader = open_reader();
  auto cursor = reader->open_log(log->slot(), PublicationId{1}, 0);
  const auto sample = cursor->at(info_of(*reader, 1).first);
  ASSERT_TRUE(sample);
  ASSERT_TRUE(cursor->intact(sample->record));
  Bytes torn = copy(sample->payload.first(500));
  fill_blocks(*log, 1, 30);  // half-way through the copy everything is overwritten
  const Bytes rest = copy(sample->payload.subspan(500));
  torn.insert(torn.end(), rest.begin(), rest.end());
  EXPECT_NE(torn, pattern(1, sample->record.sequence, 1008)) << "without the check these bytes would be used";
  EXPECT_FALSE(cursor->intact(sample->record));
  EXPECT_FALSE(cursor->at(sample->record.sequence));
}

// A room that stays open keeps its block, and the records before it there, while later blocks go.
TEST_F(ArenaRace, TheFirstRecordOfARunTellsOfAllOfIt) {
  open_writer(16);
  auto log = create(describe("a", 1, 8 * 4096));
  ASSERT_TRUE(append(*log, 1, 1000));
  const auto open_room = log->reserve(1000);
  ASSERT_TRUE(open_room);
  fill_blocks(*log, 1, 4);
  auto reader = open_reader();
  auto cursor = reader->open_log(log->slot(), PublicationId{1}, 0);
  const auto first = cursor->at(0);
  const auto later = cursor->at(12);
  ASSERT_TRUE(first && later);
  fill_blocks(*log, 1, 30);
  EXPECT_EQ(copy(first->payload), pattern(1, 0, 1000)) << "its block was kept for the room";
  EXPECT_NE(copy(later->payload), pattern(1, 12, 1008));
  EXPECT_FALSE(cursor->intact(first->record)) << "or a run of both would be taken for whole";
}

TEST_F(ArenaRace, ARecycledIndexBlockGivesNoRecord) {
  open_writer(16);
  auto log = create(describe("a", 1, 8 * 4096));
  auto reader = open_reader();
  auto cursor = reader->open_log(log->slot(), PublicationId{1}, 0);
  for (std::uint64_t i = 0; i < 2000; ++i) {
    ASSERT_TRUE(append(*log, 1, 40));
    const std::uint64_t first = info_of(*reader, 1).first;
    // What is retained is there, with its own number; what is not, is not.
    ASSERT_TRUE(cursor->at(first));
    ASSERT_EQ(cursor->at(first)->record.sequence, first);
    ASSERT_TRUE(first == 0 || !cursor->at(first - 1));
    ASSERT_FALSE(cursor->at(log->committed()));
  }
  EXPECT_GT(info_of(*reader, 1).first, 0U);
}

// Reads at the very edge of what is being recycled, as fast as the writer recycles.
TEST_F(ArenaRace, RecyclingRacesSlowReaders) {
  open_writer(12);
  auto log = create(describe("a", 1, 8 * 4096));
  ASSERT_TRUE(append(*log, 1, 3000));
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    while (!stop.load()) {
      if (!append(*log, 1, 3000)) stop = true;
    }
  });
  auto reader = open_reader();
  auto cursor = reader->open_log(log->slot(), PublicationId{1}, 0);
  std::uint64_t right = 0;
  std::uint64_t wrong = 0;
  std::uint64_t caught = 0;
  const std::int64_t deadline = monotonic_us() + 20'000'000;
  while ((right < 500 || caught < 50) && monotonic_us() < deadline && !stop.load()) {
    const auto sample = cursor->at(reader->logs().at(0).first);
    if (!sample) continue;
    if (right % 2 == 1) std::this_thread::yield();
    const Bytes bytes = copy(sample->payload);
    const bool intact = cursor->intact(sample->record);
    const bool same = bytes == pattern(1, sample->record.sequence, 3000);
    if (intact) ++(same ? right : wrong);
    if (!intact && !same) ++caught;
  }
  stop = true;
  writer.join();
  EXPECT_EQ(wrong, 0U) << "intact, yet not what was written";
  EXPECT_GT(right, 0U);
  EXPECT_GT(caught, 0U) << "the race did not happen: nothing was shown";
}

TEST_F(ArenaRace, WritersOfSeveralThreadsShareAnArena) {
  open_writer(64);
  constexpr std::uint64_t kWriters = 4;
  std::vector<std::unique_ptr<LogWriter>> logs;
  for (std::uint64_t i = 1; i <= kWriters; ++i)
    logs.push_back(create(describe("s" + std::to_string(i), i, 8 * 4096)));
  std::vector<std::thread> threads;
  for (std::uint64_t i = 1; i <= kWriters; ++i) {
    threads.emplace_back([&log = *logs[i - 1], i] {
      for (int sample = 0; sample < 3000; ++sample) {
        EXPECT_TRUE(append(log, i, sample % 100 == 0 ? 8000 : 200));
      }
    });
  }
  for (int i = 0; i < 50; ++i) {
    writer_->maintain(i);
    (void)writer_->statistics();
    std::this_thread::yield();
  }
  for (std::thread& thread : threads) thread.join();
  auto reader = open_reader();
  for (const LogInfo& info : reader->logs()) {
    auto cursor = reader->open_log(info.slot, info.publication_id, 0);
    EXPECT_GT(info.committed - info.first, 20U);
    for (std::uint64_t s = info.first; s < info.committed; ++s) {
      const auto sample = cursor->at(s);
      ASSERT_TRUE(sample);
      ASSERT_EQ(copy(sample->payload), pattern(number_of(info.publication_id), s, sample->payload.size()));
    }
  }
}

}  // namespace
}  // namespace millrace::media
