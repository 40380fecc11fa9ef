// What encoders say of their tracks beside the codecs' configurations: HDR, captions, languages and names.
#include <gtest/gtest.h>

#include "codecs/captions.hpp"
#include "enhanced_samples.hpp"
#include "media/track_label.hpp"
#include "publication_fixture.hpp"

namespace millrace::ingest {
namespace {

using media::Codec;
using rtmp::MessageType;
using rtmp::PacketKind;
using rtmp::amf0::Object;
using testing::CodecSample;
using testing::enhanced;
using testing::unhex;
using testing::operator+;

class LabelsTest : public testing::PublicationTest {
 protected:
  // Of HEVC: the frame with units of SEI in front of it.
  static Bytes frame_with(const Bytes& sei, bool key = true) {
    const CodecSample hevc = testing::codec_sample(Codec::kH265);
    return enhanced(hevc, PacketKind::kCodedFrames, sei + hevc.frame, key);
  }
  static Bytes colour_info(const Object& info) {
    ByteWriter payload;
    rtmp::amf0::serialize("colorInfo", payload);
    rtmp::amf0::serialize(info, payload);
    return enhanced(testing::codec_sample(Codec::kH265), PacketKind::kMetadata, payload.take());
  }
  // In force with the newest record.
  media::TrackConfiguration description() {
    media::LogReader log = open_log();
    const auto newest = log.at(publication_->committed() - 1);
    return log.configuration(newest->record.configuration)->description;
  }

