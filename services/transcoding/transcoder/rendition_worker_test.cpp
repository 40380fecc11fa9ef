// A worker's thread over a real encoder and log.
#include "rendition_worker.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "test_source.hpp"

namespace millrace::transcoding {
namespace {

class RenditionWorkerTest : public ::testing::Test {
 protected:
  static constexpr std::int64_t kStep = 3600;

  RenditionWorkerTest() {
    arena_ =
        std::move(media::ArenaWriter::open({directory_.path(), "child", 32U << 20, 256U << 10, 16}).value());
    source_.stream_id = "cam";
    source_.publication_id = PublicationId{7};
    source_.epoch = Epoch{1};
    source_.started_wall = wall_now();
    source_.segment_target_ms = 1000;
    SourceDescription description;
    description.width = 320;
    description.height = 180;
    description.frame_rate = {25, 1};
    rendition_ = plan_renditions(description, {{90, 30, 150}}, {}, encoder_).value().renditions.front();
  }

  RenditionWorker::Planned planned(const std::string& name) {
    RenditionWorker::Planned made;
    made.rendition = rendition_;
    made.rendition.name = name;
    made.log = std::make_shared<RenditionLog>(*arena_, source_, name, Inheritance{}, 60'000'000);
    return made;
  }
  static RenditionWorker::Picture picture(int number, std::uint64_t segment, bool first) {
    RenditionWorker::Picture made{ffmpeg::Frame::grey(320, 180, 100).value(), {}};
    made.frame.set_pts(number * kStep);
    made.note.pts = number * kStep;
    made.note.media_sequence = segment;
    made.note.discontinuity_sequence = 1;
    made.note.first = first;
    made.note.presented = wall_now();
    made.note.targets = {2, 200'000};
    return made;
  }
  std::vector<media::SampleRecord> written(const std::string& name) {
    auto reader = std::move(media::ArenaReader::open(directory_.path(), "child", "test").value());
    std::vector<media::SampleRecord> all;
    for (const media::LogInfo& info : reader->logs()) {
      if (info.rendition != name) continue;
      const media::LogReader log = reader->open_log(info.slot, info.publication_id, 0).value();
      for (std::uint64_t i = info.first; i < info.committed; ++i) all.push_back(log.at(i)->record);
    }
    return all;
  }

  test::LogDirectory directory_;
  std::unique_ptr<media::ArenaWriter> arena_;
  media::LogInfo source_{};
  EncoderChoice encoder_{"x264", "ultrafast", media::Codec::kH264};
  Rendition rendition_;
};

TEST_F(RenditionWorkerTest, BeginsASegmentWithTheNextPictureWhereItsFirstCannotBeScaled) {
  auto worker = RenditionWorker::start({planned("v0-90p")}, encoder_).value();
  ASSERT_TRUE(worker->put(picture(0, 10, true)));
  ASSERT_TRUE(worker->put(picture(1, 10, false)));
  RenditionWorker::Picture broken = picture(2, 11, true);
  broken.frame = ffmpeg::Frame::empty().value();
  ASSERT_TRUE(worker->put(std::move(broken)));
  ASSERT_TRUE(worker->put(picture(3, 11, false)));
  ASSERT_TRUE(worker->put(picture(4, 11, false)));
  ASSERT_TRUE(worker->finish());
  const std::vector<media::SampleRecord> records = written("v0-90p");
  ASSERT_EQ(records.size(), 4U);
  EXPECT_EQ(records[2].dts, 3 * kStep);
  EXPECT_EQ(records[2].media_sequence, 11U);
  EXPECT_NE(records[2].flags & media::kSampleKey, 0);
  EXPECT_EQ(records[3].flags & media::kSampleKey, 0);
}

TEST_F(RenditionWorkerTest, GoesOnWithoutTheEncoderThatCannotBeOpened) {
  std::vector<RenditionWorker::Planned> two{planned("v0-90p"), planned("v0-broken")};
  two.back().rendition.width = 1 << 28;  // refused by libavcodec: x264 leaks what it could not open
  auto worker = RenditionWorker::start(two, encoder_).value();
  ASSERT_TRUE(worker->put(picture(0, 10, true)));
  ASSERT_TRUE(worker->finish());
  EXPECT_TRUE(two.back().log->ended());
  EXPECT_EQ(written("v0-90p").size(), 1U);
  two.erase(two.begin());
  EXPECT_FALSE(RenditionWorker::start(two, encoder_)) << "there is no other";
}

}  // namespace
}  // namespace millrace::transcoding
