// What a stream's recordings say of it is what its log said: the same segments, lists and bytes.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "dvr_archive.hpp"
#include "dvr_lists.hpp"
#include "recorded_media.hpp"
#include "rtmp/amf0.hpp"
#include "stream_package.hpp"
#include "test_publisher.hpp"
#include "test_recording.hpp"

namespace millrace::packaging {
namespace {

constexpr std::int64_t kHourUs = 3'600'000'000;
constexpr const char* kStem = "s1-2026-11-20T21-49-15.123Z";
const WindowPolicy kPolicy{.segments = 4};
const WallTime kJustNow = WallTime::from_us(1'800'000'010'000'000);  // after what is published
const WallTime kLater = kJustNow + kHourUs;

Bytes bytes_of(const SegmentFile& file) {
  Bytes bytes;
  for (const ByteView part : file.regions) bytes.insert(bytes.end(), part.begin(), part.end());
  return bytes;
}

Bytes bytes_of(const http::FilePieces& file) {
  Bytes bytes;
  for (const auto& piece : file.pieces) {
    Bytes read(piece.size);
    if (piece.file) {
      EXPECT_EQ(::pread(piece.file->descriptor(), read.data(), read.size(), off_t(piece.offset)),
                ssize_t(read.size()));
    } else {
      std::copy_n(file.text.begin() + std::ptrdiff_t(piece.offset), piece.size, read.begin());
    }
    bytes.insert(bytes.end(), read.begin(), read.end());
  }
  return bytes;
}

class DvrTest : public ::testing::Test {
 protected:
  void SetUp() override {
    arena_ = make_arena(logs_.path());
    reader_ = media::ArenaReader::open(logs_.path(), "ingest", "test").value();
  }
  // Its records are recorded from now on.
  void open(PublicationId publication_id) {
    for (const media::LogInfo& info : reader_->logs()) {
      if (info.publication_id == publication_id)
        log_ = reader_->open_log(info.slot, info.publication_id, info.first).value();
    }
    recording_.begin_log();
  }
  void record() { recording_.take(*log_); }
  std::shared_ptr<const Recorded> read(bool finished = false) {
    write_file(path(finished), finished ? recording_.finished() : recording_.live());
    recordings::FileName name = *recordings::parse_file_name(std::string(kStem) + ".part.mp4");
    if (finished) name.state = recordings::FileState::kFinished;
    return files_.read({name});
  }
  std::string path(bool finished) const {
    return directory_.path() + "/" + kStem + (finished ? ".mp4" : ".part.mp4");
  }
  std::shared_ptr<const StreamView> view() {
    while (package_.update({sources(reader_, "s1")}, 0).more) {
    }
    return package_.view();
  }
  Bytes media_of(const RecordedSegment& segment, std::uint8_t track) {
    std::vector<media::RecordedPiece> pieces;
    for (const RecordedShare& share : segment.shares) pieces.push_back(read_piece(share).value());
    const auto file = recorded_media(segment, *segment.segment.track(track), pieces);
    EXPECT_TRUE(file) << file.error().message;
    return file ? bytes_of(*file) : Bytes{};
  }
  // Every segment that both have is the same, in its times and in its bytes.
  std::size_t expect_same(const Recorded& recorded, const StreamView& live) {
    std::size_t compared = 0;
    for (const RecordedSegmentPtr& segment : recorded.segments) {
      for (const auto& offered : live.offered) {
        const Segment& other = offered->segment();
        if (segment_name(segment->segment) != segment_name(other)) continue;
        EXPECT_EQ(segment->segment.duration_us, other.duration_us);
        EXPECT_EQ(segment->segment.start_wall, other.start_wall);
        EXPECT_EQ(segment->segment.tracks.size(), other.tracks.size());
        for (const TrackSpan& span : other.tracks) {
          EXPECT_EQ(segment->segment.track(span.track)->duration_us, span.duration_us);
          EXPECT_EQ(media_of(*segment, span.track), bytes_of(*offered->file(span.track)))
              << other.media_sequence << " track " << int(span.track);
          ++compared;
        }
      }
    }
    return compared;
  }

  ScratchDirectory logs_, directory_;
  std::unique_ptr<media::ArenaWriter> arena_;
  std::shared_ptr<media::ArenaReader> reader_;
  std::optional<media::LogReader> log_;
  TestRecording recording_;
  RecordingsOfStream files_{directory_.path(), kHourUs};
  StreamPackage package_{"s1", kPolicy};
};

TEST_F(DvrTest, SegmentsOfARecordingAreThoseOfTheLogByteForByte) {
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

Bytes message(std::string_view name, const rtmp::amf0::Value& value) {
  ByteWriter writer;
  rtmp::amf0::serialize(name, writer);
  rtmp::amf0::serialize(value, writer);
  return writer.take();
}

// What stands in front of fragments is in no track of the file.
TEST_F(DvrTest, HasTheEventsOfTheLog) {
  for (const std::uint32_t part_us : {0U, 100'000U}) {
    for (const bool video : {true, false}) {
      const PublicationId id{0xB0 + part_us + (video ? 1 : 0)};
      TestPublisher publisher(
          *arena_,
          {.publication_id = id, .epoch = Epoch{1 + number_of(id)}, .video = video, .part_us = part_us});
      for (int i = 0; i < 30; ++i) {
        publisher.frame(0);
        publisher.data(message("onTextData", static_cast<double>(i)));
        if (i == 12)
          publisher.data(
              message("onSCTE35", "/DAvAAAAAAAA///wFAVIAACPf+/+c2nALv4AUsz1AAAAAAAKAAhDVUVJAAABNWLbowo="));
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

TEST_F(DvrTest, FinishedFileSaysTheSameAsTheLiveOne) {
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
TEST_F(DvrTest, ReadsALiveFileOnAsItGrows) {
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

std::string list(const Recorded& recorded, const Offering* live, const std::string& rendition = "v0") {
  DvrLists lists;
  const auto texts = lists.texts(recorded, live, kHourUs, kJustNow);
  return texts->offering ? *texts->media.at(rendition)->text().text : "";
}

// Whatever has happened to a file, what is read of it is within it, and nothing else suffers.
TEST_F(DvrTest, TakesNoHarmFromADamagedFile) {
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

std::size_t count(const std::string& text, std::string_view what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

TEST_F(DvrTest, ListsThePastBeforeWhatIsLiveUnderTheSameNames) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(12);
  open(PublicationId{0xA1});
  record();
  publisher.groups(2);  // the log's lead
  const auto recorded = read();
  const auto live = view();
  const std::string text = list(*recorded, live->offering.get());
  EXPECT_EQ(count(text, ".m4s\n"), 13U);
  EXPECT_EQ(count(text, "#EXT-X-DISCONTINUITY\n"), 0U);
  EXPECT_EQ(count(text, "#EXT-X-GAP\n"), 0U);
  EXPECT_EQ(count(text, "#EXT-X-MAP"), 1U);
  EXPECT_EQ(count(text, "#EXT-X-ENDLIST"), 0U);
  EXPECT_EQ(text.find("#EXT-X-PLAYLIST-TYPE"), std::string::npos) << "the window slides";
  // The live list is its end.
  const std::string& plain = *live->rendition("v0")->playlist->text(PlaylistForm::kPlain).text;
  const std::string tail = plain.substr(plain.find("#EXT-X-PROGRAM-DATE-TIME"));
  EXPECT_TRUE(text.ends_with(tail)) << text << plain;
  // The log has gone; the file is not finished yet.
  const std::string waiting = list(*recorded, nullptr);
  EXPECT_EQ(count(waiting, ".m4s\n"), 11U);
  EXPECT_EQ(count(waiting, "#EXT-X-ENDLIST"), 0U);
  const std::string after = list(*read(true), nullptr);
  EXPECT_EQ(count(after, ".m4s\n"), 12U) << "with the last one, which nothing follows";
  EXPECT_TRUE(after.ends_with("#EXT-X-ENDLIST\n"));
}

// The file takes long to be finished, or for ever: the log had ended.
TEST_F(DvrTest, AnEndThatWasShownStays) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(8);
  open(PublicationId{0xA1});
  record();
  publisher.log().end(media::LogEnd::kUnpublished);
  const auto recorded = read();
  ASSERT_TRUE(recorded->goes_on);
  Offering live = *view()->offering;
  live.listing.ended = live.listing.long_ended = true;
  DvrLists lists;
  const auto ended = [&](const Offering* log) {
    const std::string text = *lists.texts(*recorded, log, kHourUs, kJustNow)->media.at("v0")->text().text;
    EXPECT_EQ(count(text, ".m4s\n"), 8U) << text;
    EXPECT_NE(lists.manifest(*recorded, log, kHourUs, kJustNow).text->find("type=\"static\""),
              std::string::npos);
    return text.ends_with("#EXT-X-ENDLIST\n");
  };
  EXPECT_TRUE(ended(&live));
  EXPECT_TRUE(ended(nullptr)) << "and the log has gone";
  // Packaging has begun anew since.
  DvrLists others;
  const auto restarted = [&](WallTime now) {
    return *others.texts(*recorded, nullptr, kHourUs, now)->media.at("v0")->text().text;
  };
  EXPECT_EQ(count(restarted(kJustNow), "#EXT-X-ENDLIST"), 0U) << "recording may be about to write more";
  EXPECT_EQ(count(restarted(kLater), "#EXT-X-ENDLIST"), 1U);
  EXPECT_EQ(count(restarted(kLater), ".m4s\n"), 8U) << "with the last one";
}

void drop_oldest(Offering& live) {
  live.listing.offered.erase(live.listing.offered.begin());
  for (Rendition& rendition : live.renditions) rendition.segments.erase(rendition.segments.begin());
}

// The encoder comes back when the log has let go of its first publication: that has a last segment all the
// same.
TEST_F(DvrTest, KeepsTheLastSegmentOfALogThatHasGone) {
  TestPublisher first(*arena_, {});
  first.groups(3);
  open(PublicationId{0xA1});
  record();
  first.log().end(media::LogEnd::kDisconnected);
  TestPublisher second(*arena_, {.publication_id = PublicationId{0xA2},
                                 .epoch = Epoch{2},
                                 .started_wall = WallTime::from_us(1'800'000'002'000'000)});
  second.groups(3);
  const auto recorded = read();  // nothing of the second one yet
  Offering live = *view()->offering;
  while (live.listing.offered.front().publication_id == PublicationId{0xA1}) {
    drop_oldest(live);
  }
  live.listing.first_listed = 0;
  const std::string text = list(*recorded, &live);
  EXPECT_EQ(count(text, "00a1-0.m4s\n"), 3U) << text;
  EXPECT_EQ(count(text, "#EXT-X-GAP\n"), 0U);
}

// Recording stalls for longer than the log holds what it has not written.
TEST_F(DvrTest, ASegmentThatNobodyHasAnyMoreKeepsItsName) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(3);
  open(PublicationId{0xA1});
  record();
  publisher.groups(4);
  const auto recorded = read();
  Offering live = *view()->offering;
  DvrLists lists;
  const std::string before = *lists.texts(*recorded, &live, kHourUs, kJustNow)->media.at("v0")->text().text;
  for (int i = 0; i < 2; ++i) {
    drop_oldest(live);
  }
  while (live.listing.offered.front().media_sequence < recorded->rest.back()->segment.media_sequence + 3) {
    drop_oldest(live);
  }
  live.listing.first_listed = 0;
  const std::string after = *lists.texts(*recorded, &live, kHourUs, kJustNow)->media.at("v0")->text().text;
  EXPECT_GE(count(after, "#EXT-X-GAP\n"), 2U) << after;
  EXPECT_EQ(count(after, "-gap.m4s"), 0U) << "a list renames nothing";
  EXPECT_EQ(count(after, ".m4s\n"), count(before, ".m4s\n"));
}

// A list of an hour is not fetched again with every segment.
TEST_F(DvrTest, ListsHaveDeltaUpdates) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(60);
  open(PublicationId{0xA1});
  record();
  const auto recorded = read();
  DvrLists lists;
  const auto texts = lists.texts(*recorded, view()->offering.get(), kHourUs, kJustNow);
  const auto& media = *texts->media.at("v0");
  const std::string& full = *media.text().text;
  EXPECT_EQ(count(full, "#EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL=6.000\n"), 1U) << full;
  EXPECT_EQ(count(full, "#EXT-X-VERSION:9\n"), 1U);
  const std::string& delta = *media.text(PlaylistForm::kDelta).text;
  const std::size_t left_out = count(full, ".m4s\n") - count(delta, ".m4s\n");
  EXPECT_GT(left_out, 20U);
  EXPECT_EQ(count(delta, "#EXT-X-SKIP:SKIPPED-SEGMENTS=" + std::to_string(left_out) + "\n"), 1U) << delta;
  EXPECT_TRUE(full.ends_with(delta.substr(delta.find("#EXT-X-PROGRAM-DATE-TIME"))));
  EXPECT_EQ(count(list(*read(true), nullptr), "#EXT-X-VERSION:9\n"), 1U) << "also when it has ended";
}

// After the end its times begin with 0, whatever of it has left the window.
TEST_F(DvrTest, AnEndedStreamsMpdIsARecordings) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(12);
  open(PublicationId{0xA1});
  record();
  DvrLists lists;
  view();
  const auto before = lists.manifest(*read(), view()->offering.get(), 1'000'000, kJustNow);
  ASSERT_TRUE(before.text);
  EXPECT_NE(before.text->find("type=\"dynamic\""), std::string::npos);
  const auto after = lists.manifest(*read(true), nullptr, 1'000'000, kJustNow);
  ASSERT_TRUE(after.text);
  EXPECT_NE(after.text->find("type=\"static\""), std::string::npos) << *after.text;
  EXPECT_NE(after.text->find("start=\"PT0S\""), std::string::npos) << *after.text;
  EXPECT_NE(after.text->find("mediaPresentationDuration=\"PT1."), std::string::npos) << *after.text;
}

TEST_F(DvrTest, GoesOnOverAReconnectWithADiscontinuity) {
  TestPublisher first(*arena_, {});
  first.groups(3);
  open(PublicationId{0xA1});
  record();
  first.log().end(media::LogEnd::kDisconnected);
  TestPublisher second(*arena_, {.publication_id = PublicationId{0xA2},
                                 .epoch = Epoch{2},
                                 .started_wall = WallTime::from_us(1'800'000'005'000'000)});
  second.groups(3);
  open(PublicationId{0xA2});
  record();
  const std::string text = list(*read(true), nullptr);
  EXPECT_EQ(count(text, ".m4s\n"), 6U) << text;
  EXPECT_EQ(count(text, "#EXT-X-DISCONTINUITY\n"), 1U);
  EXPECT_EQ(count(text, "#EXT-X-MAP"), 2U);
}

std::string name_of(std::string_view started, std::string_view suffix = ".mp4") {
  return "s1-2026-11-20T" + std::string(started) + ".000Z" + std::string(suffix);
}

std::size_t segments_in(const Recorded& recorded) {
  return recorded.segments.size() + recorded.rest.size();
}

// The clock was ahead when the first one began, and was put right before the second.
TEST_F(DvrTest, OrdersFilesByTheLogsNumbersNotByTheirNames) {
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
TEST_F(DvrTest, ForgetsByLengthWhereTheClockWasPutBack) {
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
TEST_F(DvrTest, KnowsAFileByMoreThanItsName) {
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
TEST_F(DvrTest, LeavesOutAFileThatCannotBeRead) {
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
TEST_F(DvrTest, ReadsOnWhatIsNotTheNewest) {
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

// The recorder was away: numbers go on, what nobody has is a gap.
TEST_F(DvrTest, HasGapsWhereNothingWasRecorded) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(4);
  open(PublicationId{0xA1});
  record();
  publisher.groups(3);
  recording_.skip_to(log_->info().committed);
  publisher.groups(4);
  record();
  const auto recorded = read(true);
  const std::string text = list(*recorded, nullptr);
  const std::size_t gaps = count(text, "#EXT-X-GAP\n");
  EXPECT_GE(gaps, 3U) << text;
  EXPECT_EQ(count(text, ".m4s\n") - gaps, recorded->segments.size() + recorded->rest.size());
  const std::uint64_t first = recorded->segments.front()->segment.media_sequence;
  EXPECT_EQ(recorded->rest.back()->segment.media_sequence, first + count(text, ".m4s\n") - 1);
}

// What stands in for a publisher who is away has names and lengths of its own, which no recording has.
TEST_F(DvrTest, GapsStayAsTheyWereShown) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(4);
  open(PublicationId{0xA1});
  record();
  publisher.groups(3);
  recording_.skip_to(log_->info().committed);
  publisher.groups(4);
  record();
  const auto recorded = read(true);
  const auto gaps_of = [](const Offering& offering) {
    std::map<std::uint64_t, Segment> gaps;
    for (const Segment& segment : offering.listing.offered) {
      if (segment.tracks.empty()) gaps.emplace(segment.media_sequence, segment);
    }
    return gaps;
  };
  const DvrRequest fresh{.window_us = kHourUs};
  std::map<std::uint64_t, Segment> shown = gaps_of(*dvr_offering(recorded->segments, nullptr, fresh));
  ASSERT_GE(shown.size(), 2U);
  for (auto& [number, segment] : shown) {
    segment.publication_id = PublicationId{0xFF};
    segment.duration_us += 1'000;
  }
  DvrRequest again = fresh;
  again.gaps = shown;
  const auto gaps = gaps_of(*dvr_offering(recorded->segments, nullptr, again));
  ASSERT_EQ(gaps.size(), shown.size());
  for (const auto& [number, segment] : gaps) {
    EXPECT_EQ(segment.publication_id, PublicationId{0xFF});
    EXPECT_EQ(segment.duration_us, shown.at(number).duration_us);
  }
}

TEST_F(DvrTest, ShowsStrangersNothingOfAPrivatePublication) {
  TestPublisher hidden(*arena_, {.is_private = true});
  hidden.groups(3);
  open(PublicationId{0xA1});
  record();
  hidden.log().end(media::LogEnd::kUnpublished);
  EXPECT_TRUE(is_private(read()->segments, nullptr));
  TestPublisher open_one(*arena_, {.publication_id = PublicationId{0xA2}, .epoch = Epoch{2}});
  open_one.groups(3);
  open(PublicationId{0xA2});
  record();
  const auto recorded = read(true);
  EXPECT_FALSE(is_private(recorded->segments, nullptr));
  EXPECT_EQ(count(list(*recorded, nullptr), "00a1-0.m4s\n"), 0U);
  EXPECT_EQ(count(list(*recorded, nullptr), "00a2-0.m4s\n"), 3U);
}

// The private one's last segment is not whole yet: it counts all the same.
TEST_F(DvrTest, JudgesPrivacyByTheNewestRecord) {
  for (const bool is_private_last : {true, false}) {
    const PublicationId one{is_private_last ? 0xA1U : 0xB1U}, other{is_private_last ? 0xA2U : 0xB2U};
    recording_ = TestRecording();
    std::filesystem::remove(path(false));
    TestPublisher first(*arena_, {.publication_id = one, .is_private = !is_private_last});
    first.groups(3);
    open(one);
    record();
    first.log().end(media::LogEnd::kUnpublished);
    TestPublisher second(*arena_,
                         {.publication_id = other, .epoch = Epoch{2}, .is_private = is_private_last});
    second.groups(1);
    open(other);
    record();
    const auto recorded = read();
    ASSERT_EQ(recorded->rest.size(), 1U);
    EXPECT_EQ(is_private(*recorded), is_private_last);
    EXPECT_EQ(list(*recorded, nullptr).empty(), !is_private_last) << "nothing of it is for strangers";
    second.log().end(media::LogEnd::kUnpublished);
  }
}

TEST_F(DvrTest, NeverStepsBackAndForgetsWhatIsOlderThanTheWindow) {
  RecordingsOfStream files(directory_.path(), 2'000'000);
  TestPublisher publisher(*arena_, {});
  publisher.groups(1);
  open(PublicationId{0xA1});
  DvrLists lists;
  std::uint64_t first = 0;
  for (int i = 0; i < 20; ++i) {
    publisher.groups(1);
    record();
    write_file(path(false), recording_.live());
    const auto recorded = files.read({*recordings::parse_file_name(std::string(kStem) + ".part.mp4")});
    const auto texts = lists.texts(*recorded, view() ? view()->offering.get() : nullptr, 1'000'000, kJustNow);
    if (!texts->offering) continue;
    const auto& offered = texts->offering->listing.offered;
    EXPECT_GE(offered.front().media_sequence, first);
    first = offered.front().media_sequence;
    EXPECT_LE(offered.size(), 6U);
    EXPECT_LE(recorded->segments.size(), 12U);
  }
  EXPECT_GT(first, 10U);
}

TEST_F(DvrTest, FindsAStreamsFilesOnceEachAndOnlyThoseOfTheWindow) {
  for (const char* const name :
       {"s1-2026-11-20T10-00-00.000Z.mp4", "s1-2026-11-20T11-00-00.000Z.mp4",
        "s1-2026-11-20T12-00-00.000Z.part.mp4", "s1-2026-11-20T12-00-00.000Z.mp4",
        "s1-2026-11-20T12-00-00.000Z.finishing.part.mp4", "s1-2026-11-20T13-00-00.000Z.damaged.part.mp4",
        "s2-2026-11-20T12-00-00.000Z.mp4", "holiday.mp4", ".recorder"})
    write_file(directory_.path() + "/" + name, {});
  RecordingNames names(directory_.path());
  const WallTime now = WallTime::from_us(2'000'000'000'000'000);
  const auto found = names.of("s1", 90LL * 60 * 1'000'000, now);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 3U) << "the one of 10:00 may go on up to 11:00, an hour before the newest";
  EXPECT_EQ(found->back().state, recordings::FileState::kFinished);
  EXPECT_EQ(names.of("s1", 30LL * 60 * 1'000'000, now)->size(), 1U + 1U);
  EXPECT_TRUE(names.of("s3", kHourUs, now)->empty());
  EXPECT_FALSE(RecordingNames(directory_.path() + "/none").of("s1", kHourUs, now));
  // At 11:30 the clock was ahead when 12:00 began: the others go by 11:00.
  const WallTime earlier = WallTime::from_us(1'795'174'200'000'000);
  EXPECT_EQ(names.of("s1", 30LL * 60 * 1'000'000, earlier)->size(), 3U);
}

TEST_F(DvrTest, ReportsOnceThatTheDirectoryCannotBeRead) {
  std::mutex mutex;
  std::vector<std::string> problems;
  std::atomic<int> answers = 0;
  DvrArchive archive(directory_.path() + "/none", kHourUs, [&](const std::string& problem) {
    const std::lock_guard lock(mutex);
    problems.push_back(problem);
  });
  const auto ask = [&] {
    const int before = answers;
    archive.find("s1", 0, [&](const DvrArchive::Stream* stream) {
      EXPECT_TRUE(stream != nullptr && stream->recorded->segments.empty());
      ++answers;
    });
    while (answers == before) std::this_thread::yield();
  };
  ask();
  ask();
  std::filesystem::create_directory(directory_.path() + "/none");
  ask();
  const std::lock_guard lock(mutex);
  ASSERT_EQ(problems.size(), 2U);
  EXPECT_NE(problems[0].find("No such file"), std::string::npos);
  EXPECT_EQ(problems[1], "");
}

// Anybody may ask for anything: that there is none is known for a while.
TEST_F(DvrTest, AnswersForStreamsWithoutRecordingsWithoutLookingAgain) {
  DvrArchive archive(directory_.path(), kHourUs);
  std::atomic<int> answers = 0;
  std::atomic<std::thread::id> answered_by{};
  const auto ask = [&](const char* stream, std::int64_t now_us) {
    const int before = answers;
    archive.find(stream, now_us, [&](const DvrArchive::Stream* found) {
      EXPECT_TRUE(found != nullptr && found->recorded->segments.empty());
      answered_by = std::this_thread::get_id();
      ++answers;
    });
    while (answers == before) std::this_thread::yield();
    return answered_by.load() == std::this_thread::get_id();
  };
  EXPECT_FALSE(ask("s1", 1'000));
  EXPECT_TRUE(ask("s1", 2'000));
  EXPECT_TRUE(ask("s2", 3'000)) << "the same look says it of all";
  EXPECT_FALSE(ask("s2", 3'000 + DvrArchive::kFreshUs));
}

TEST_F(DvrTest, BoundsListsThatAreBeingWritten) {
  DvrLists lists;
  const std::size_t half = DvrLists::kMostWrittenBytes / 2;
  auto first = lists.hand_out(std::string(half, 'x'));
  const auto second = lists.hand_out(std::string(half, 'x'));
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(lists.has_room_for(1));
  EXPECT_FALSE(lists.hand_out("x"));
  first = nullptr;
  EXPECT_TRUE(lists.has_room_for(half));
  EXPECT_TRUE(lists.hand_out("x"));
}

}  // namespace
}  // namespace millrace::packaging
