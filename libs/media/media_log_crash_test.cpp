// Processes that die: a writer killed with SIGKILL at random points, hundreds of times, while readers in
// processes of their own compare every sample with what it must be. Readers are killed, stopped and continued
// too.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <ctime>
#include <iostream>
#include <map>
#include <random>

#include "base/clock.hpp"
#include "media/arena_reader.hpp"
#include "media/arena_test_support.hpp"
#include "media/arena_writer.hpp"

namespace millrace::media {
namespace {

using testing::append;
using testing::describe;
using testing::pattern;
using testing::record_at;
using testing::small_arena;

constexpr int kRounds = 520;
constexpr int kFollowers = 3;  // see every sample of every publication
constexpr int kSleeper = 3;    // is stopped and continued
constexpr int kVictim = 4;     // is killed and started again
constexpr int kReaders = 5;
constexpr int kWindow = 6;               // publications that the slowest follower may be behind
constexpr std::uint64_t kRecords = 200;  // of a publication: fits in what is promised to it

// One page that parent and children share: what each has seen.
struct Board {
  std::atomic<bool> finished;
  std::array<std::atomic<bool>, kRounds + 1> begun;              // its log exists
  std::array<std::atomic<std::uint64_t>, kRounds + 1> appended;  // by the writer, after each commit
  std::array<std::array<std::atomic<std::uint64_t>, kRounds + 1>, kReaders> verified;
  std::array<std::array<std::atomic<bool>, kRounds + 1>, kReaders> ended;
  std::array<std::atomic<std::uint64_t>, kReaders> wrong;
  std::array<std::atomic<std::uint64_t>, kReaders> lagged;
  std::array<std::atomic<std::uint64_t>, kReaders> torn;  // recycled during the copy, and noticed
};

void pause_us(long microseconds) {
  const timespec time{0, microseconds * 1000};
  ::nanosleep(&time, nullptr);
}

std::size_t size_of(std::uint64_t sequence) {
  return 1 + (sequence * 2654435761U) % 1500;
}

[[noreturn]] void write_until_killed(const ArenaConfig& config, Board& board, int round) {
  auto writer = ArenaWriter::open(config);
  while (!writer && writer.error().code == "media.in_use") {
    pause_us(100);
    writer = ArenaWriter::open(config);
  }
  if (!writer) ::_exit(10);
  const auto publication = static_cast<std::uint64_t>(round);
  auto log = (*writer)->create_log(describe("cam", publication, 128 * 4096));
  if (!log) ::_exit(11);
  board.begun[round].store(true);
  for (std::uint64_t i = 0; i < kRecords; ++i) {
    if (!append(**log, publication, size_of(i), record_at(monotonic_us(), i % 30 == 0))) ::_exit(12);
    board.appended[round].store(i + 1);
    if (i % 50 == 0) (*writer)->maintain(monotonic_us());
  }
  for (;;) ::pause();
}

// Follows every log of the arena from its first record.
class Follower {
 public:
  Follower(const ArenaConfig& config, Board& board, int number)
      : config_(config), board_(board), number_(number) {}

  [[noreturn]] void run() {
    while (!board_.finished.load()) {
      if (!arena_ || !arena_->current()) reopen();
      bool progress = false;
      if (arena_) {
        find_logs();
        for (auto log = logs_.begin(); log != logs_.end();) {
          progress = follow(log->first, log->second) || progress;
          log = board_.ended[number_][log->first].load() ? logs_.erase(log) : std::next(log);
        }
      }
      if (!progress) pause_us(200);
    }
    ::_exit(board_.wrong[number_].load() == 0 ? 0 : 20);
  }

 private:
  void reopen() {
    logs_.clear();
    auto arena = ArenaReader::open(config_.directory, config_.name, "follower");
    if (arena) arena_ = std::move(*arena);
  }
  void find_logs() {
    for (const LogInfo& info : arena_->logs()) {
      const std::uint64_t publication = number_of(info.publication_id);
      if (publication > kRounds) ++board_.wrong[number_];
      if (publication > kRounds || logs_.count(publication) != 0) continue;
      if (board_.ended[number_][publication].load()) continue;
      auto reader = arena_->open_log(info.slot, info.publication_id, 0);
      if (reader) logs_.emplace(publication, std::move(*reader));
    }
  }
  bool follow(std::uint64_t publication, LogReader& reader) {
    bool progress = false;
    for (int i = 0; i < 64; ++i) {
      const auto read = reader.read();
      if (const auto* sample = std::get_if<LogReader::Sample>(&read)) {
        check(publication, reader, *sample);
        reader.advance();
        progress = true;
      } else if (const auto* lagged = std::get_if<LogReader::Lagged>(&read)) {
        ++board_.lagged[number_];
        if (lagged->next_key < reader.position()) ++board_.wrong[number_];
        reader.seek(lagged->next_key);
      } else {
        if (std::holds_alternative<LogReader::Ended>(read)) board_.ended[number_][publication].store(true);
        break;
      }
    }
    return progress;
  }
  void check(std::uint64_t publication, const LogReader& reader, const LogReader::Sample& sample) {
    const Bytes bytes = testing::copy(sample.payload);
    if (!reader.intact(sample.record)) {
      ++board_.torn[number_];
      return;
    }
    const std::uint64_t sequence = sample.record.sequence;
    const bool right =
        sequence == reader.position() && bytes == pattern(publication, sequence, size_of(sequence));
    ++(right ? board_.verified[number_][publication] : board_.wrong[number_]);
  }

