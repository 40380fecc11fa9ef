#include "recorder.hpp"

#include <gtest/gtest.h>

#include "containers/mp4/testing/memory.hpp"
#include "containers/mp4/testing/streams.hpp"

namespace millrace::recording {
namespace {

const Journal kFresh{.publication_id = 7, .next_sequence = 0, .started_wall_us = 1000};

// Feeds records with one byte of payload each.
class RecorderTest : public testing::Test {
 protected:
  void give(const mp4::Track& track, std::int64_t dts, std::uint64_t segment, std::int64_t arrival_us = 0) {
    give(recorder_, track, dts, segment, arrival_us);
  }
  void give(Recorder& recorder, const mp4::Track& track, std::int64_t dts, std::uint64_t segment,
            std::int64_t arrival_us = 0) {
    media::SampleRecord record{};
    record.sequence = sequence_++;
    record.dts = dts;
    record.media_sequence = segment;
    record.arrival_us = arrival_us;
    record.composition_offset = composition_offset_;
    record.presented_wall_us = 5000 + static_cast<std::int64_t>(sequence_);
    record.flags = media::kSampleKey;
    recorder.add(record, &track, Bytes{static_cast<std::uint8_t>(record.sequence)}, out_);
  }
  const Append& append(std::size_t index) { return std::get<Append>(out_.at(index)); }
  // What the file would hold after the actions so far.
  Bytes file() {
    Bytes bytes;
    for (const FileAction& action : out_) {
      const auto* const next = std::get_if<Append>(&action);
      if (next == nullptr) continue;
      if (bytes.empty() || next->init_changed) mp4::test::append(bytes, next->init);
      for (const Bytes& piece : next->pieces) mp4::test::append(bytes, piece);
    }
    return bytes;
  }

