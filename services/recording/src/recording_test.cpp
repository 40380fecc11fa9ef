#include "recording.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "../tests/recording_fixture.hpp"
#include "catalogue.hpp"
#include "containers/mp4/box_reader.hpp"
#include "finish_file.hpp"
#include "log_scanner.hpp"
#include "media/arena_format.hpp"
#include "media/cursor_table.hpp"
#include "media/recorded_log.hpp"
#include "recordings/private_mark.hpp"

namespace millrace::recording {
namespace {

using test::Publisher;
using RecordingTest = test::RecordingTest;

// Killed at each step, into several files, with parameter sets that change and are put into key frames.
TEST_F(RecordingTest, KeepsWhatTheLogSaid) {
  constexpr FileLimits kLimits{.duration_us = 3'000'000};
  Publisher publisher(*arena_, 31, true, 4U << 20, 64, true);
  for (std::uint8_t i = 0; i < 9; ++i) {
    publisher.change_parameter_sets(static_cast<std::uint8_t>(100 + i % 3));
    publisher.turns(30);
    Recording recording = open(publisher, kLimits);
    run(recording);
    recording.suspend(monotonic_us());
  }
  publisher.log().end(media::LogEnd::kUnpublished);
  Recording recording = open(publisher, kLimits);
  EXPECT_TRUE(run(recording).ended);
  EXPECT_GT(test::files(directory_, FileState::kFinished).size(), 1U);
  const media::LogInfo info = info_of(publisher);
  test::expect_log_in_files(directory_,
                            std::move(reader_->open_log(info.slot, info.publication_id, info.first).value()));
}

// A flood of data messages costs neither room nor the past: those that players are given are kept.
TEST_F(RecordingTest, KeepsTheMessagesThatPlayersAreGiven) {
  Publisher publisher(*arena_, 31);
  publisher.turns(5);
  media::LogWriter& log = publisher.log();
  media::TrackConfiguration description{};
  description.track = media::kDataTrack;
  description.kind = media::TrackKind::kData;
  description.codec = media::Codec::kData;
  description.timescale = media::kDataTimescale;
  media::LogInfo info = info_of(publisher);
  media::SampleRecord record{};
  record.track = media::kDataTrack;
  record.configuration = log.add_configuration(description, {}, {}).value();
  record.media_sequence = reader_->open_log(info.slot, info.publication_id, info.first)
                              ->at(log.committed() - 1)
                              ->record.media_sequence;
  for (const std::string_view name : {"onTextData", "onSomething"}) {
    ByteWriter writer;
    for (const std::string_view text : {name, std::string_view("hello")}) {
      writer.u8(2);  // AMF0: a string
      writer.u16(static_cast<std::uint16_t>(text.size()));
      writer.text(text);
    }
    const Bytes message = writer.take();
    for (int i = 0; i < 100; ++i) {
      const auto room = log.reserve(static_cast<std::uint32_t>(message.size())).value();
      std::copy(message.begin(), message.end(), room.data + room.prefix_room);
      log.commit(room, room.prefix_room, 0, record);
    }
  }
  publisher.turns(60);
  log.end(media::LogEnd::kUnpublished);
  Recording recording = open(publisher);
  EXPECT_TRUE(run(recording).ended);
  test::expect_log_in_files(directory_,
                            std::move(reader_->open_log(info.slot, info.publication_id, info.first).value()));
  std::size_t kept = 0;
  for (const std::string& name : test::files(directory_, FileState::kFinished)) {
    const Bytes file = test::read_file(directory_ + "/" + name);
    mp4::BoxReader boxes(file);
    while (const auto box = boxes.next()) {
      const auto piece = media::read_recorded_piece(box->payload);
      if (box->type != mp4::four_cc("uuid") || !piece) continue;
      for (const media::RecordedSample& sample : piece->samples) kept += sample.data.empty() ? 0 : 1;
    }
  }
  EXPECT_EQ(kept, media::EventLimits::kMaxTexts);
}

TEST_F(RecordingTest, HoldsEverySampleOfAPublication) {
  Publisher publisher(*arena_, 11);
  Recording recording = open(publisher);
  for (int i = 0; i < 20; ++i) {
    publisher.turns(7);
    EXPECT_FALSE(run(recording).ended);
  }
  EXPECT_EQ(test::files(directory_, FileState::kPart),
            (std::vector<std::string>{"s1-2026-11-18T11-06-40.123Z.part.mp4"}));
  publisher.log().end(media::LogEnd::kUnpublished);
  EXPECT_TRUE(run(recording).ended);
  EXPECT_EQ(test::files(directory_, FileState::kFinished),
            (std::vector<std::string>{"s1-2026-11-18T11-06-40.123Z.mp4"}));
  EXPECT_TRUE(test::files(directory_, FileState::kPart).empty());
  test::expect_whole(directory_, 11, publisher.log().committed());
}

TEST_F(RecordingTest, MarksWhatIsPrivateBeforeItIsThere) {
  Publisher open_to_all(*arena_, 21);
  Publisher secret(*arena_, 22, true, 4U << 20, 64, true);
  for (Publisher* const publisher : {&open_to_all, &secret}) {
    Recording recording = open(*publisher);
    publisher->turns(60);
    run(recording);
    const std::string stem =
        recordings::parse_file_name(test::files(directory_, FileState::kPart).at(0))->stem;
    EXPECT_EQ(std::filesystem::exists(directory_ + "/" + recordings::private_mark(stem)),
              publisher == &secret);
    publisher->log().end(media::LogEnd::kUnpublished);
    run(recording);
    EXPECT_EQ(std::filesystem::exists(directory_ + "/" + recordings::private_mark(stem)),
              publisher == &secret);
    std::filesystem::remove_all(directory_);
  }
}

// Killed and begun again after every step, with a torn tail behind what was written.
TEST_F(RecordingTest, GoesOnWithTheNextSampleAfterACrash) {
  Publisher publisher(*arena_, 12);
  for (int i = 0; i < 30; ++i) {
    publisher.turns(10);
    Recording recording = open(publisher);
    run(recording);
    for (const std::string& name : test::files(directory_, FileState::kPart)) {
      std::ofstream(directory_ + "/" + name, std::ios::app | std::ios::binary)
          << std::string(static_cast<std::size_t>(i * 5), 'x');
    }
  }
  publisher.log().end(media::LogEnd::kUnpublished);
  Recording recording = open(publisher);
  EXPECT_TRUE(run(recording).ended);
  EXPECT_EQ(test::files(directory_, FileState::kFinished).size(), 1U);
  test::expect_whole(directory_, 12, publisher.log().committed());
}

TEST_F(RecordingTest, ContinuesAPartCutOffAnywhere) {
  Publisher publisher(*arena_, 13);
  publisher.turns(80);
  Recording recording = open(publisher);
  run(recording);
  recording.suspend(monotonic_us());
  const std::string path = directory_ + "/" + test::files(directory_, FileState::kPart).at(0);
  const Bytes whole = test::read_file(path);
  publisher.log().end(media::LogEnd::kUnpublished);
  for (std::size_t size = 0; size <= whole.size(); size += 127) {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(whole.data()), static_cast<std::streamsize>(size));
    Recording again = open(publisher);
    SCOPED_TRACE(size);
    EXPECT_TRUE(run(again).ended);
    // A part without a whole beginning is nobody's: the scanner finds it.
    const auto parts = find_parts(directory_).value();
    for (const PartOwner& part : parts) finish(part.stem);
    test::expect_whole(directory_, 13, publisher.log().committed());
  }
}

// The log is still there, and everything of it is in a finished file.
TEST_F(RecordingTest, DoesNotRecordAPublicationTwice) {
  Publisher publisher(*arena_, 14);
  publisher.turns(60);
  publisher.log().end(media::LogEnd::kUnpublished);
  for (int i = 0; i < 3; ++i) {
    Recording recording = open(publisher);
    EXPECT_TRUE(run(recording).ended);
  }
  EXPECT_EQ(test::files(directory_, FileState::kFinished).size(), 1U);
  test::expect_whole(directory_, 14, publisher.log().committed());
}

TEST_F(RecordingTest, BeginsANewFileAtAChangeOfResolution) {
  Publisher publisher(*arena_, 15);
  publisher.turns(40);
  publisher.configure_video(128);
  publisher.turns(40);
  {
    Recording recording = open(publisher);
    run(recording);  // and killed behind the change
  }
  publisher.turns(40);
  publisher.configure_video(256);
  publisher.turns(40);
  publisher.log().end(media::LogEnd::kUnpublished);
  Recording recording = open(publisher);
  EXPECT_TRUE(run(recording).ended);
  EXPECT_EQ(test::files(directory_, FileState::kFinished),
            (std::vector<std::string>{"s1-2026-11-18T11-06-40.123Z.mp4", "s1-2026-11-18T11-06-41.723Z.mp4",
                                      "s1-2026-11-18T11-06-44.923Z.mp4"}));
  test::expect_whole(directory_, 15, publisher.log().committed());
}

TEST_F(RecordingTest, TakesAudioThatComesLater) {
  Publisher publisher(*arena_, 16, /*audio=*/false);
  Recording recording = open(publisher);
  publisher.turns(60);
  run(recording);
  publisher.begin_audio();
  publisher.turns(60);
  publisher.log().end(media::LogEnd::kUnpublished);
  EXPECT_TRUE(run(recording).ended);
  EXPECT_EQ(test::files(directory_, FileState::kFinished).size(), 1U);
  test::expect_whole(directory_, 16, publisher.log().committed());
}

// A limit on the size of files is met as a full disk is: in the middle of a write.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int) = SIG_DFL;
};