  ArenaConfig config_;
  Board& board_;
  int number_;
  std::unique_ptr<ArenaReader> arena_;
  std::map<std::uint64_t, LogReader> logs_;
};

class MediaLogCrash : public ::testing::Test {
 protected:
  void SetUp() override {
    void* page = ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(page, MAP_FAILED);
    board_ = new (page) Board{};
    config_ = small_arena(directory_.path(), 1024);
    config_.max_logs = 32;
  }
  void TearDown() override {
    for (const pid_t reader : readers_) end(reader);
    ::munmap(board_, sizeof(Board));
  }
  static void end(pid_t process) {
    if (process <= 0) return;
    ::kill(process, SIGCONT);
    ::kill(process, SIGKILL);
    ::waitpid(process, nullptr, 0);
  }
  void start_reader(int number) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) Follower(config_, *board_, number).run();
    readers_[number] = child;
  }
  pid_t start_writer(int round) {
    const pid_t child = ::fork();
    if (child == 0) write_until_killed(config_, *board_, round);
    return child;
  }
  // Until every follower is through with the publication; false after some 30 s.
  bool followers_reach(int round) {
    for (int i = 0; i < 300'000; ++i) {
      bool all = true;
      for (int reader = 0; reader < kFollowers; ++reader) all = all && through(reader, round);
      if (all) return true;
      pause_us(100);
    }
    for (int reader = 0; reader < kFollowers; ++reader) {
      if (!through(reader, round)) describe_stuck(reader, round);
    }
    return false;
  }
  void describe_stuck(int reader, int round) {
    const bool alive = ::waitpid(readers_[reader], nullptr, WNOHANG) == 0;
    ADD_FAILURE() << "reader " << reader << (alive ? " (alive)" : " (dead)") << " has verified "
                  << board_->verified[reader][round].load() << " of " << board_->appended[round].load()
                  << " in publication " << round;
    const auto arena = ArenaReader::open(config_.directory, config_.name, "parent");
    for (const LogInfo& info : arena ? (*arena)->logs() : std::vector<LogInfo>()) {
      std::cerr << "log " << number_of(info.publication_id) << " first " << info.first << " committed "
                << info.committed << " end " << static_cast<int>(info.end) << '\n';
    }
  }
  // A publication that never began (its writer was killed first) is nothing to wait for.
  bool through(int reader, int round) const {
    return !board_->begun[round].load() || board_->ended[reader][round].load();
  }

  testing::ScratchDirectory directory_;
  ArenaConfig config_;
  Board* board_ = nullptr;
  std::array<pid_t, kReaders> readers_{};
  std::mt19937 random_{20261120};
};

TEST_F(MediaLogCrash, NoCommittedSampleIsLostOrWrongWhateverDies) {
  for (int reader = 0; reader < kReaders; ++reader) start_reader(reader);
  for (int round = 1; round <= kRounds; ++round) {
    const pid_t writer = start_writer(round);
    ASSERT_GT(writer, 0);
    // One in five dies while it opens the arena, the others somewhere in their samples.
    const bool early = random_() % 5 == 0;
    int status = 0;
    while (!early && !board_->begun[round].load()) {
      ASSERT_EQ(::waitpid(writer, &status, WNOHANG), 0) << "the writer failed: " << WEXITSTATUS(status);
    }
    pause_us(static_cast<long>(random_() % (early ? 1000 : 2500)));
    ASSERT_EQ(::kill(writer, SIGKILL), 0);
    ASSERT_EQ(::waitpid(writer, &status, 0), writer);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer failed: " << WEXITSTATUS(status);
    if (round % 20 == 0) ::kill(readers_[kSleeper], round % 40 == 0 ? SIGCONT : SIGSTOP);
    if (round % 25 == 0) {
      end(readers_[kVictim]);
      start_reader(kVictim);
    }
    if (round > kWindow) {
      ASSERT_TRUE(followers_reach(round - kWindow)) << round;
    }
  }
  ::kill(readers_[kSleeper], SIGCONT);
  auto last = ArenaWriter::open(config_);
  ASSERT_TRUE(last) << last.error().message;
  for (int round = 1; round <= kRounds; ++round) ASSERT_TRUE(followers_reach(round)) << round;

  std::uint64_t total = 0;
  for (int reader = 0; reader < kFollowers; ++reader) {
    EXPECT_EQ(board_->lagged[reader].load(), 0U);
    for (int round = 1; round <= kRounds; ++round) {
      // The writer may have died between its commit and reporting it.
      const std::uint64_t verified = board_->verified[reader][round].load();
      EXPECT_GE(verified, board_->appended[round].load()) << "reader " << reader << " publication " << round;
      EXPECT_LE(verified, board_->appended[round].load() + 1)
          << "reader " << reader << " publication " << round;
      EXPECT_EQ(verified, board_->verified[0][round].load()) << "publication " << round;
      total += verified;
    }
  }
  for (int reader = 0; reader < kReaders; ++reader) EXPECT_EQ(board_->wrong[reader].load(), 0U) << reader;
  EXPECT_GT(total, static_cast<std::uint64_t>(kRounds));
  // Nothing has leaked over all takeovers.
  (*last)->maintain(monotonic_us() + 3'600'000'000);
  EXPECT_EQ((*last)->statistics().free_bytes, (*last)->statistics().total_bytes);
  board_->finished.store(true);
  for (pid_t& reader : readers_) {
    int status = 0;
    ASSERT_EQ(::waitpid(reader, &status, 0), reader);
    reader = 0;
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
  RecordProperty("samples", std::to_string(total));
}

}  // namespace
}  // namespace millrace::media
