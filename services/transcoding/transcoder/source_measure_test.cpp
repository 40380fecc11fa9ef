#include "source_measure.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "media/arena_writer.hpp"
#include "rtmp/amf0.hpp"

namespace millrace::transcoding {
namespace {

constexpr PublicationId kPublication{7};
constexpr std::uint32_t kPictureBytes = 5000;
constexpr std::int64_t kStep = 3600;  // 25 a second: 1000 kbit/s

class SourceMeasureTest : public ::testing::Test {
 protected:
  SourceMeasureTest() {
    std::string path = "/tmp/millrace-measure-XXXXXX";
    directory_ = ::mkdtemp(path.data());
    arena_ = std::move(media::ArenaWriter::open({directory_, "ingest", 16U << 20, 256U << 10, 16}).value());
    media::LogDescription description;
    description.stream_id = "cam";
    description.publication_id = kPublication;
    description.retention.guaranteed_bytes = 8U << 20;
    log_ = std::move(arena_->create_log(description).value());
  }
  ~SourceMeasureTest() override {
    log_.reset();
    std::filesystem::remove_all(directory_);
  }

  void write(int pictures, std::uint32_t discontinuity = 7) {
    for (int i = 0; i < pictures; ++i) {
      media::SampleRecord record{};
      record.dts = dts_ += kStep;
      record.media_sequence = 10;
      record.discontinuity_sequence = discontinuity;
      const auto room = log_->reserve(kPictureBytes).value();
      log_->commit(room, room.prefix_room, 0, record);
    }
  }
  void state(double kbps) {
    rtmp::amf0::Object object;
    object.kind = rtmp::amf0::Object::Kind::kEcmaArray;
    object.properties.push_back({"videodatarate", kbps});
    ByteWriter writer;
    rtmp::amf0::serialize("onMetaData", writer);
    rtmp::amf0::serialize(object, writer);
    media::TrackConfiguration description{};
    description.track = media::kDataTrack;
    description.kind = media::TrackKind::kData;
    description.codec = media::Codec::kData;
    ASSERT_TRUE(log_->add_configuration(description, {}, writer.take()));
  }
  SourceMeasure measured() {
    const auto reader = std::move(media::ArenaReader::open(directory_, "ingest", "test").value());
    return measure_source(reader->open_log(log_->slot(), kPublication, 0).value());
  }

  std::string directory_;
  std::unique_ptr<media::ArenaWriter> arena_;
  std::unique_ptr<media::LogWriter> log_;
  std::int64_t dts_ = 0;
};

TEST_F(SourceMeasureTest, IsOfWhatTheLogHolds) {
  write(126);
  EXPECT_EQ(measured().kbps, 1000U);
  EXPECT_DOUBLE_EQ(measured().fps, 25);
  EXPECT_EQ(measured().most_kbps(), 1000U);
}

TEST_F(SourceMeasureTest, SaysNothingOfAFewPictures) {
  write(20);
  EXPECT_EQ(measured().kbps, 0U);
  write(30);
  EXPECT_DOUBLE_EQ(measured().fps, 25);
  EXPECT_EQ(measured().most_kbps(), 0U) << "two seconds are no measure of what comes";
}

TEST_F(SourceMeasureTest, EndsAtABreak) {
  write(100, 7);
  dts_ += 100 * kStep;
  write(51, 8);
  EXPECT_DOUBLE_EQ(measured().fps, 25);
  EXPECT_DOUBLE_EQ(measured().seconds, 2);
}

TEST_F(SourceMeasureTest, TakesTheEncodersWordWhereItIsMore) {
  write(126);
  state(6000);
  EXPECT_EQ(measured().most_kbps(), 6000U);
  state(500);
  EXPECT_EQ(measured().most_kbps(), 1000U);
}

}  // namespace
}  // namespace millrace::transcoding
