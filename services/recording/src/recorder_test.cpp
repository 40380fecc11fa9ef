#include "recorder.hpp"

#include <gtest/gtest.h>

#include "containers/mp4/testing/finished_file.hpp"
#include "containers/mp4/testing/memory.hpp"
#include "containers/mp4/testing/streams.hpp"
#include "parameter_sets.hpp"

namespace millrace::recording {
namespace {

constexpr WallTime kStarted = WallTime::from_us(1000);
const Journal kFresh{.publication_id = PublicationId{7}, .next_sequence = 0, .started_wall = kStarted};

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
    record.presented_wall = WallTime::from_us(5000 + static_cast<std::int64_t>(sequence_));
    record.flags = flags_;
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

  // A picture that is no key frame.
  void give_picture(const mp4::Track& track, std::int64_t dts, std::uint64_t segment) {
    flags_ = 0;
    give(track, dts, segment);
    flags_ = media::kSampleKey;
  }
  // Records in each file so far.
  std::vector<std::uint32_t> files() {
    std::vector<std::uint32_t> samples = {0};
    for (const FileAction& action : out_) {
      if (const auto* const next = std::get_if<Append>(&action)) {
        samples.back() += next->samples;
      } else {
        samples.push_back(0);
      }
    }
    return samples;
  }