TEST_F(RecordingTest, WaitsForRoomAndLosesNothing) {
  Publisher publisher(*arena_, 17);
  publisher.turns(30);
  Recording recording = open(publisher);
  EXPECT_FALSE(run(recording).failure);
  const std::string path = directory_ + "/" + test::files(directory_, FileState::kPart).at(0);
  const auto before = std::filesystem::file_size(path);
  publisher.turns(60);
  {
    const FileSizeLimit limit(before + 1000);
    const Progress progress = run(recording);
    ASSERT_TRUE(progress.failure);
    EXPECT_EQ(progress.failure->code, "recording.disk_full");
    EXPECT_EQ(std::filesystem::file_size(path), before);  // nothing half-written is left
    EXPECT_TRUE(run(recording).failure);
  }
  EXPECT_FALSE(run(recording).failure);
  publisher.log().end(media::LogEnd::kUnpublished);
  EXPECT_TRUE(run(recording).ended);
  test::expect_whole(directory_, 17, publisher.log().committed());
}

TEST_F(RecordingTest, LeavesThePartWhereFinishingFindsNoRoom) {
  Publisher publisher(*arena_, 18);
  publisher.turns(60);
  publisher.log().end(media::LogEnd::kUnpublished);
  Recording recording = open(publisher);
  const Progress progress = recording.step(monotonic_us());
  ASSERT_EQ(progress.complete.size(), 1U);
  const std::atomic<bool> stop{false};
  {
    const FileSizeLimit limit(2000);
    const auto finished = finish_file(directory_, progress.complete[0], stop);
    ASSERT_FALSE(finished);
    EXPECT_EQ(finished.error().code, "recording.disk_full");
  }
  EXPECT_TRUE(test::files(directory_, FileState::kFinishing).empty());
  EXPECT_EQ(test::files(directory_, FileState::kPart).size(), 1U);
  finish(progress.complete[0]);
  test::expect_whole(directory_, 18, publisher.log().committed());
}

