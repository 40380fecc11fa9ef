#include "streams/slates.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/bytes.hpp"
#include "media/timeline.hpp"

namespace millrace::ingest {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kGrace = 20 * kSecond;
constexpr WallTime kWall = WallTime::from_us(1'700'000'000'000'000);
constexpr std::uint32_t kPart = 500'000;

Moment at(std::int64_t us) {
  return {us, kWall + us};
}

class SlatesTest : public ::testing::Test {
 protected:
  SlatesTest() {
    std::string path = "/tmp/millrace-slates-XXXXXX";
    directory_ = ::mkdtemp(path.data());
    open();
  }
  ~SlatesTest() override {
    slates_.reset();
    std::filesystem::remove_all(directory_);
  }

  void open() {
    arena_ = std::move(*media::ArenaWriter::open({directory_, "ingest", 32U << 20, 256U << 10, 32}));
    reader_ = std::move(*media::ArenaReader::open(directory_, "ingest", "test"));
    slates_.emplace(*arena_, Slates::Policy{.grace_us = kGrace, .retention = {}});
  }
  // A publisher's log with media up to the time, or without any. fixed: what its lists have is known.
  void publish(std::uint64_t id, std::optional<std::int64_t> last_us, bool fixed = true,
               media::LogEnd end = media::LogEnd::kDisconnected) {
    media::LogDescription description;
    description.stream_id = "cam";
    description.publication_id = PublicationId{id};
    description.started_wall = kWall;
    description.part_target_us = kPart;
    std::unique_ptr<media::LogWriter> log;
    ASSERT_TRUE(slates_->publisher_comes("cam", PublicationId{id}, [&] {
      log = std::move(*arena_->create_log(description));
      return true;
    }));
    first_ = log->continuation().last_media_sequence + 1;
    if (last_us) {
      if (fixed) {
        log->set_part_target_us(kPart);
        log->set_target_duration_s(2);
      }
      const auto room = log->reserve(4).value();
      media::SampleRecord record{};
      record.media_sequence = first_;
      record.discontinuity_sequence = log->continuation().last_discontinuity_sequence + 1;
      record.flags = media::kSampleKey | media::kSampleSegmentStart;
      record.arrival_us = *last_us;
      record.presented_wall = kWall + *last_us;
      log->commit(room, room.prefix_room, 0, record);
    }
    log->end(end);
  }
  void leave(std::uint64_t id, std::int64_t last_us, std::int64_t now_us) {
    slates_->publisher_left(
        {.stream_id = "cam", .publication_id = PublicationId{id}, .last_media_us = last_us}, at(now_us));
  }
  // As a program that was killed leaves it.
  void kill() {
    std::ifstream file(directory_ + "/ingest.arena", std::ios::binary);
    const Bytes left((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    file.close();
    slates_.reset();
    reader_.reset();
    arena_.reset();
    std::ofstream(directory_ + "/ingest.arena", std::ios::binary)
        .write(reinterpret_cast<const char*>(left.data()), static_cast<std::streamsize>(left.size()));
    open();
  }
  std::vector<media::LogInfo> slates() { return reader_->logs(media::LogRole::kSlate); }

  std::string directory_;
  std::unique_ptr<media::ArenaWriter> arena_;
  std::unique_ptr<media::ArenaReader> reader_;
  std::optional<Slates> slates_;
  std::uint64_t first_ = 0;
};

TEST_F(SlatesTest, WritePiecesInRealTimeWhileAPublisherIsAway) {
  EXPECT_FALSE(slates_->due_us());
  publish(7, kSecond);
  leave(7, kSecond, 2 * kSecond);
  EXPECT_EQ(slates_->due_us(), 2 * kSecond + kPart);
  EXPECT_TRUE(slates_->advance(2 * kSecond + kPart - 1).empty());
  EXPECT_TRUE(slates().empty()) << "who comes back at once meets no gap";
  const auto told = slates_->advance(2 * kSecond + kPart);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told.front().role, media::LogRole::kSlate);
  EXPECT_EQ(told.front().stream->stream_id, "cam");
  EXPECT_EQ(told.front().first_sequence, 0U);
  EXPECT_EQ(told.front().committed, 1U);
  EXPECT_EQ(told.front().media_sequence, first_ + 1);
  EXPECT_EQ(told.front().closed_parts, 1U);
  ASSERT_EQ(slates().size(), 1U);
  EXPECT_EQ(slates().front().publication_id, told.front().stream->publication_id);
  EXPECT_EQ(slates().front().origin_publication_id, PublicationId{7});
  EXPECT_EQ(slates().front().end, media::LogEnd::kLive);
  EXPECT_EQ(slates_->count(), 1U);
  EXPECT_EQ(slates_->due_us(), 2 * kSecond + 2 * kPart);
}

TEST_F(SlatesTest, EndBeforeThePublishersNextLogWhichGoesOnFromThem) {
  publish(7, kSecond);
  leave(7, kSecond, 2 * kSecond);
  (void)slates_->advance(5 * kSecond);
  const std::uint64_t before = first_;
  publish(8, 6 * kSecond);
  EXPECT_EQ(first_, before + 3) << "three seconds are two segments";
  EXPECT_EQ(slates().front().end, media::LogEnd::kTakenOver);
  EXPECT_LT(slates().front().epoch, reader_->logs(media::LogRole::kSource).back().epoch);
  EXPECT_EQ(slates_->count(), 0U);
  EXPECT_TRUE(slates_->advance(9 * kSecond).empty());
}

TEST_F(SlatesTest, EndWithTheTimeToComeBack) {
  publish(7, kSecond);
  leave(7, kSecond, 2 * kSecond);
  (void)slates_->advance(kSecond + kGrace - 1);
  EXPECT_EQ(slates_->count(), 1U);
  (void)slates_->advance(kSecond + kGrace);
  EXPECT_EQ(slates_->count(), 0U);
  EXPECT_EQ(slates().front().end, media::LogEnd::kTimedOut);
  EXPECT_FALSE(slates_->due_us());
}

// Somebody came back, sent nothing and left: the stream has been away since its last media.
TEST_F(SlatesTest, GoOnBehindAPublisherWithoutMediaUntilTheSameTime) {
  publish(7, kSecond);
  leave(7, kSecond, 2 * kSecond);
  (void)slates_->advance(3 * kSecond);
  publish(8, std::nullopt);
  leave(8, 0, 10 * kSecond);
  EXPECT_EQ(slates_->advance(12 * kSecond).size(), 1U);
  ASSERT_EQ(slates().size(), 2U);
  (void)slates_->advance(kSecond + kGrace);
  EXPECT_EQ(slates_->count(), 0U);
}

TEST_F(SlatesTest, StandInForNothingThatHadNoList) {
  publish(7, kSecond, false);
  leave(7, kSecond, 2 * kSecond);
  EXPECT_TRUE(slates_->advance(5 * kSecond).empty());
  slates_->publisher_left({.stream_id = "other", .publication_id = PublicationId{9}}, at(kSecond));
  EXPECT_TRUE(slates_->advance(5 * kSecond).empty());
  EXPECT_TRUE(slates().empty());
}

TEST_F(SlatesTest, AreOffWhereTheyAreNotWanted) {
  slates_.emplace(*arena_, Slates::Policy{.enabled = false, .grace_us = kGrace, .retention = {}});
  publish(7, kSecond);
  leave(7, kSecond, 2 * kSecond);
  EXPECT_TRUE(slates_->advance(5 * kSecond).empty());
}

TEST_F(SlatesTest, LeaveAStreamAloneWhenTheArenaHasNoRoomForItsSlate) {
  publish(7, kSecond);
  std::vector<std::unique_ptr<media::LogWriter>> others;
  for (int i = 0;; ++i) {
    media::LogDescription other;
    other.stream_id = "other" + std::to_string(i);
    other.publication_id = PublicationId{static_cast<std::uint64_t>(100 + i)};
    other.retention.guaranteed_bytes = 1U << 20;
    auto log = arena_->create_log(other);
    if (!log) break;
    others.push_back(std::move(*log));
  }
  leave(7, kSecond, 2 * kSecond);
  EXPECT_TRUE(slates_->advance(5 * kSecond).empty());
  EXPECT_EQ(slates_->count(), 0U);
  EXPECT_EQ(slates_->due_us(), kSecond + kGrace);
}

// Readers have the slates of an epoch in the order of their incarnations.
TEST_F(SlatesTest, CountOnOverAKillBehindAPublisherWithoutMedia) {
  publish(7, kSecond);
  leave(7, kSecond, 2 * kSecond);
  (void)slates_->advance(3 * kSecond);
  publish(8, std::nullopt);
  leave(8, 0, 4 * kSecond);
  (void)slates_->advance(6 * kSecond);
  kill();
  slates_->resume(*reader_, at(7 * kSecond));
  (void)slates_->advance(8 * kSecond);
  ASSERT_EQ(slates().size(), 3U);
  EXPECT_EQ(slates()[1].epoch, slates()[2].epoch);
  EXPECT_LT(slates()[1].incarnation, slates()[2].incarnation);
  EXPECT_EQ(slates()[2].end, media::LogEnd::kLive);
}

// The wall clock was set while nobody wrote.
TEST_F(SlatesTest, GoOnWithTheDatesOfTheLogOverAKill) {
  publish(7, kSecond);
  kill();
  slates_->resume(*reader_, {3 * kSecond, kWall - 3600 * kSecond});
  ASSERT_EQ(slates_->advance(4 * kSecond).size(), 1U);
  const auto log = reader_->open_log(slates().front().slot, slates().front().publication_id, 0);
  EXPECT_EQ(log->at(0)->record.presented_wall, kWall + 3 * kSecond);
}

// The older one, which was given up, leaves late, on another thread.
TEST_F(SlatesTest, StandBesideNoPublisherWhenAnOlderOneLeaves) {
  publish(7, kSecond);
  publish(8, 2 * kSecond);
  leave(7, kSecond, 3 * kSecond);
  EXPECT_TRUE(slates_->advance(5 * kSecond).empty());
  leave(8, 5 * kSecond, 6 * kSecond);
  EXPECT_EQ(slates_->advance(8 * kSecond).size(), 1U);
}

TEST_F(SlatesTest, AreNotMadeWhereNoPieceIsOverInTime) {
  for (const std::int64_t left_us : {kGrace + kSecond, kGrace + kSecond - kPart + 1}) {
    publish(static_cast<std::uint64_t>(left_us), kSecond);
    leave(static_cast<std::uint64_t>(left_us), kSecond, left_us);
    EXPECT_TRUE(slates_->advance(3 * kGrace).empty());
    EXPECT_TRUE(slates().empty());
    EXPECT_FALSE(slates_->due_us());
  }
}

TEST_F(SlatesTest, GoOnWhenThereIsNoRoomForWhoComes) {
  publish(7, kSecond);
  leave(7, kSecond, 2 * kSecond);
  (void)slates_->advance(3 * kSecond);
  EXPECT_FALSE(slates_->publisher_comes("cam", PublicationId{8}, [] { return false; }));
  EXPECT_EQ(slates_->advance(4 * kSecond).size(), 1U);
  EXPECT_EQ(slates().size(), 1U);
  leave(7, kSecond, 2 * kSecond);
  EXPECT_EQ(slates_->count(), 1U);
}

TEST_F(SlatesTest, EndWhenTheirStreamIsClosed) {
  publish(7, kSecond);
  leave(7, kSecond, 2 * kSecond);
  (void)slates_->advance(3 * kSecond);
  slates_->withdraw("cam", {.publication_id = PublicationId{9}});
  slates_->withdraw("other", {});
  EXPECT_EQ(slates_->count(), 1U);
  slates_->withdraw("cam", {});
  EXPECT_EQ(slates_->count(), 0U);
  EXPECT_EQ(slates().front().end, media::LogEnd::kRevoked);
  EXPECT_FALSE(slates_->due_us());
}

TEST_F(SlatesTest, AreNotForWhoMayNotComeBack) {
  publish(7, kSecond);
  leave(7, kSecond, 2 * kSecond);
  publish(8, 3 * kSecond);
  slates_->publisher_left({.stream_id = "cam", .publication_id = PublicationId{8}, .may_return = false},
                          at(4 * kSecond));
  EXPECT_FALSE(slates_->due_us());
}

TEST_F(SlatesTest, AreWrittenWhenTheyAreDueAndNoOthers) {
  publish(7, kSecond);
  leave(7, kSecond, 2 * kSecond);
  for (int second = 0; second < 3; ++second) {
    slates_->publisher_left({.stream_id = "none" + std::to_string(second),
                             .publication_id = PublicationId{9},
                             .last_media_us = second * kSecond + 1},
                            at(3 * kSecond));
  }
  EXPECT_EQ(slates_->due_us(), 2 * kSecond + kPart);
  EXPECT_EQ(slates_->advance(2 * kSecond + kPart).size(), 1U);
  EXPECT_EQ(slates_->advance(kGrace - 1).size(), 1U);
  EXPECT_EQ(slates_->due_us(), kGrace);
}

// As a program that was killed leaves it: the next one goes on.
TEST_F(SlatesTest, GoOnInAnArenaThatIsTakenOver) {
  publish(7, kSecond);
  leave(7, kSecond, 2 * kSecond);
  (void)slates_->advance(5 * kSecond);
  kill();
  ASSERT_EQ(slates().size(), 1U);
  EXPECT_EQ(slates().front().end, media::LogEnd::kWriterLost);
  EXPECT_EQ(slates().front().committed, 6U);
  slates_->resume(*reader_, at(7 * kSecond));
  const auto told = slates_->advance(8 * kSecond);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told.front().media_sequence, first_ + 3) << "behind the two segments of before";
  ASSERT_EQ(slates().size(), 2U);
  EXPECT_EQ(slates().back().incarnation, 1U);
  (void)slates_->advance(kSecond + kGrace);
  EXPECT_EQ(slates_->count(), 0U);
}

TEST_F(SlatesTest, ResumeOnlyWhatMayComeBack) {
  const struct {
    media::LogEnd end;
    std::int64_t now_us;
    std::size_t expected;
  } table[] = {{media::LogEnd::kWriterLost, 2 * kSecond, 1},
               {media::LogEnd::kDrained, 2 * kSecond, 1},
               {media::LogEnd::kRevoked, 2 * kSecond, 0},
               {media::LogEnd::kUnpublished, 2 * kSecond, 1},
               {media::LogEnd::kWriterLost, kSecond + kGrace, 0}};
  std::uint64_t id = 7;
  for (const auto& row : table) {
    publish(++id, kSecond, true, row.end);
    Slates fresh(*arena_, {.grace_us = kGrace, .retention = {}});
    fresh.resume(*reader_, at(row.now_us));
    EXPECT_EQ(fresh.advance(row.now_us + kSecond).size(), row.expected) << static_cast<int>(row.end);
  }
}

TEST_F(SlatesTest, StopForGood) {
  publish(7, kSecond);
  leave(7, kSecond, 2 * kSecond);
  (void)slates_->advance(5 * kSecond);
  slates_->stop();
  EXPECT_EQ(slates().front().end, media::LogEnd::kDrained);
  leave(7, kSecond, 6 * kSecond);
  EXPECT_TRUE(slates_->advance(9 * kSecond).empty());
}

}  // namespace
}  // namespace millrace::ingest