  const mp4::Track video_ = mp4::test::video_track();
  const mp4::Track audio_ = mp4::test::audio_track();
  Recorder recorder_{kFresh, {.duration_us = 2'000'000, .bytes = 8}};
  std::uint64_t sequence_ = 0;
  std::int32_t composition_offset_ = 0;
  std::vector<FileAction> out_;
};

std::uint64_t begins_at(const Append& append, const mp4::Track& track) {
  const ByteView moof(append.pieces.front());  // and the header of mdat
  const auto header = mp4::read_fragment(moof.subspan(8, moof.size() - 16));
  for (const mp4::TrackRun& run : header.value().runs) {
    if (run.track_id == track.id) return run.base_decode_time;
  }
  return ~std::uint64_t{0};
}

// Cut off for five seconds, the encoder's clock begins anew: both tracks go on five seconds after the last
// sample.
TEST_F(RecorderTest, GoesOnBehindAGapAsLongAsThePublicationWasAway) {
  const std::int64_t audio_second = audio_.timescale;
  give(video_, 900'000, 1, 1'000'000);
  give(audio_, 10 * audio_second, 1, 1'000'000);
  recorder_.flush(out_);
  ASSERT_TRUE(recorder_.continue_as(8, 0));
  sequence_ = 0;
  give(video_, 90'000, 2, 6'000'000);
  give(audio_, 1 * audio_second, 2, 6'000'000);
  recorder_.flush(out_);
  ASSERT_EQ(out_.size(), 2U);
  EXPECT_FALSE(append(1).init_changed);
  EXPECT_NEAR(static_cast<double>(begins_at(append(1), video_)), 15 * 90'000, 1);
  EXPECT_NEAR(static_cast<double>(begins_at(append(1), audio_)), 15.0 * static_cast<double>(audio_second), 1);
  EXPECT_EQ(append(1).journal.publication_id, 8U);
  EXPECT_EQ(append(1).journal.next_sequence, 2U);
  EXPECT_EQ(append(1).journal.arrival_us, 6'000'000);
  EXPECT_NEAR(static_cast<double>(append(1).journal.shift_us), 14e6, 20);
}

// A take-over leaves no gap; no time is used twice, and no picture is shown before one that is there.
TEST_F(RecorderTest, GoesOnBehindTheEndWhenTheSuccessorIsThereAtOnce) {
  composition_offset_ = 6000;
  give(video_, 0, 1, 0);
  give(video_, 3000, 1, 0);
  composition_offset_ = 0;
  give(audio_, 4000, 1, 0);
  recorder_.flush(out_);
  ASSERT_TRUE(recorder_.continue_as(8, 0));
  give(video_, 0, 2, 0);
  give(audio_, 0, 2, 0);
  recorder_.flush(out_);
  EXPECT_GE(begins_at(append(1), video_), 12'000U);  // 3000 + 6000, shown for 3000
  EXPECT_LE(begins_at(append(1), video_), 12'001U);
  // A track that begins earlier than the one that placed its publication stays behind its own end.
  ASSERT_TRUE(recorder_.continue_as(9, 0));
  give(audio_, 48'000, 3, 0);
  give(video_, 0, 3, 0);
  recorder_.flush(out_);
  EXPECT_EQ(begins_at(append(2), video_), begins_at(append(1), video_) + 1);
}

TEST_F(RecorderTest, GoesOnAfterARestartAsItWouldHaveWithoutOne) {
  TrackEnds ends;
  ends[video_.id].add(900'000, 0, 3000);
  Recorder resumed(ResumePoint{{7, 40, 1000, 0, 1'000'000}, {video_}, 3, ends, 1});
  ASSERT_TRUE(resumed.continue_as(8, 0));
  EXPECT_TRUE(resumed.continuing());
  give(resumed, video_, 0, 9, 2'000'000);
  EXPECT_FALSE(resumed.continuing());
  resumed.flush(out_);
  EXPECT_NEAR(static_cast<double>(begins_at(append(0), video_)), 990'000, 1);
}

TEST_F(RecorderTest, LetsAFileHoldABoundedNumberOfPublications) {
  give(video_, 0, 1);
  recorder_.flush(out_);
  std::size_t publications = 1;
  while (recorder_.continue_as(100 + publications, 0)) ++publications;
  EXPECT_EQ(publications, kMaxPublications);
}

TEST(Journal, IsReadFromTheEndOfAFile) {
  const Journal first{1, 10, 1000, 5, 77};
  const Journal second{2, 20, 1000, 6, 88};
  Bytes file(100, 0xAA);
  mp4::test::append(file, write_journal(first));
  mp4::test::append(file, write_journal(second));
  const auto read = [&](std::uint64_t offset, std::span<std::uint8_t> into) {
    if (offset + into.size() > file.size()) return false;
    std::copy_n(file.begin() + static_cast<std::ptrdiff_t>(offset), into.size(), into.begin());
    return true;
  };
  EXPECT_EQ(read_last_journals(file.size(), read), (std::vector<Journal>{first, second}));
  EXPECT_EQ(read_last_journals(file.size() - kJournalBoxBytes, read), (std::vector<Journal>{first}));
  for (std::size_t size = file.size() - kJournalBoxBytes + 1; size < file.size(); ++size) {
    EXPECT_TRUE(read_last_journals(size, read).empty()) << size;
  }
  EXPECT_TRUE(read_last_journals(3, read).empty());
}

TEST(Journal, OfVersionOneIsRead) {
  Bytes box = write_journal({1, 10, 1000, 0, 0});
  box.resize(kOldJournalBoxBytes);
  box[3] = kOldJournalBoxBytes;
  box[8 + 16 + 3] = 1;
  const auto read = [&](std::uint64_t offset, std::span<std::uint8_t> into) {
    if (offset + into.size() > box.size()) return false;
    std::copy_n(box.begin() + static_cast<std::ptrdiff_t>(offset), into.size(), into.begin());
    return true;
  };
  EXPECT_EQ(read_last_journals(box.size(), read), (std::vector<Journal>{{1, 10, 1000, 0, 0}}));
}

TEST_F(RecorderTest, WritesAFragmentAtEachSegment) {
  give(video_, 0, 1);
  give(audio_, 0, 1);
  give(video_, 3600, 1);
  EXPECT_TRUE(out_.empty());
  give(video_, 7200, 2);
  ASSERT_EQ(out_.size(), 1U);
  EXPECT_EQ(append(0).samples, 3U);
  EXPECT_TRUE(append(0).init_changed);
  EXPECT_EQ(append(0).journal, (Journal{7, 3, 1000}));
  recorder_.end(out_);
  ASSERT_EQ(out_.size(), 3U);
  EXPECT_FALSE(append(1).init_changed);
  EXPECT_EQ(append(1).journal.next_sequence, 4U);
  EXPECT_TRUE(std::holds_alternative<EndFile>(out_[2]));
}

TEST_F(RecorderTest, WritesAFragmentWhenItIsLongOrLarge) {
  give(video_, 0, 1, 0);
  give(video_, 3600, 1, 1'999'999);
  EXPECT_TRUE(out_.empty());
  give(video_, 7200, 1, 2'000'000);
  EXPECT_EQ(out_.size(), 1U);
  EXPECT_FALSE(recorder_.due(3'999'999));
  EXPECT_TRUE(recorder_.due(4'000'000));
  for (int i = 0; i < 8; ++i) give(video_, 10'800 + i, 1, 2'000'000);
  EXPECT_EQ(out_.size(), 2U);
}

TEST_F(RecorderTest, AddsATrackThatComesLaterToTheRunningFile) {
  give(video_, 0, 1);
  give(audio_, 0, 2);
  recorder_.end(out_);
  ASSERT_EQ(out_.size(), 3U);
  EXPECT_TRUE(append(1).init_changed);
  const auto finished = mp4::test::finish_bytes(file());
  ASSERT_TRUE(finished) << finished.error().message;
}

TEST_F(RecorderTest, BeginsANewFileWhereAConfigurationChanges) {
  mp4::Track larger = video_;
  larger.width = 128;
  give(video_, 0, 1);
  give(audio_, 0, 1);
  give(larger, 3600, 1);
  give(audio_, 1024, 1);
  recorder_.end(out_);
  ASSERT_EQ(out_.size(), 4U);
  EXPECT_EQ(append(0).samples, 2U);
  EXPECT_TRUE(std::holds_alternative<EndFile>(out_[1]));
  EXPECT_EQ(append(2).samples, 2U);
  EXPECT_TRUE(append(2).init_changed);
  EXPECT_EQ(append(2).journal, (Journal{7, 4, 5003}));
}

TEST_F(RecorderTest, PassesOverWhatIsNotRecorded) {
  media::SampleRecord data{};
  data.sequence = sequence_++;
  recorder_.add(data, nullptr, {}, out_);
  give(video_, 0, 1);
  recorder_.end(out_);
  EXPECT_EQ(append(0).samples, 1U);
  EXPECT_EQ(append(0).journal.next_sequence, 2U);
}

TEST_F(RecorderTest, GoesOnWhereAnotherRunStopped) {
  Recorder resumed(ResumePoint{{7, 40, 1000}, {video_}, 3, {}});
  EXPECT_EQ(resumed.next_sequence(), 40U);
  sequence_ = 40;
  give(resumed, video_, 90'000, 9);
  resumed.flush(out_);
  EXPECT_FALSE(append(0).init_changed);
  EXPECT_EQ(append(0).journal, (Journal{7, 41, 1000}));
}

TEST_F(RecorderTest, WritesNothingWithoutSamples) {
  recorder_.flush(out_);
  EXPECT_TRUE(out_.empty());
  EXPECT_FALSE(recorder_.due(1'000'000'000));
}

}  // namespace
}  // namespace millrace::recording
