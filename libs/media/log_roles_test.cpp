// What a log says it is: kept in its slot, over a takeover too, and numbers that go on within a series only.
#include <gtest/gtest.h>

#include <fstream>

#include "base/clock.hpp"
#include "media/arena_damage.hpp"
#include "media/arena_test_support.hpp"

namespace millrace::media {
namespace {

using testing::append;
using testing::copy;
using testing::describe;
using testing::pattern;
using testing::record_at;

constexpr WallTime kWall = WallTime::from_us(1'700'000'000'000'000);
constexpr std::uint32_t kRecordsABlock = 4096 / sizeof(SampleRecord);

class LogRoles : public testing::ArenaFixture {
 protected:
  static LogDescription rendition(const std::string& name, std::uint64_t publication) {
    LogDescription description = describe("cam", publication, 4 * 4096);
    description.role = LogRole::kRendition;
    description.rendition = name;
    description.origin_publication_id = PublicationId{7};
    return description;
  }
  static LogDescription source(std::uint64_t publication) {
    LogDescription description = describe("cam", publication, 4 * 4096);
    description.started_wall = kWall;
    return description;
  }
  static SampleRecord numbered(std::uint64_t media, std::uint32_t discontinuity) {
    SampleRecord record = record_at(1);
    record.media_sequence = media;
    record.discontinuity_sequence = discontinuity;
    return record;
  }
  // live: a log that is being written when its writer dies.
  void kill_and_open(std::unique_ptr<LogWriter> live = nullptr) {
    std::ifstream file(arena_path(directory_.path(), "test"), std::ios::binary);
    const Bytes left(std::istreambuf_iterator<char>(file), {});
    live.reset();
    writer_.reset();
    testing::write_file(arena_path(directory_.path(), "test"), left);
    open_writer(config_);
  }
};

TEST_F(LogRoles, StandInTheSlot) {
  open_writer(64);
  LogDescription description = rendition("720p", 8);
  description.incarnation = 3;
  description.clock_domain = 0xD0;
  description.part_target_us = 333'000;
  const auto made = create(description);
  const auto plain = create(source(7));
  const auto reader = open_reader();
  const LogInfo info = info_of(*reader, 8);
  EXPECT_EQ(info.role, LogRole::kRendition);
  EXPECT_EQ(info.rendition, "720p");
  EXPECT_EQ(info.origin_publication_id, PublicationId{7});
  EXPECT_EQ(info.incarnation, 3U);
  EXPECT_EQ(info.clock_domain, 0xD0U);
  EXPECT_EQ(info.part_target_us, 333'000U);
  EXPECT_EQ(info.series(), (LogSeries{"cam", LogRole::kRendition, "720p"}));
  const LogInfo other = info_of(*reader, 7);
  EXPECT_EQ(other.role, LogRole::kSource);
  EXPECT_EQ(other.rendition, "");
  EXPECT_EQ(other.origin_publication_id, PublicationId{7}) << "its own";
  EXPECT_EQ(other.clock_domain, local_clock_domain());
  ASSERT_EQ(reader->logs(LogRole::kSource).size(), 1U);
  EXPECT_EQ(reader->logs(LogRole::kSource)[0].publication_id, PublicationId{7});
  EXPECT_EQ(reader->logs().size(), 2U);
}

// A mirror or rendition has its origin's numbers; its targets too where the origin has fixed them.
TEST_F(LogRoles, TakeTargetsThatAreBroughtAlongOnceTheyAreFixed) {
  open_writer(64);
  LogDescription description = rendition("720p", 8);
  description.segment_target_ms = 4000;
  description.part_target_us = 333'000;
  StreamContinuation numbers;
  numbers.last_media_sequence = 4999;
  numbers.part_target_us = 500'000;
  description.numbers = numbers;
  auto log = create(description);
  EXPECT_EQ(log->continuation().segment_target_ms, 4000U) << "the origin has not fixed any";
  EXPECT_EQ(log->continuation().part_target_us, 333'000U);
  log->set_target_duration_s(4);
  SampleRecord dependent = numbered(5000, 0);
  dependent.flags = 0;
  ASSERT_TRUE(append(*log, 8, 100, dependent));
  log->end(LogEnd::kWriterLost);
  description.publication_id = PublicationId{9};
  description.segment_target_ms = 6000;
  log = create(description);
  EXPECT_EQ(log->continuation().last_media_sequence, 4999U) << "as they are brought along";
  EXPECT_EQ(log->continuation().target_duration_s, 4U) << "the lists of the log before are out there";
  EXPECT_EQ(log->continuation().segment_target_ms, 4000U);
  EXPECT_EQ(log->continuation().first_dependent_segment, 5000U);
  log.reset();
  description.publication_id = PublicationId{10};
  description.numbers->target_duration_s = 2;
  description.numbers->segment_target_ms = 2000;
  description.numbers->first_dependent_segment = 4321;
  log = create(description);
  EXPECT_EQ(log->continuation().target_duration_s, 2U) << "the origin's are the presentation's";
  EXPECT_EQ(log->continuation().segment_target_ms, 2000U);
  EXPECT_EQ(log->continuation().part_target_us, 500'000U);
  EXPECT_EQ(log->continuation().first_dependent_segment, 4321U);
}

TEST_F(LogRoles, RefuseADescriptionThatFitsNone) {
  open_writer();
  std::vector<LogDescription> impossible(8, rendition("720p", 8));
  impossible[0].rendition = "";
  impossible[1].rendition = "a/b";
  impossible[2].rendition = std::string(kMaxRenditionLength + 1, 'a');
  impossible[3].origin_publication_id = kNoPublication;
  impossible[4].role = LogRole::kSource;
  impossible[5].role = static_cast<LogRole>(9);
  impossible[6].first_sequence = kMostSequence + 1;
  impossible[7].numbers = StreamContinuation{};  // a media sequence of 0 is none
  for (const LogDescription& description : impossible) {
    const auto log = writer_->create_log(description);
    ASSERT_FALSE(log);
    EXPECT_EQ(log.error().code, "media.invalid");
  }
  LogDescription longest = rendition(std::string(kMaxRenditionLength, 'a'), 8);
  const auto log = create(longest);
  EXPECT_EQ(info_of(*open_reader(), 8).rendition, longest.rendition);
}

TEST_F(LogRoles, NumbersGoOnWithinASeriesOnly) {
  open_writer(64);
  auto first = create(source(7));
  ASSERT_TRUE(append(*first, 7, 10, numbered(9'000'000'000, 900'000)));
  auto small = create(rendition("360p", 8));
  ASSERT_TRUE(append(*small, 8, 10, numbered(8'000'000'000, 800'000)));
  first->set_target_duration_s(4);
  for (const bool killed : {false, true}) {
    if (killed) {
      first.reset();
      small.reset();
      kill_and_open();
    }
    EXPECT_EQ(writer_->continuation({"cam"}).last_media_sequence, 9'000'000'000U);
    const StreamContinuation of_small = writer_->continuation({"cam", LogRole::kRendition, "360p"});
    EXPECT_EQ(of_small.last_media_sequence, 8'000'000'000U);
    EXPECT_EQ(of_small.last_discontinuity_sequence, 800'000U);
    EXPECT_EQ(of_small.target_duration_s, 0U) << "another series fixed its own";
    EXPECT_FALSE(writer_->continuation({"cam", LogRole::kRendition, "720p"}).found);
    EXPECT_FALSE(writer_->continuation({"cam", LogRole::kMirror, "360p"}).found);
    EXPECT_FALSE(writer_->continuation({"cam", LogRole::kProgramme}).found);
  }
  const auto next = create(source(9));
  EXPECT_EQ(next->continuation().last_media_sequence, 9'000'000'000U);
  EXPECT_EQ(next->continuation().epoch, Epoch{9}) << "a rendition's epoch fences no source";
}

// A slate goes on from what it stands in for, and what comes back from the slate; also when its writer was
// killed.
TEST_F(LogRoles, ASlateSharesTheNumbersOfItsSource) {
  open_writer(64);
  auto first = create(source(7));
  ASSERT_TRUE(append(*first, 7, 10, numbered(9'000'000'000, 900'000)));
  first->set_target_duration_s(4);
  first->end(LogEnd::kDisconnected);
  LogDescription description = source(8);
  description.role = LogRole::kSlate;
  EXPECT_FALSE(writer_->create_log(description)) << "of no source";
  description.origin_publication_id = PublicationId{7};
  description.numbers = writer_->continuation({"cam"});
  description.epoch = description.numbers->epoch;
  auto slate = create(description);
  EXPECT_EQ(slate->continuation().last_media_sequence, 9'000'000'000U);
  const std::uint64_t held = slate->held_bytes();
  for (std::uint32_t i = 1; i <= kRecordsABlock + 1; ++i) {
    SampleRecord gap = numbered(9'000'000'000 + i, 900'000);
    gap.gap_us = 2'000'000;
    ASSERT_EQ(slate->commit_gap(gap).value(), i - 1);
  }
  EXPECT_EQ(slate->held_bytes() - held, 2U * 4096) << "of the index";
  first.reset();
  kill_and_open(std::move(slate));
  const auto reader = open_reader();
  const LogInfo info = info_of(*reader, 8);
  EXPECT_EQ(info.end, LogEnd::kWriterLost);
  EXPECT_EQ(info.role, LogRole::kSlate);
  EXPECT_EQ(info.epoch, Epoch{7});
  auto cursor = reader->open_log(info.slot, PublicationId{8}, 0);
  ASSERT_TRUE(cursor);
  for (std::uint32_t i = 0; i <= kRecordsABlock; ++i) {
    const auto record = cursor->at(i);
    ASSERT_TRUE(record) << i;
    EXPECT_TRUE(is_gap(record->record.flags));
    EXPECT_TRUE(record->payload.empty());
  }
  EXPECT_TRUE(reader->logs(LogRole::kSource).size() == 1) << "nobody takes a slate for a source";
  const auto next = create(source(9));
  EXPECT_EQ(next->continuation().last_media_sequence, 9'000'000'001U + kRecordsABlock);
  EXPECT_EQ(next->continuation().last_discontinuity_sequence, 900'000U);
  EXPECT_EQ(next->continuation().target_duration_s, 4U);
}

TEST_F(LogRoles, ASlateGoesWithItsTime) {
  open_writer(64);
  auto first = create(source(7));
  ASSERT_TRUE(append(*first, 7, 10, numbered(9'000'000'000, 1)));
  first.reset();
  LogDescription description = source(8);
  description.role = LogRole::kSlate;
  description.origin_publication_id = PublicationId{7};
  description.numbers = writer_->continuation({"cam"});
  auto slate = create(description);
  ASSERT_TRUE(slate->commit_gap(numbered(9'000'000'001, 1)));
  slate->end(LogEnd::kTimedOut);
  EXPECT_FALSE(slate->commit_gap(numbered(9'000'000'002, 1)));
  writer_->maintain(monotonic_us() + 3'600'000'000);
  EXPECT_TRUE(open_reader()->logs().empty());
  EXPECT_EQ(writer_->statistics().free_bytes, writer_->statistics().total_bytes);
  EXPECT_EQ(writer_->continuation({"cam"}).last_media_sequence, 9'000'000'001U);
}

class Slates : public LogRoles {
 protected:
  static std::string stream(std::uint64_t i) { return "cam" + std::to_string(i); }
  // Streams whose sources have ended, each with a slate of one gap.
  void leave(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      auto gone = create(describe(stream(i), 100 + i));
      ASSERT_TRUE(append(*gone, 100 + i, 10, numbered(9'000'000'000, 1)));
      gone->end(LogEnd::kDisconnected);
    }
    for (std::uint64_t i = 0; i < count; ++i) {
      auto slate = create(slate_of(i));
      ASSERT_TRUE(slate);
      ASSERT_TRUE(slate->commit_gap(numbered(9'000'000'001, 1)));
      slates_.push_back(std::move(slate));
    }
  }
  LogDescription slate_of(std::uint64_t i) const {
    LogDescription description = describe(stream(i), 200 + i, 0);
    description.role = LogRole::kSlate;
    description.origin_publication_id = PublicationId{100 + i};
    description.numbers = writer_->continuation({stream(i)});
    return description;
  }
  std::vector<std::unique_ptr<LogWriter>> slates_;
};

TEST_F(Slates, LeaveAPublisherWhatItWasPromised) {
  open_writer(16);
  leave(3);
  EXPECT_EQ(writer_->statistics().guaranteed_bytes, 0U);
  std::vector<std::unique_ptr<LogWriter>> live;
  for (std::uint64_t i = 0; i < 4; ++i) {
    live.push_back(create(describe("new" + std::to_string(i), 300 + i)));
    ASSERT_TRUE(live.back());
  }
  for (std::uint64_t i = 0; i < 4; ++i) fill_blocks(*live[i], 300 + i, 2);
  for (const auto& slate : slates_) {
    EXPECT_FALSE(slate->commit_gap(numbered(9'000'000'002, 1))) << "what it held is another's";
    slate->end(LogEnd::kTimedOut);
  }
  const auto reader = open_reader();
  EXPECT_TRUE(reader->logs(LogRole::kSlate).empty());
  for (std::uint64_t i = 0; i < 4; ++i) {
    const LogInfo info = info_of(*reader, 300 + i);
    auto cursor = reader->open_log(info.slot, info.publication_id, info.first);
    ASSERT_TRUE(cursor);
    for (std::uint64_t at = info.first; at < info.committed; ++at) ASSERT_TRUE(cursor->at(at)) << at;
  }
  EXPECT_EQ(writer_->continuation({stream(0)}).last_media_sequence, 9'000'000'001U) << "their numbers stay";
}

TEST_F(Slates, MakeRoomForALargeSample) {
  open_writer(16);
  leave(2);
  auto live = create(describe("new", 300, 16 * 4096));
  ASSERT_TRUE(live);
  EXPECT_TRUE(append(*live, 300, 4 * 4096 - LogWriter::kPrefixRoom));
  EXPECT_TRUE(append(*live, 300, 4 * 4096 - LogWriter::kPrefixRoom));
  EXPECT_TRUE(append(*live, 300, 4 * 4096 - LogWriter::kPrefixRoom));
  EXPECT_FALSE(slates_.front()->commit_gap(numbered(9'000'000'002, 1)));
}

TEST_F(Slates, TakeNoSlotOfAListedStreamAndGiveTheirsToPublishers) {
  open_writer(64);
  leave(4);
  EXPECT_FALSE(writer_->create_log(slate_of(0))) << "the ended ones are needed";
  EXPECT_EQ(open_reader()->logs(LogRole::kSource).size(), 4U);
  std::vector<std::unique_ptr<LogWriter>> live;
  for (std::uint64_t i = 0; i < 4; ++i) live.push_back(create(describe("new" + std::to_string(i), 300 + i)));
  EXPECT_EQ(open_reader()->logs(LogRole::kSource).size(), 8U);
  EXPECT_FALSE(slates_.front()->commit_gap(numbered(9'000'000'002, 1)));
}

TEST_F(Slates, TakeNoBlockThatIsNeeded) {
  open_writer(16);
  auto live = create(describe("new", 300, 8 * 4096));
  fill_blocks(*live, 300, 5);
  auto gone = create(describe(stream(1), 101));
  fill_blocks(*gone, 101, 7);
  gone->end(LogEnd::kDisconnected);
  ASSERT_EQ(writer_->statistics().free_bytes, 0U);
  EXPECT_FALSE(writer_->create_log(slate_of(1)));
  EXPECT_EQ(info_of(*open_reader(), 101).first, 0U);
  EXPECT_EQ(info_of(*open_reader(), 300).first, 0U);
}

// A rendition has its origin's segment numbers, whatever the clock says and whatever it had before.
TEST_F(LogRoles, AWriterBringsItsNumbersAlong) {
  open_writer(64);
  LogDescription description = rendition("360p", 8);
  description.started_wall = kWall;
  description.epoch = Epoch{5};
  StreamContinuation brought;
  brought.last_media_sequence = 4'999;
  brought.last_discontinuity_sequence = 77;
  brought.segment_target_ms = 4000;
  brought.target_duration_s = 4;
  description.numbers = brought;
  for (const std::uint64_t publication : {8, 9}) {
    description.publication_id = PublicationId{publication};
    auto log = create(description);
    EXPECT_EQ(log->continuation().last_media_sequence, 4'999U);
    EXPECT_EQ(log->continuation().epoch, Epoch{5});
    ASSERT_TRUE(append(*log, publication, 10, numbered(5'000, 77)));
    const LogInfo info = info_of(*open_reader(), publication);
    EXPECT_EQ(info.epoch, Epoch{5});
    EXPECT_EQ(info.target_duration_s, 4U);
    EXPECT_EQ(info.segment_target_ms, 4000U);
  }
  EXPECT_EQ(writer_->continuation(LogSeries{"cam", LogRole::kRendition, "360p"}).last_media_sequence, 5'000U);
}

// A mirror that attaches late has its origin's sequences: wherever in an index block it begins, it is read,
// recycled and taken over like any other.
TEST_F(LogRoles, ALogMayBeginAtAnySequence) {
  const std::vector<std::uint64_t> beginnings{1, kRecordsABlock - 1, kRecordsABlock, 5'000'000'017};
  std::uint64_t publication = 10;
  for (const std::uint64_t begin : beginnings) {
    open_writer(64);
    LogDescription description = source(++publication);
    description.stream_id = "cam" + std::to_string(publication);
    description.role = LogRole::kMirror;
    description.origin_publication_id = PublicationId{7};
    description.first_sequence = begin;
    auto log = create(description);
    EXPECT_EQ(log->committed(), begin);
    auto reader = open_reader();
    auto cursor = reader->open_log(log->slot(), PublicationId{publication}, 0);
    ASSERT_TRUE(cursor);
    EXPECT_EQ(cursor->position(), begin);
    EXPECT_TRUE(std::holds_alternative<LogReader::Nothing>(cursor->read()));
    EXPECT_FALSE(cursor->newest_key());
    for (std::uint32_t i = 0; i < 2 * kRecordsABlock; ++i) {
      const auto sequence = append(*log, publication, 10, numbered(5'000 + i, 1));
      ASSERT_TRUE(sequence);
      EXPECT_EQ(*sequence, begin + i);
    }
    const auto read = cursor->read();
    ASSERT_TRUE(std::holds_alternative<LogReader::Sample>(read));
    EXPECT_EQ(copy(std::get<LogReader::Sample>(read).payload), pattern(publication, begin, 10));
    log.reset();
    kill_and_open();
    reader = open_reader();
    const LogInfo info = info_of(*reader, publication);
    EXPECT_EQ(info.first_sequence, begin);
    EXPECT_EQ(info.first, begin);
    EXPECT_EQ(info.committed, begin + 2 * kRecordsABlock);
    cursor = reader->open_log(info.slot, PublicationId{publication}, info.committed - 1);
    ASSERT_TRUE(cursor);
    ASSERT_TRUE(std::holds_alternative<LogReader::Sample>(cursor->read()));
  }
}

// One that never got a record is taken over as well: its numbers are handed on.
TEST_F(LogRoles, ALogThatBeginsLateAndStaysEmptyHandsItsNumbersOn) {
  open_writer();
  LogDescription description = source(7);
  description.first_sequence = 1'000;
  auto log = create(description);
  const std::uint64_t given = log->continuation().last_media_sequence;
  log.reset();
  kill_and_open();
  EXPECT_EQ(info_of(*open_reader(), 7).committed, 1'000U);
  EXPECT_EQ(writer_->continuation({"cam"}).last_media_sequence, given);
}

TEST_F(LogRoles, KeepRecyclingALogThatBeganLate) {
  open_writer(32);
  LogDescription description = source(7);
  description.first_sequence = 123'456'789;
  const auto log = create(description);
  fill_blocks(*log, 7, 200, 1);
  const LogInfo info = info_of(*open_reader(), 7);
  EXPECT_EQ(info.committed, 123'456'789U + 800);
  EXPECT_GT(info.first, info.first_sequence);
  EXPECT_LT(info.first, info.committed);
}

TEST_F(LogRoles, ASlotWithARoleThatThereIsNotIsNoLog) {
  open_writer();
  auto log = create(source(7));
  ASSERT_TRUE(append(*log, 7, 10));
  const std::uint32_t slot = number_of(log->slot());
  const auto reader = open_reader();
  std::fstream file(arena_path(directory_.path(), "test"), std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(
          static_cast<std::streamoff>(kArenaHeaderBytes + slot * sizeof(LogSlot) + offsetof(LogSlot, role)))
      .put(9);
  file.flush();
  EXPECT_TRUE(reader->logs().empty());
  log.reset();
  kill_and_open();
  EXPECT_TRUE(open_reader()->logs().empty());
}

}  // namespace
}  // namespace millrace::media