  const Bytes start_ = testing::start_of(testing::codec_sample(Codec::kH265));
  // A content light level of 1000 and 400, and one of 600 and 200.
  const Bytes light_ = unhex("000000094e01900403e8019080");
  const Bytes other_light_ = unhex("000000094e019004025800c880");
  const Object pq_ = {
      Object::Kind::kAnonymous,
      {},
      {{"colorConfig",
        Object{Object::Kind::kAnonymous,
               {},
               {{"colorPrimaries", 9.0}, {"transferCharacteristics", 16.0}, {"matrixCoefficients", 9.0}}}},
       {"hdrCll", Object{Object::Kind::kAnonymous, {}, {{"maxFall", 300.0}, {"maxCLL", 900.0}}}}}};
};

TEST_F(LabelsTest, TakesHdrFromTheFirstKeyFrame) {
  ASSERT_TRUE(send(MessageType::kVideo, 0, start_));
  ASSERT_TRUE(send(MessageType::kVideo, 0, frame_with(light_)));
  EXPECT_EQ(media::hdr_of(description().picture).light, (codecs::ContentLight{1000, 400}));
  EXPECT_EQ(open_log().at(0)->record.flags & media::kSampleDiscontinuity, 0);
}

TEST_F(LabelsTest, KeepsTheFirstWordOnHdr) {
  ASSERT_TRUE(send(MessageType::kVideo, 0, start_));
  ASSERT_TRUE(send(MessageType::kVideo, 0, frame_with(light_)));
  const std::uint32_t before = open_log().configuration_count();
  for (std::uint32_t i = 1; i <= 200; ++i)
    ASSERT_TRUE(send(MessageType::kVideo, i * 40, frame_with(i % 2 == 0 ? light_ : other_light_)));
  EXPECT_EQ(open_log().configuration_count(), before);
  EXPECT_EQ(media::hdr_of(description().picture).light, (codecs::ContentLight{1000, 400}));
}

TEST_F(LabelsTest, TakesHdrFromColourInfo) {
  ASSERT_TRUE(send(MessageType::kVideo, 0, start_));
  ASSERT_TRUE(send(MessageType::kVideo, 0, colour_info(pq_)));
  ASSERT_TRUE(send(MessageType::kVideo, 0, frame_with({})));
  EXPECT_EQ(media::colour_of(description().picture), (codecs::Colour{9, 16, 9, false}));
  EXPECT_EQ(media::hdr_of(description().picture).light, (codecs::ContentLight{900, 300}));
}

TEST_F(LabelsTest, FollowsColourInfoWithTheNextSample) {
  ASSERT_TRUE(send(MessageType::kVideo, 0, colour_info(pq_)));  // before the track is known
  ASSERT_TRUE(send(MessageType::kVideo, 0, start_));
  ASSERT_TRUE(send(MessageType::kVideo, 0, frame_with({})));
  EXPECT_TRUE(media::colour_of(description().picture));
  ASSERT_TRUE(send(MessageType::kVideo, 20, colour_info({})));
  ASSERT_TRUE(send(MessageType::kVideo, 40, frame_with({})));
  EXPECT_EQ(description().picture, media::PictureColour{});
  ASSERT_TRUE(send(MessageType::kVideo, 60, colour_info(pq_)));
  ASSERT_TRUE(send(MessageType::kVideo, 80, frame_with({})));
  EXPECT_TRUE(media::colour_of(description().picture));
}

TEST_F(LabelsTest, SaysColourInfoOfItsCodecAlone) {
  send_headers();
  ASSERT_TRUE(send(MessageType::kVideo, 0, testing::video_frame(true, 1)));
  ASSERT_TRUE(send(MessageType::kVideo, 20, colour_info(pq_)));
  ASSERT_TRUE(send(MessageType::kVideo, 40, testing::video_frame(true, 2)));
  EXPECT_EQ(description().picture, media::PictureColour{});
}

// An SEI unit of H.264 with the control code that begins captions of channel 1.
TEST_F(LabelsTest, RemembersThatThereWereCaptions) {
  send_headers();
  Bytes captioned = testing::video_frame(true, 2);
  const Bytes unit = unhex(
      "000000110604"
      "0eb50031474139340341fffc942080");
  captioned.insert(captioned.begin() + 5, unit.begin(), unit.end());
  const auto flags = [&] {
    return open_log().at(publication_->committed() - 1)->record.flags & media::kSampleCaptions;
  };
  ASSERT_TRUE(send(MessageType::kVideo, 0, testing::video_frame(true, 1)));
  EXPECT_EQ(flags(), 0);
  ASSERT_TRUE(send(MessageType::kVideo, 40, captioned));
  EXPECT_EQ(flags(), media::kSampleCaptionsCc1);
  ASSERT_TRUE(send(MessageType::kVideo, 80, testing::video_frame(false, 3)));
  EXPECT_EQ(flags(), media::kSampleCaptionsCc1);
  ASSERT_TRUE(send(MessageType::kAudio, 80, testing::audio_frame(1)));
  EXPECT_EQ(flags(), 0) << "of the picture alone";
}

Bytes metadata_with(const char* language, const char* name) {
  const Object track{Object::Kind::kAnonymous, {}, {{"language", language}, {"title", name}}};
  ByteWriter out;
  rtmp::amf0::serialize("onMetaData", out);
  rtmp::amf0::serialize(
      Object{Object::Kind::kEcmaArray,
             {},
             {{"audioTrackIdInfoMap", Object{Object::Kind::kAnonymous, {}, {{"0", track}}}}}},
      out);
  return out.take();
}

TEST_F(LabelsTest, CallsTracksWhatTheEncoderCallsThem) {
  ASSERT_TRUE(send(MessageType::kData, 0, metadata_with("de", "Kommentar")));
  send_headers();
  ASSERT_TRUE(send(MessageType::kAudio, 0, testing::audio_frame(1)));
  EXPECT_EQ(media::language_of(description().label), "de");
  EXPECT_EQ(media::name_of(description().label), "Kommentar");
}

// Some send their metadata last.
TEST_F(LabelsTest, TakesNamesUntilTheFirstSample) {
  send_headers();
  ASSERT_TRUE(send(MessageType::kVideo, 0, testing::video_frame(true, 1)));
  ASSERT_TRUE(send(MessageType::kData, 0, metadata_with("de", "Kommentar")));
  ASSERT_TRUE(send(MessageType::kAudio, 0, testing::audio_frame(1)));
  EXPECT_EQ(media::language_of(description().label), "de");
  ASSERT_TRUE(send(MessageType::kData, 0, metadata_with("fr", "Autre")));
  ASSERT_TRUE(send(MessageType::kAudio, 21, testing::audio_frame(2)));
  EXPECT_EQ(media::language_of(description().label), "de") << "a change would begin a segment";
}

}  // namespace
}  // namespace millrace::ingest
