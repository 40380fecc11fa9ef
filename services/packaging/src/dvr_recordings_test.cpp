// What a stream's recordings say of it is what its log said: the same segments, times and bytes.
#include "dvr_fixture.hpp"

namespace millrace::packaging {
namespace {

using DvrRecordingsTest = DvrTest;

TEST_F(DvrRecordingsTest, SegmentsOfARecordingAreThoseOfTheLogByteForByte) {
  for (const std::uint32_t part_us : {0U, 100'000U}) {
    const PublicationId id{0xA0 + part_us};
    TestPublisher publisher(*arena_, {.publication_id = id,
                                      .epoch = Epoch{1 + part_us},
                                      .data_first = true,
                                      .further_tracks = true,
                                      .part_us = part_us});
    publisher.groups(6);
    open(id);
    record();
    EXPECT_GE(expect_same(*read(), *view()), 12U) << part_us;
    publisher.log().end(media::LogEnd::kUnpublished);
  }
}

// What stands in front of fragments is in no track of the file.
TEST_F(DvrRecordingsTest, HasTheEventsOfTheLog) {
  for (const std::uint32_t part_us : {0U, 100'000U}) {
    for (const bool video : {true, false}) {
      const PublicationId id{0xB0 + part_us + (video ? 1 : 0)};
      TestPublisher publisher(
          *arena_,
          {.publication_id = id, .epoch = Epoch{1 + number_of(id)}, .video = video, .part_us = part_us});
      for (int i = 0; i < 60; ++i) {
        publisher.show(i < 12 || i >= 43);
        publisher.frame(0);
        publisher.data(message("onTextData", static_cast<double>(i)));
        if (i == 12) publisher.data(message("onSCTE35", kSplice));
      }
      open(id);
      record();
      const auto recorded = read();
      EXPECT_GE(expect_same(*recorded, *view()), 4U) << part_us;
      const Bytes any = media_of(*recorded->segments.back(), video ? media::kVideoTrack : media::kAudioTrack);
      EXPECT_NE(as_text(any).find("emsg"), std::string_view::npos);
      publisher.log().end(media::LogEnd::kUnpublished);
    }
  }
}

TEST_F(DvrRecordingsTest, FinishedFileSaysTheSameAsTheLiveOne) {
  TestPublisher publisher(*arena_, {.part_us = 100'000});
  publisher.groups(6);
  open(PublicationId{0xA1});
  recording_.insert_bytes(40);
  record();
  const auto live = read();
  EXPECT_GE(expect_same(*live, *view()), 8U) << "also without what recording has put in";
  const auto finished = read(true);
  ASSERT_EQ(finished->segments.size(), live->segments.size());
  EXPECT_NE(finished, live);
  EXPECT_GE(expect_same(*finished, *view()), 8U);
}

// The file grows, cut off anywhere: what was read stays, what is there once is read once.
TEST_F(DvrRecordingsTest, ReadsALiveFileOnAsItGrows) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(4);
  open(PublicationId{0xA1});
  record();
  const Bytes whole = recording_.live();
  const auto all = read()->segments.size();
  RecordingsOfStream growing(directory_.path(), kHourUs);
  std::size_t seen = 0;
  // The same file, which is appended to.
  std::ofstream file(path(false), std::ios::binary | std::ios::trunc);
  for (std::size_t at = 0; at < whole.size(); at += 97) {
    const std::size_t count = std::min<std::size_t>(97, whole.size() - at);
    file.write(reinterpret_cast<const char*>(&whole[at]), std::streamsize(count)).flush();
    const auto recorded = growing.read({*recordings::parse_file_name(std::string(kStem) + ".part.mp4")});
    ASSERT_GE(recorded->segments.size(), seen);
    seen = recorded->segments.size();
  }
  EXPECT_EQ(seen, all);
}

// Whatever has happened to a file, what is read of it is within it, and nothing else suffers.
TEST_F(DvrRecordingsTest, TakesNoHarmFromADamagedFile) {
  TestPublisher publisher(*arena_, {.part_us = 100'000});
  publisher.groups(4);
  open(PublicationId{0xA1});
  record();
  const Bytes whole = recording_.finished();
  const auto name = *recordings::parse_file_name(std::string(kStem) + ".mp4");
  for (std::size_t at = 0; at < whole.size(); at += 3) {
    Bytes damaged = whole;
    damaged[at] ^= static_cast<std::uint8_t>(1U << at % 8);
    if (at % 2 == 0) damaged.resize(at);
    write_file(path(true), damaged);
    RecordingsOfStream files(directory_.path(), kHourUs);
    const auto recorded = files.read({name});
    for (const RecordedSegmentPtr& segment : recorded->segments) {
      std::vector<media::RecordedPiece> pieces;
      for (const RecordedShare& share : segment->shares) {
        if (auto piece = read_piece(share)) pieces.push_back(std::move(*piece));
      }
      for (const TrackSpan& span : segment->segment.tracks) {
        const auto file = recorded_media(*segment, span, pieces);
        for (const auto& piece : file ? file->pieces : std::vector<http::FilePieces::Piece>{})
          ASSERT_LE(piece.offset + piece.size, piece.file ? damaged.size() : file->text.size());
      }
    }
    (void)list(*recorded, nullptr);
  }
}

std::string name_of(std::string_view started, std::string_view suffix = ".mp4") {
  return "s1-2026-11-20T" + std::string(started) + ".000Z" + std::string(suffix);
}

std::size_t segments_in(const Recorded& recorded) {
  return recorded.segments.size() + recorded.rest.size();
}

// The clock was ahead when the first one began, and was put right before the second.
TEST_F(DvrRecordingsTest, OrdersFilesByTheLogsNumbersNotByTheirNames) {
  TestPublisher first(*arena_, {.started_wall = WallTime::from_us(1'800'000'000'000'000)});
  first.groups(3);
  open(PublicationId{0xA1});
  record();
  const std::string later = name_of("22-00-00"), earlier = name_of("21-00-00", ".part.mp4");
  write_file(directory_.path() + "/" + later, recording_.finished());
  first.log().end(media::LogEnd::kDisconnected);
  TestPublisher second(*arena_, {.publication_id = PublicationId{0xA2},
                                 .epoch = Epoch{2},
                                 .started_wall = WallTime::from_us(1'799'996'400'000'000)});
  second.groups(2);
  open(PublicationId{0xA2});
  recording_ = TestRecording();
  record();
  const std::vector<recordings::FileName> names = {*recordings::parse_file_name(earlier),
                                                   *recordings::parse_file_name(later)};
  for (const int groups : {2, 4}) {
    write_file(directory_.path() + "/" + earlier, recording_.live());
    const auto recorded = files_.read(names);
    EXPECT_EQ(segments_in(*recorded), 3U + std::size_t(groups)) << "also what was written since";
    ASSERT_FALSE(recorded->rest.empty());
    EXPECT_EQ(recorded->rest.back()->segment.publication_id, PublicationId{0xA2});
    EXPECT_TRUE(recorded->goes_on);
    EXPECT_EQ(count(list(*recorded, nullptr), "#EXT-X-GAP\n"), 0U);
    second.groups(2);
    record();
  }
}

// As much as the window, whatever the clock says.
TEST_F(DvrRecordingsTest, ForgetsByLengthWhereTheClockWasPutBack) {
  TestPublisher first(*arena_, {.started_wall = WallTime::from_us(1'900'000'000'000'000)});
  first.groups(10);
  open(PublicationId{0xA1});
  record();
  first.log().end(media::LogEnd::kDisconnected);
  TestPublisher second(*arena_, {.publication_id = PublicationId{0xA2}, .epoch = Epoch{2}});
  second.groups(30);
  open(PublicationId{0xA2});
  record();
  write_file(path(true), recording_.finished());
  recordings::FileName name = *recordings::parse_file_name(std::string(kStem) + ".mp4");
  const auto recorded = RecordingsOfStream(directory_.path(), 2'000'000).read({name});
  EXPECT_LE(recorded->segments.size(), 12U);
  EXPECT_EQ(recorded->segments.front()->segment.publication_id, PublicationId{0xA2});
}

// The operator deletes a live file, recording goes on in another one of that name.
TEST_F(DvrRecordingsTest, KnowsAFileByMoreThanItsName) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(6);
  open(PublicationId{0xA1});
  record();
  EXPECT_EQ(segments_in(*read()), 6U);
  std::filesystem::rename(path(false), directory_.path() + "/kept");
  recording_ = TestRecording();
  recording_.skip_to(log_->info().committed);
  publisher.groups(2);
  record();
  EXPECT_EQ(segments_in(*read()), 2U);
  std::filesystem::remove(path(false));
  EXPECT_EQ(segments_in(*files_.read({*recordings::parse_file_name(std::string(kStem) + ".part.mp4")})), 0U);
}

// Nothing of the others is lost with it.
TEST_F(DvrRecordingsTest, LeavesOutAFileThatCannotBeRead) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(4);
  open(PublicationId{0xA1});
  record();
  write_file(path(true), recording_.finished());
  const std::string other = name_of("20-00-00");
  std::filesystem::create_directory(directory_.path() + "/" + other);
  const auto recorded = files_.read(
      {*recordings::parse_file_name(other), *recordings::parse_file_name(std::string(kStem) + ".mp4")});
  EXPECT_EQ(segments_in(*recorded), 4U);
}

// The one before the newest is still being written: recording has not seen its end yet.
TEST_F(DvrRecordingsTest, ReadsOnWhatIsNotTheNewest) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(3);
  open(PublicationId{0xA1});
  record();
  TestRecording older = recording_;
  const std::string first = name_of("20-00-00", ".part.mp4"), second = name_of("21-00-00", ".part.mp4");
  write_file(directory_.path() + "/" + first, older.live());
  publisher.groups(2);
  older.take(*log_);
  recording_ = TestRecording();
  recording_.skip_to(log_->info().committed);
  publisher.groups(3);
  record();
  write_file(directory_.path() + "/" + second, recording_.live());
  const std::vector<recordings::FileName> names = {*recordings::parse_file_name(first),
                                                   *recordings::parse_file_name(second)};
  EXPECT_EQ(segments_in(*files_.read(names)), 2U + 3U) << "what follows the third is not known";
  write_file(directory_.path() + "/" + first, older.live());
  EXPECT_EQ(segments_in(*files_.read(names)), 5U + 3U);
}

}  // namespace
}  // namespace millrace::packaging
