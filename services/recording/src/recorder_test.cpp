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
  std::vector<FileAction> out_;
};

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
  Recorder resumed(ResumePoint{{7, 40, 1000}, {video_}, 3});
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
