// Media and discontinuity sequences of a stream never step back, whatever happens to its logs and to their
// writer.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <ctime>
#include <fstream>
#include <map>
#include <optional>
#include <random>

#include "base/clock.hpp"
#include "media/arena_damage.hpp"
#include "media/arena_test_support.hpp"
#include "media/timeline.hpp"

namespace millrace::media {
namespace {

using testing::append;
using testing::describe;
using testing::record_at;
using testing::small_arena;

constexpr std::int64_t kLater = 3'600'000'000;
constexpr WallTime kWall = WallTime::from_us(1'700'000'000'000'000);
constexpr std::uint32_t kRecordsABlock = 4096 / sizeof(SampleRecord);

class StreamNumbers : public testing::ArenaFixture {
 protected:
  static SampleRecord numbered(std::uint64_t media, std::uint32_t discontinuity) {
    SampleRecord record = record_at(1);
    record.media_sequence = media;
    record.discontinuity_sequence = discontinuity;
    return record;
  }
  std::string path() const { return arena_path(directory_.path(), "test"); }
  // As if the writer had been killed now: its file stays as it is.
  void kill_and_open() {
    std::ifstream file(path(), std::ios::binary);
    const Bytes left(std::istreambuf_iterator<char>(file), {});
    writer_.reset();
    testing::write_file(path(), left);
    open_writer(config_);
  }
};

TEST_F(StreamNumbers, BeginAtTheWallClockWhereNothingIsKnown) {
  open_writer();
  LogDescription description = describe("cam", 7);
  description.started_wall = kWall;
  const auto log = create(description);
  EXPECT_FALSE(log->continuation().found);
  EXPECT_EQ(log->continuation().last_media_sequence + 1, 3'400'000'000U);
  EXPECT_EQ(log->continuation().last_discontinuity_sequence + 1, 7U * 256);
}

TEST_F(StreamNumbers, AreHandedOnByALogWithoutARecord) {
  open_writer();
  auto first = create(describe("cam", 7));
  ASSERT_TRUE(append(*first, 7, 10, numbered(5000, 2000)));
  first.reset();
  create(describe("cam", 8)).reset();
  const auto third = create(describe("cam", 9));
  EXPECT_TRUE(third->continuation().found);
  EXPECT_EQ(third->continuation().last_media_sequence, 5000U);
  EXPECT_EQ(third->continuation().last_discontinuity_sequence, 2000U);
}

// The index block of the last record is not the newest one when a message was begun behind it.
TEST_F(StreamNumbers, OutliveTheRecordsOfALogThatWasCutOffInAMessage) {
  for (const std::uint32_t records :
       {kRecordsABlock - 1, kRecordsABlock, kRecordsABlock + 1, 2 * kRecordsABlock}) {
    open_writer();
    auto log = create(describe("cam" + std::to_string(records), 7));
    for (std::uint32_t i = 0; i < records; ++i) ASSERT_TRUE(append(*log, 7, 10, numbered(5000 + i, 2000)));
    ASSERT_TRUE(log->reserve(100));
    log->end(LogEnd::kDisconnected);
    const auto reader = open_reader();
    // So that the log stays without its records.
    auto held = reader->open_log(log->slot(), PublicationId{7}, records - 1);
    ASSERT_TRUE(held);
    writer_->maintain(monotonic_us() + 90'000'000);
    for (const bool killed : {false, true}) {
      if (killed) {
        log.reset();
        kill_and_open();
      }
      const StreamContinuation left = writer_->continuation({"cam" + std::to_string(records)});
      EXPECT_EQ(left.last_media_sequence, 5000 + records - 1) << records << killed;
      EXPECT_EQ(left.last_discontinuity_sequence, 2000U);
    }
  }
}

TEST_F(StreamNumbers, KeepTheTargetDurationWhileALogOfTheStreamIsLeft) {
  open_writer();
  auto first = create(describe("cam", 7));
  ASSERT_TRUE(append(*first, 7, 10, numbered(5000, 2000)));
  first->set_target_duration_s(4);
  first->end(LogEnd::kUnpublished);
  LogDescription description = describe("cam", 8);
  description.segment_target_ms = 6000;  // the service came back with another setting
  auto second = create(description);
  EXPECT_EQ(second->continuation().target_duration_s, 4U);
  EXPECT_EQ(second->continuation().segment_target_ms, 2000U);
  second->end(LogEnd::kUnpublished);
  writer_->maintain(monotonic_us() + kLater);
  description.publication_id = PublicationId{9};
  const auto third = create(description);
  EXPECT_EQ(third->continuation().target_duration_s, 0U);
  EXPECT_EQ(third->continuation().segment_target_ms, 6000U);
  EXPECT_EQ(third->continuation().last_media_sequence, 5000U);
}

// Which segment was the first without a whole picture at its front is known for as long as a list may have
// had it: over the recycling of its records, publications and a writer that dies.
TEST_F(StreamNumbers, KeepTheFirstDependentSegmentWhileALogOfTheStreamIsLeft) {
  open_writer();
  const auto add = [](LogWriter& log, std::uint64_t media, std::uint8_t track, unsigned flags) {
    SampleRecord record = record_at(1, false, track);
    record.media_sequence = media;
    record.flags = static_cast<std::uint16_t>(flags);
    ASSERT_TRUE(append(log, 7, 10, record));
  };
  const auto told = [&](std::uint64_t publication) {
    return info_of(*open_reader(), publication).first_dependent_segment;
  };
  auto first = create(describe("cam", 7));
  add(*first, 5000, kAudioTrack, kSampleSegmentStart);
  add(*first, 5000, kVideoTrack, kSampleKey);
  add(*first, 5000, kVideoTrack, 0);
  add(*first, 5001, kVideoTrack, kSampleKey);
  EXPECT_EQ(told(7), 0U);
  add(*first, 5002, kVideoTrack, kSampleKey | kSampleRecovery);
  add(*first, 5003, kVideoTrack, 0);
  EXPECT_EQ(told(7), 5002U) << "an open GOP's is not whole; the first one counts";
  first.reset();
  auto second = create(describe("cam", 8));
  EXPECT_EQ(told(8), 5002U);
  add(*second, 5004, kVideoTrack, 0);
  second.reset();
  kill_and_open();
  const auto third = create(describe("cam", 9));
  EXPECT_EQ(told(9), 5002U);
  third->end(LogEnd::kUnpublished);
  EXPECT_EQ(create(describe("cam2", 10))->continuation().first_dependent_segment, 0U);
  writer_->maintain(monotonic_us() + kLater);
  EXPECT_EQ(create(describe("cam", 11))->continuation().first_dependent_segment, 0U) << "another list";
}

// The service comes back with shorter segments; the stream's playlists keep their target.
TEST_F(StreamNumbers, HoldRecordsForTheTargetsThatAreKept) {
  constexpr std::int64_t kSecond = 1'000'000;
  const struct {
    std::uint32_t segment_target_ms, target_duration_s;
    std::int64_t limit_us;
  } table[] = {{30'000, 30, 270 * kSecond},
               {2'000, 12, 108 * kSecond},
               {12'000, 4, 108 * kSecond},
               {2'000, 2, 60 * kSecond},
               {30'000, 0, 60 * kSecond}};
  open_writer(64);
  std::uint64_t publication = 0;
  for (const auto& row : table) {
    ++publication;
    LogDescription description = describe("cam" + std::to_string(publication), publication, 4 * 4096);
    description.segment_target_ms = row.segment_target_ms;
    auto first = create(description);
    ASSERT_TRUE(append(*first, publication, 10, numbered(5000, 2000)));
    first->set_target_duration_s(row.target_duration_s);
    first->end(LogEnd::kDrained);
    description.publication_id = PublicationId{++publication};
    description.segment_target_ms = 2000;
    description.retention.keep_us = description.retention.pinned_limit_us = 60 * kSecond;
    const auto second = create(description);
    ASSERT_TRUE(append(*second, publication, 10, numbered(5001, 2001)));
    EXPECT_EQ(info_of(*open_reader(), publication).pinned_limit_us, row.limit_us) << row.target_duration_s;
  }
}

TEST_F(StreamNumbers, AreForgottenOfTheStreamThatHasBeenGoneForLongest) {
  open_writer(64);
  for (std::uint64_t i = 1; i <= config_.max_logs; ++i) {
    auto log = create(describe("s" + std::to_string(i), i, 4 * 4096));
    ASSERT_TRUE(append(*log, i, 10, numbered(5000 + i, 2000)));
    log.reset();
    writer_->maintain(monotonic_us() + kLater);
  }
  create(describe("new", 99)).reset();
  EXPECT_FALSE(writer_->continuation({"s1"}).found);
  for (std::uint64_t i = 2; i <= config_.max_logs; ++i)
    EXPECT_EQ(writer_->continuation({"s" + std::to_string(i)}).last_media_sequence, 5000 + i);
}

// One stream of the random walk: whatever is written of it must go forward.
struct Walked {
  std::unique_ptr<LogWriter> log;
  std::optional<Timeline> timeline;
  std::uint32_t timestamp_ms = 0;
  std::uint64_t media = 0;
  std::uint32_t discontinuity = 0;
};

class RandomWalk : public StreamNumbers {
 protected:
  void accept(const std::string& name) {
    Walked& stream = streams_[name];
    stream.log.reset();
    wall_ += 1'000'000;
    LogDescription description = describe(name, ++publication_, 4 * 4096);
    description.started_wall = wall_;
    auto log = writer_->create_log(description);
    ASSERT_TRUE(log) << log.error().message;
    stream.log = std::move(*log);
    stream.timeline.emplace(TimelineConfig{stream.log->continuation()});
    stream.timeline->configure(kVideoTrack, TrackKind::kVideo, Timeline::kVideoTimescale, 0);
  }
  void media(Walked& stream) {
    for (std::uint32_t count = 1 + random_() % 60; count > 0 && stream.log; --count) {
      stream.timestamp_ms += 2000;
      wall_ += 2'000'000;
      const SampleRecord record =
          stream.timeline->place({kVideoTrack, stream.timestamp_ms, 0, true, 1, wall_});
      ASSERT_TRUE(append(*stream.log, publication_, 1 + random_() % 300, record));
      ASSERT_GE(record.media_sequence, stream.media) << "step " << step_;
      ASSERT_GE(record.discontinuity_sequence, stream.discontinuity) << "step " << step_;
      stream.media = record.media_sequence;
      stream.discontinuity = record.discontinuity_sequence;
    }
  }
  void forget_writers() {
    for (auto& [name, stream] : streams_) stream.log.reset();
  }
  void step() {
    ++step_;
    const std::string name = kNames.at(random_() % kNames.size());
    Walked& stream = streams_[name];
    switch (random_() % 8) {
      case 0:
        return accept(name);
      case 1:
      case 2:
        return media(stream);
      case 3:  // cut off in a message
        if (stream.log) (void)stream.log->reserve(random_() % 5000);
        return stream.log.reset();
      case 4:
        return stream.log.reset();
      case 5: {  // killed
        std::ifstream file(path(), std::ios::binary);
        const Bytes left(std::istreambuf_iterator<char>(file), {});
        forget_writers();
        writer_.reset();
        testing::write_file(path(), left);
        return open_writer(config_);
      }
      case 6:  // restarted
        forget_writers();
        return open_writer(config_);
      default:
        return writer_->maintain(monotonic_us() + static_cast<std::int64_t>(random_() % 150) * 1'000'000);
    }
  }

  const std::vector<std::string> kNames = {"cam", "cam2", "camera-of-another-room", "camera-of-another-roof",
                                           "x"};
  std::map<std::string, Walked> streams_;
  std::mt19937 random_{20261129};
  std::uint64_t publication_ = 0;
  WallTime wall_ = kWall;
  int step_ = 0;
};

TEST_F(RandomWalk, NeverStepsBack) {
  open_writer(64);
  const int steps = std::getenv("MILLRACE_TEST_LONG") != nullptr ? 200'000 : 4'000;
  for (int i = 0; i < steps && !HasFatalFailure(); ++i) step();
  std::map<std::string, std::uint64_t> reached;
  for (const auto& [name, stream] : streams_) reached[name] = stream.media;
  EXPECT_EQ(reached.size(), kNames.size());
  RecordProperty("publications", std::to_string(publication_));
}

// What a child process has seen of a stream's numbers before it was killed.
struct Seen {
  std::atomic<std::uint64_t> media;
  std::atomic<std::uint32_t> discontinuity;
};

// Logs are made, mostly without a record, until the process is killed: often while a slot is being filled.
[[noreturn]] void make_logs(const ArenaConfig& config, Seen& seen, std::uint64_t publication) {
  auto writer = ArenaWriter::open(config);
  if (!writer) ::_exit(10);
  for (;; ++publication) {
    auto log = (*writer)->create_log(describe("camera-of-the-room", publication));
    if (!log) ::_exit(11);
    const StreamContinuation from = (*log)->continuation();
    if (!from.found && seen.media.load() != 0) ::_exit(12);
    if (from.last_media_sequence < seen.media.load()) ::_exit(13);
    if (from.last_discontinuity_sequence < seen.discontinuity.load()) ::_exit(14);
    SampleRecord record = record_at(monotonic_us());
    record.media_sequence = from.last_media_sequence + 1;
    record.discontinuity_sequence = from.last_discontinuity_sequence + 1;
    if (publication % 4 == 0 && !append(**log, publication, 20, record)) ::_exit(15);
    if (publication % 4 == 0) {
      seen.media.store(record.media_sequence);
      seen.discontinuity.store(record.discontinuity_sequence);
    }
  }
}

TEST_F(StreamNumbers, SurviveAWriterThatIsKilledAnywhere) {
  void* const page = ::mmap(nullptr, sizeof(Seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(page, MAP_FAILED);
  auto* const seen = new (page) Seen{};
  config_ = small_arena(directory_.path());
  std::mt19937 random{20261129};
  for (std::uint64_t round = 1; round <= 150; ++round) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) make_logs(config_, *seen, round << 32);
    const timespec time{0, static_cast<long>(500'000 + random() % 1'500'000)};
    ::nanosleep(&time, nullptr);
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child saw numbers step back: " << WEXITSTATUS(status);
  }
  open_writer(config_);
  EXPECT_GE(writer_->continuation({"camera-of-the-room"}).last_media_sequence, seen->media.load());
  EXPECT_GT(seen->media.load(), 1U);
  ::munmap(page, sizeof(Seen));
}

}  // namespace
}  // namespace millrace::media