TEST_F(RecordingTest, ReportsADirectoryThatCannotBeMadeAndGoesOnWhenItCan) {
  Publisher publisher(*arena_, 19);
  publisher.turns(60);
  std::ofstream(directory_) << "a file where the directory should be";
  auto recording = Recording::open(*reader_, info_of(publisher), directory_);
  ASSERT_FALSE(recording);
  EXPECT_EQ(recording.error().code, "recording.unwritable");
  std::filesystem::remove(directory_);
  Recording second = open(publisher);
  publisher.log().end(media::LogEnd::kUnpublished);
  EXPECT_TRUE(run(second).ended);
  test::expect_whole(directory_, 19, publisher.log().committed());
}

// What was in the deleted file is gone; everything after it is in a new one.
TEST_F(RecordingTest, BeginsANewFileWhenItsFileIsDeleted) {
  Publisher publisher(*arena_, 20);
  publisher.turns(60);
  Recording recording = open(publisher);
  run(recording);
  std::filesystem::remove_all(directory_);
  publisher.turns(60);
  EXPECT_EQ(run(recording).failure->code, "recording.gone");
  publisher.log().end(media::LogEnd::kUnpublished);
  EXPECT_TRUE(run(recording).ended);
  const auto names = test::files(directory_, FileState::kFinished);
  ASSERT_EQ(names.size(), 1U);
  const auto counts = test::recorded(test::read_file(directory_ + "/" + names[0]), 20);
  EXPECT_EQ(counts.rbegin()->first + 1, publisher.log().committed());
  EXPECT_EQ(counts.size(), publisher.log().committed() - counts.begin()->first);
}