  const mp4::Track video_ = mp4::test::video_track();
  const mp4::Track audio_ = mp4::test::audio_track();
  Recorder recorder_{kFresh, {.fragment = {.duration_us = 2'000'000, .bytes = 8}}};
  std::uint64_t sequence_ = 0;
  std::int32_t composition_offset_ = 0;
  std::uint16_t flags_ = media::kSampleKey;
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

// Cut off for five seconds, the encoder's clock begins again: both tracks go on five seconds after the last
// sample.
TEST_F(RecorderTest, GoesOnBehindAGapAsLongAsThePublicationWasAway) {
  const std::int64_t audio_second = audio_.timescale;
  give(video_, 900'000, 1, 1'000'000);
  give(audio_, 10 * audio_second, 1, 1'000'000);
  recorder_.flush(out_);
  ASSERT_TRUE(recorder_.continue_as(PublicationId{8}, 0));
  sequence_ = 0;
  give(video_, 90'000, 2, 6'000'000);
  give(audio_, 1 * audio_second, 2, 6'000'000);
  recorder_.flush(out_);
  ASSERT_EQ(out_.size(), 2U);
  EXPECT_FALSE(append(1).init_changed);
  EXPECT_NEAR(static_cast<double>(begins_at(append(1), video_)), 15 * 90'000, 1);
  EXPECT_NEAR(static_cast<double>(begins_at(append(1), audio_)), 15.0 * static_cast<double>(audio_second), 1);
  EXPECT_EQ(append(1).journal.publication_id, PublicationId{8});
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
  ASSERT_TRUE(recorder_.continue_as(PublicationId{8}, 0));
  give(video_, 0, 2, 0);
  give(audio_, 0, 2, 0);
  recorder_.flush(out_);
  EXPECT_GE(begins_at(append(1), video_), 12'000U);  // 3000 + 6000, shown for 3000
  EXPECT_LE(begins_at(append(1), video_), 12'001U);
  // A track that begins earlier than the one that placed its publication stays behind its own end.
  ASSERT_TRUE(recorder_.continue_as(PublicationId{9}, 0));
  give(audio_, 48'000, 3, 0);
  give(video_, 0, 3, 0);
  recorder_.flush(out_);
  EXPECT_EQ(begins_at(append(2), video_), begins_at(append(1), video_) + 1);
}

TEST_F(RecorderTest, GoesOnAfterARestartAsItWouldHaveWithoutOne) {
  TrackEnds ends;
  ends[video_.id].add(900'000, 0, 3000);
  Recorder resumed(ResumePoint{{PublicationId{7}, 40, kStarted, 0, 1'000'000}, {video_}, 3, ends, 1});
  ASSERT_TRUE(resumed.continue_as(PublicationId{8}, 0));
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
  while (recorder_.continue_as(PublicationId{100 + publications}, 0)) ++publications;
  EXPECT_EQ(publications, kMaxPublications);
}

TEST(Journal, IsReadFromTheEndOfAFile) {
  const Journal first{PublicationId{1}, 10, kStarted, 5, 77};
  const Journal second{PublicationId{2}, 20, kStarted, 6, 88};
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
  Bytes box = write_journal({PublicationId{1}, 10, kStarted, 0, 0});
  box.resize(kOldJournalBoxBytes);
  box[3] = kOldJournalBoxBytes;
  box[8 + 16 + 3] = 1;
  const auto read = [&](std::uint64_t offset, std::span<std::uint8_t> into) {
    if (offset + into.size() > box.size()) return false;
    std::copy_n(box.begin() + static_cast<std::ptrdiff_t>(offset), into.size(), into.begin());
    return true;
  };
  EXPECT_EQ(read_last_journals(box.size(), read),
            (std::vector<Journal>{{PublicationId{1}, 10, kStarted, 0, 0}}));
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
  EXPECT_EQ(append(0).journal, (Journal{PublicationId{7}, 3, kStarted}));
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
  EXPECT_EQ(append(2).journal, (Journal{PublicationId{7}, 4, WallTime::from_us(5003)}));
}

// The same picture with other parameter sets, and back: one file, a fragment ends at each change, and a key
// frame has its parameter sets once there are several.
TEST_F(RecorderTest, GoesOnInTheFileWhereAPlayerCanFollow) {
  const mp4::Track other = mp4::test::other_video_track();
  recorder_ = Recorder(kFresh);
  give(video_, 0, 1);
  give_picture(video_, 3600, 1);
  give(other, 7200, 1);
  give_picture(other, 10'800, 1);
  give(audio_, 0, 1);
  give(video_, 14'400, 1);
  give(other, 18'000, 1);
  recorder_.flush(out_);
  EXPECT_EQ(files(), std::vector<std::uint32_t>{7});
  ASSERT_EQ(out_.size(), 4U);
  EXPECT_TRUE(append(1).init_changed);
  EXPECT_FALSE(append(2).init_changed);
  const std::size_t sets = with_parameter_sets(other, {}).size();
  EXPECT_EQ(append(0).pieces.at(1).size(), 1U);
  EXPECT_EQ(append(1).pieces.at(1).size(), sets + 1);
  EXPECT_EQ(append(1).pieces.at(2).size(), 1U);
  EXPECT_EQ(append(2).pieces.at(1).size(), with_parameter_sets(video_, {}).size() + 1);
  const auto finished = mp4::test::finish_bytes(file());
  ASSERT_TRUE(finished) << finished.error().message;
  const auto tracks = mp4::test::read_finished(*finished).value();
  std::vector<std::uint32_t> descriptions;
  for (const auto& sample : tracks.at(0).samples) descriptions.push_back(sample.description);
  EXPECT_EQ(descriptions, (std::vector<std::uint32_t>{1, 1, 2, 2, 1, 2}));
  // And so it does after a restart.
  Recorder resumed(ResumePoint{{PublicationId{7}, sequence_, kStarted}, {tracks.at(0).track, audio_}, 4, {}});
  const std::size_t before = out_.size();
  give(resumed, other, 21'600, 1);
  resumed.flush(out_);
  ASSERT_EQ(out_.size(), before + 1);
  EXPECT_FALSE(append(before).init_changed);
  EXPECT_FALSE(resumed.differs(other));
  EXPECT_EQ(append(before).pieces.at(1).size(), sets + 1);
}

TEST_F(RecorderTest, LetsATrackHaveABoundedNumberOfSampleDescriptions) {
  for (std::uint8_t i = 0; i < mp4::kMaxSampleDescriptions + 1; ++i) {
    mp4::Track track = video_;
    track.configuration[3] = static_cast<std::uint8_t>(100 + i);
    give(track, 3600 * i, 1);
  }
  recorder_.flush(out_);
  EXPECT_EQ(files(), (std::vector<std::uint32_t>{mp4::kMaxSampleDescriptions, 1}));
}

// New sound in the middle of a group of pictures: the new file has the group's pictures from the key frame on
// in front, which the journal does not count, and what the log said of them is not said again.
TEST_F(RecorderTest, BeginsAPictureInAFileWithItsGroup) {
  recorder_ = Recorder(kFresh, {.fragment = {.duration_us = 2'000'000, .bytes = 2}});
  mp4::Track other = audio_;
  other.sample_rate = other.timescale = 44'100;
  give(audio_, 0, 1);
  std::vector<Recorder::LeadInPicture> group;
  for (std::int64_t i = 0; i < 3; ++i) {
    media::SampleRecord record{};
    record.sequence = sequence_;
    record.dts = i * 3600;
    record.media_sequence = 1;
    record.flags = i == 0 ? media::kSampleKey : 0;
    EXPECT_FALSE(recorder_.needs_lead_in(record, video_)) << i;
    group.push_back({record, Bytes{static_cast<std::uint8_t>(sequence_)}});
    flags_ = record.flags;
    give(video_, record.dts, 1);
  }
  flags_ = media::kSampleKey;
  recorder_.flush(out_);
  const std::size_t before = out_.size();
  give(other, 5292, 2, 120'000);
  media::SampleRecord next{};
  next.sequence = sequence_;
  next.dts = 10'800;
  EXPECT_TRUE(recorder_.needs_lead_in(next, video_));
  EXPECT_FALSE(recorder_.needs_lead_in(next, other));
  next.flags = media::kSampleKey;
  EXPECT_FALSE(recorder_.needs_lead_in(next, video_));
  recorder_.lead_in(video_, group, out_);
  next.flags = 0;
  EXPECT_FALSE(recorder_.needs_lead_in(next, video_));
  give_picture(video_, 10'800, 2);
  recorder_.flush(out_);
  // The file's end, the sound, two pictures and one that are not counted, the picture.
  ASSERT_EQ(out_.size(), before + 5);
  EXPECT_TRUE(std::holds_alternative<EndFile>(out_[before]));
  const Journal sound = append(before + 1).journal;
  EXPECT_EQ(sound.next_sequence, 5U);
  for (const std::size_t i : {before + 2, before + 3}) {
    EXPECT_EQ(append(i).before, sound);
    EXPECT_EQ(append(i).journal, sound);
    EXPECT_EQ(append(i).samples, 0U);
    EXPECT_TRUE(append(i).records.empty());
  }
  EXPECT_TRUE(append(before + 2).init_changed);
  EXPECT_EQ(begins_at(append(before + 2), video_), 0U);
  EXPECT_EQ(begins_at(append(before + 3), video_), 7200U);
  EXPECT_EQ(begins_at(append(before + 4), video_), 10'800U);
  EXPECT_EQ(append(before + 4).journal.next_sequence, 6U);
  EXPECT_EQ(append(before + 4).records.size(), 1U);
}

class RotationTest : public RecorderTest {
 protected:
  static constexpr std::int64_t kSecond = 90'000;
  void rotate(FileLimits limits) { recorder_ = Recorder(kFresh, {.file = limits}); }
};

TEST_F(RotationTest, BeginsANewFileAtTheFirstKeyFrameBeyondTheLimit) {
  rotate({.duration_us = 10'000'000});
  for (std::uint64_t second = 0; second < 27; ++second) {
    const auto dts = static_cast<std::int64_t>(second) * kSecond;
    if (second % 3 == 0) give(video_, dts, second / 3);
    if (second % 3 != 0) give_picture(video_, dts, second / 3);
    give(audio_, static_cast<std::int64_t>(second) * audio_.timescale, second / 3);
  }
  recorder_.end(out_);
  // At 12 s and 24 s: sound and picture stay together.
  EXPECT_EQ(files(), (std::vector<std::uint32_t>{24, 24, 6, 0}));
  std::vector<std::int64_t> names;
  for (const FileAction& action : out_) {
    const auto* const next = std::get_if<Append>(&action);
    if (next != nullptr && (names.empty() || names.back() != next->journal.started_wall.us()))
      names.push_back(next->journal.started_wall.us());
  }
  EXPECT_EQ(names,
            (std::vector<std::int64_t>{1000, 5025, 5049}));  // the times of the pictures at 12 s and 24 s
}

// With an open GOP, a file that begins at a recovery point begins with pictures that cannot be decoded.
TEST_F(RotationTest, CutsAtARecoveryPointOnlyWhereNothingBetterComes) {
  rotate({.duration_us = 8'000'000});
  const auto recovery_point = [&](std::int64_t second) {
    flags_ = media::kSampleKey | media::kSampleRecovery;
    give(video_, second * kSecond, static_cast<std::uint64_t>(second));
    flags_ = media::kSampleKey;
  };
  give(video_, 0, 0);
  recovery_point(8);
  give(video_, 81 * kSecond / 10, 9);
  for (std::int64_t second = 10; second < 20; ++second) recovery_point(second);
  recorder_.flush(out_);
  EXPECT_EQ(files(), (std::vector<std::uint32_t>{2, 9, 2}));  // at 8.1 s, at 18 s
}

TEST_F(RotationTest, CountsBytes) {
  rotate({.bytes = 2000});
  std::uint64_t bytes = 0;
  for (std::uint64_t second = 0; second < 40; ++second) {
    give(video_, static_cast<std::int64_t>(second) * kSecond, second);
  }
  recorder_.flush(out_);
  ASSERT_GT(files().size(), 2U);
  for (const FileAction& action : out_) {
    const auto* const next = std::get_if<Append>(&action);
    if (next == nullptr) {
      EXPECT_GE(bytes, 2000U);
      EXPECT_LT(bytes, 2400U);  // not more than a fragment beyond
      bytes = 0;
    } else {
      for (const Bytes& piece : next->pieces) bytes += piece.size();
    }
  }
}

TEST_F(RotationTest, CutsAtASoundOnlyWhereThereIsNoPicture) {
  rotate({.duration_us = 2'000'000});
  for (std::int64_t second = 0; second < 4; ++second) give(audio_, second * audio_.timescale, 1);
  recorder_.flush(out_);
  EXPECT_EQ(files(), (std::vector<std::uint32_t>{2, 2}));

  // The picture stops at 1 s, and comes back.
  out_.clear();
  rotate({.duration_us = 2'000'000});
  give(video_, 0, 1);
  give_picture(video_, kSecond, 1);
  for (std::int64_t second = 0; second < 5; ++second) give(audio_, second * audio_.timescale, 1);
  give(video_, 5 * kSecond, 2);
  recorder_.flush(out_);
  EXPECT_EQ(files(), (std::vector<std::uint32_t>{6, 2}));  // at 4 s, more than 2 s behind the last picture
}

TEST_F(RotationTest, GoesOnCountingAfterARestart) {
  Recorder resumed(ResumePoint{.journal = {PublicationId{7}, 40, kStarted},
                               .tracks = {video_},
                               .fragments = 3,
                               .begin_us = 5'000'000,
                               .bytes = 100},
                   {.file = {.duration_us = 10'000'000}});
  sequence_ = 40;
  give(resumed, video_, 14 * kSecond, 9);
  give(resumed, video_, 15 * kSecond, 10);
  resumed.flush(out_);
  EXPECT_EQ(files(), (std::vector<std::uint32_t>{1, 1}));
}

// The gap counts, and what comes back is placed in the file before it is asked.
TEST_F(RotationTest, HoldsOverAReconnect) {
  rotate({.duration_us = 10'000'000});
  give(video_, 0, 1, 0);
  recorder_.flush(out_);
  ASSERT_TRUE(recorder_.continue_as(PublicationId{8}, 0));
  give(video_, 900 * kSecond, 2, 12'000'000);
  give(video_, 901 * kSecond, 3, 13'000'000);
  recorder_.flush(out_);
  EXPECT_EQ(files(), (std::vector<std::uint32_t>{2, 1}));
  EXPECT_EQ(append(out_.size() - 1).journal.publication_id, PublicationId{8});
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
  Recorder resumed(ResumePoint{{PublicationId{7}, 40, kStarted}, {video_}, 3, {}});
  EXPECT_EQ(resumed.next_sequence(), 40U);
  sequence_ = 40;
  give(resumed, video_, 90'000, 9);
  resumed.flush(out_);
  EXPECT_FALSE(append(0).init_changed);
  EXPECT_EQ(append(0).journal, (Journal{PublicationId{7}, 41, kStarted}));
}

TEST_F(RecorderTest, WritesNothingWithoutSamples) {
  recorder_.flush(out_);
  EXPECT_TRUE(out_.empty());
  EXPECT_FALSE(recorder_.due(1'000'000'000));
}

}  // namespace
}  // namespace millrace::recording