TEST_F(RecordingTest, CountsWhatTheLogCouldNotHold) {
  Publisher publisher(*arena_, 21, true, 256U << 10);
  publisher.turns(50);
  {
    Recording recording = open(publisher);
    run(recording);
  }
  publisher.turns(90'000);  // far more than the log keeps
  publisher.log().end(media::LogEnd::kUnpublished);
  Recording recording = open(publisher);
  EXPECT_TRUE(run(recording).ended);
  EXPECT_GT(lost_, 0U);
  std::size_t held = 0;
  for (const std::string& name : test::files(directory_, FileState::kFinished)) {
    held += test::recorded(test::read_file(directory_ + "/" + name), 21).size();
  }
  EXPECT_EQ(held + lost_, publisher.log().committed());
}

TEST_F(RecordingTest, KeepsInTheLogWhatIsNotInAFile) {
  Publisher publisher(*arena_, 23);
  publisher.turns(10);  // less than a fragment
  Recording recording = open(publisher);
  run(recording);
  const auto file = media::CursorFile::open(media::cursors_path(scratch_.path() + "/log", "ingest"));
  ASSERT_TRUE(file);
  ASSERT_EQ(file->cursors().size(), 1U);
  EXPECT_EQ(file->cursors()[0].sequence, 0U) << "read, but a killed process would need it again";
  publisher.log().end(media::LogEnd::kUnpublished);
  run(recording);
  EXPECT_EQ(file->cursors()[0].sequence, publisher.log().committed());
}

std::uint64_t publication_of(const Bytes& file, const mp4::test::FinishedSample& sample) {
  return ByteReader(ByteView(file).subspan(static_cast<std::size_t>(sample.offset))).u64();
}

// When a publication's first sample is shown, counted from the end of the file's last one of another.
std::int64_t gap_us(const Bytes& file, const mp4::test::FinishedTrack& track, std::uint64_t publication_id) {
  for (std::size_t i = 1; i < track.samples.size(); ++i) {
    if (publication_of(file, track.samples[i]) != publication_id) continue;
    return mp4::test::presented_us(track, track.samples[i]) -
           mp4::test::presented_us(track, track.samples[i - 1]);
  }
  return -1;
}

TEST_F(RecordingTest, GoesOnInTheFileOfAPublicationThatWasCutOff) {
  const std::int64_t now_us = monotonic_us();
  Publisher cut(*arena_, 31);
  Recording first = open(cut);
  cut.turns(60, now_us - 5'000'000);
  cut.log().end(media::LogEnd::kDisconnected);
  EXPECT_FALSE(run(first, kReturn).ended);
  EXPECT_TRUE(test::files(directory_, FileState::kFinished).empty());
  Publisher back(*arena_, 32);
  back.turns(60, now_us);
  Recording second = open_after(back, first);
  run(second, kReturn);
  back.log().end(media::LogEnd::kUnpublished);
  EXPECT_TRUE(run(second, kReturn).ended);
  const auto names = test::files(directory_, FileState::kFinished);
  ASSERT_EQ(names, (std::vector<std::string>{"s1-2026-11-18T11-06-40.123Z.mp4"}));
  EXPECT_TRUE(test::files(directory_, FileState::kPart).empty());
  test::expect_whole(directory_, 31, cut.log().committed());
  test::expect_whole(directory_, 32, back.log().committed());
  const Bytes file = test::read_file(directory_ + "/" + names[0]);
  const auto tracks = mp4::test::read_finished(file).value();
  ASSERT_EQ(tracks.size(), 2U);
  for (const auto& track : tracks) EXPECT_NEAR(static_cast<double>(gap_us(file, track, 32)), 5e6, 60'000);
  // What is in the log still is not recorded again.
  for (const Publisher* publisher : {&cut, &back}) {
    Recording again = open(*publisher);
    EXPECT_TRUE(run(again).ended);
  }
  EXPECT_EQ(test::files(directory_, FileState::kFinished).size(), 1U);
}

// Its own samples count from there on, in a file of its own and in one that it goes on in.
TEST_F(RecordingTest, LosesNothingOfALogWhoseFirstSequenceIsNotZero) {
  constexpr std::uint64_t kFirst = 1'000'000;
  const std::int64_t now_us = monotonic_us();
  media::LogDescription description = Publisher::describe(31);
  description.first_sequence = kFirst;
  Publisher cut(*arena_, description);
  Recording first = open(cut);
  cut.turns(60, now_us - 5'000'000);
  cut.log().end(media::LogEnd::kDisconnected);
  run(first, kReturn);
  description = Publisher::describe(32);
  description.first_sequence = 2 * kFirst;
  Publisher back(*arena_, description);
  back.turns(60, now_us);
  Recording second = open_after(back, first);
  run(second, kReturn);
  back.log().end(media::LogEnd::kUnpublished);
  EXPECT_TRUE(run(second, kReturn).ended);
  EXPECT_EQ(test::files(directory_, FileState::kFinished).size(), 1U);
  test::expect_whole(directory_, 31, cut.log().committed(), kFirst);
  test::expect_whole(directory_, 32, back.log().committed(), 2 * kFirst);
  EXPECT_EQ(lost_, 0U);
}

TEST_F(RecordingTest, BeginsANewFileWhenThePublicationComesBackTooLate) {
  const std::int64_t now_us = monotonic_us();
  Publisher cut(*arena_, 33);
  cut.turns(60, now_us - 61'000'000);
  cut.log().end(media::LogEnd::kDisconnected);
  Publisher back(*arena_, 34);
  back.turns(60, now_us);
  back.log().end(media::LogEnd::kUnpublished);
  Recording first = open(cut);
  EXPECT_TRUE(run(first, kReturn).ended);
  Recording second = open_after(back, first);
  EXPECT_TRUE(run(second, kReturn).ended);
  EXPECT_EQ(test::files(directory_, FileState::kFinished).size(), 2U);
  test::expect_whole(directory_, 33, cut.log().committed());
  test::expect_whole(directory_, 34, back.log().committed());
}

// The recorder was not there while the stream was cut and came back: what counts is when the samples came.
TEST_F(RecordingTest, MeasuresTheTimeAwayByTheSamples) {
  const std::int64_t now_us = monotonic_us();
  Publisher cut(*arena_, 35);
  cut.turns(60, now_us - 70'000'000);
  cut.log().end(media::LogEnd::kWriterLost);
  Publisher back(*arena_, 36);
  back.turns(60, now_us - 65'000'000);
  back.log().end(media::LogEnd::kUnpublished);
  Recording first = open(cut);
  const ReturnPolicy awaited{.grace_us = kReturn.grace_us, .awaited = true};
  EXPECT_FALSE(run(first, awaited).ended);
  Recording second =
      std::move(Recording::open(*reader_, info_of(back), directory_, {}, [&](std::int64_t arrival_us) {
                  return first.hand_over(arrival_us, kReturn.grace_us);
                }).value());
  EXPECT_TRUE(run(second).ended);
  EXPECT_EQ(test::files(directory_, FileState::kFinished).size(), 1U);
  test::expect_whole(directory_, 35, cut.log().committed());
  test::expect_whole(directory_, 36, back.log().committed());
}

TEST_F(RecordingTest, BeginsANewFileWhenThePublicationComesBackWithAnotherResolution) {
  Publisher cut(*arena_, 37);
  cut.turns(60);
  cut.log().end(media::LogEnd::kTimedOut);
  Recording first = open(cut);
  run(first, kReturn);
  Publisher back(*arena_, 38, true, 4U << 20, 128);
  back.turns(60);
  back.log().end(media::LogEnd::kUnpublished);
  Recording second = open_after(back, first);
  EXPECT_TRUE(run(second, kReturn).ended);
  const auto names = test::files(directory_, FileState::kFinished);
  ASSERT_EQ(names.size(), 2U);
  // Not a single sound of the second one stands in the first one's file.
  EXPECT_EQ(test::recorded(test::read_file(directory_ + "/" + names[0])).size(), 1U);
  test::expect_whole(directory_, 37, cut.log().committed());
  test::expect_whole(directory_, 38, back.log().committed());
}

// What the encoder said before its first sample and took back.
TEST_F(RecordingTest, GoesOnWhenOnlyAConfigurationTakenBackDoesNotFit) {
  Publisher cut(*arena_, 37);
  cut.turns(60);
  cut.log().end(media::LogEnd::kTimedOut);
  Recording first = open(cut);
  run(first, kReturn);
  Publisher back(*arena_, 38, true, 4U << 20, 128);
  back.configure_video(64);
  back.turns(60);
  back.log().end(media::LogEnd::kUnpublished);
  Recording second = open_after(back, first);
  EXPECT_TRUE(run(second, kReturn).ended);
  EXPECT_EQ(test::files(directory_, FileState::kFinished).size(), 1U);
  test::expect_whole(directory_, 37, cut.log().committed());
  test::expect_whole(directory_, 38, back.log().committed());
}

TEST_F(RecordingTest, CompletesTheFileOfAnEncoderThatMeantToEnd) {
  for (const media::LogEnd reason : {media::LogEnd::kUnpublished, media::LogEnd::kRevoked}) {
    Publisher publisher(*arena_, 40 + static_cast<std::uint64_t>(reason));
    publisher.turns(60);
    publisher.log().end(reason);
    Recording recording = open(publisher);
    EXPECT_TRUE(run(recording, kReturn).ended);
    EXPECT_FALSE(recording.hand_over(monotonic_us(), kReturn.grace_us));
  }
}

TEST_F(RecordingTest, CompletesAFileThatWaitedInVain) {
  Publisher cut(*arena_, 44);
  cut.turns(60, monotonic_us() - 59'000'000);
  cut.log().end(media::LogEnd::kDisconnected);
  Recording recording = open(cut);
  EXPECT_FALSE(run(recording, kReturn).ended);
  EXPECT_TRUE(run(recording, {.grace_us = 1'000'000, .awaited = false}).ended);
  EXPECT_EQ(test::files(directory_, FileState::kFinished).size(), 1U);
  test::expect_whole(directory_, 44, cut.log().committed());
}

// Killed anywhere while the second publication is written to the first one's file, and begun again.
TEST_F(RecordingTest, GoesOnOverAReconnectAfterACrashAnywhere) {
  Publisher cut(*arena_, 51);
  Publisher back(*arena_, 52);
  cut.turns(60);
  cut.log().end(media::LogEnd::kDisconnected);
  back.turns(60);
  {
    Recording first = open(cut);
    run(first, kReturn);
    Recording second = open_after(back, first);
    run(second, kReturn);
    second.suspend(monotonic_us());
  }
  back.turns(10);
  back.log().end(media::LogEnd::kUnpublished);
  const std::string path = directory_ + "/" + test::files(directory_, FileState::kPart).at(0);
  const Bytes whole = test::read_file(path);
  for (std::size_t size = 0; size <= whole.size(); size += 211) {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(whole.data()), static_cast<std::streamsize>(size));
    SCOPED_TRACE(size);
    Recording first = open(cut);
    run(first, kReturn);
    Recording second = open_after(back, first);
    EXPECT_TRUE(run(second, kReturn).ended);
    const auto parts = find_parts(directory_).value();
    for (const PartOwner& part : parts) finish(part.stem);
    EXPECT_EQ(test::files(directory_, FileState::kFinished).size(), 1U);
    test::expect_whole(directory_, 51, cut.log().committed());
    test::expect_whole(directory_, 52, back.log().committed());
  }
}

TEST_F(RecordingTest, FindsPartsWhosePublicationIsGone) {
  {
    Publisher publisher(*arena_, 22);
    publisher.turns(60);
    Recording recording = open(publisher);
    run(recording);
    recording.suspend(monotonic_us());
  }
  Publisher live(*arena_, 23);
  live.turns(60);
  Recording recording = open(live);
  run(recording);
  recording.suspend(monotonic_us());
  ASSERT_EQ(test::files(directory_, FileState::kPart).size(), 2U);

  // The machine was started again: another log directory, in which only publication 23 is.
  test::ScratchDirectory other;
  const auto arena = test::make_arena(other.path());
  const Publisher again(*arena, 23);
  LogScanner scanner(other.path(), directory_);
  const LogScanner::Findings findings = scanner.look();
  ASSERT_EQ(findings.orphans.size(), 1U);
  EXPECT_EQ(findings.orphans[0].publication_id, PublicationId{22});
  EXPECT_EQ(findings.orphans[0].stream_id, "s1");
  ASSERT_EQ(findings.logs.size(), 1U);
  finish(findings.orphans[0].stem);
  EXPECT_TRUE(scanner.look().orphans.empty());
  test::expect_whole(directory_, 22, 180);
}

}  // namespace
}  // namespace millrace::recording
