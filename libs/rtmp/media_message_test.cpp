#include "rtmp/media_message.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "rtmp/client_bytes.hpp"

namespace millrace::rtmp {
namespace {

TEST(MediaChunkHeader, IsTwelveBytesBelowTheExtendedMark) {
  const auto header = media_chunk_header(MessageType::kVideo, 0xFFFFFE, 0x010203, 1);
  const Bytes expected = {0x06, 0xFF, 0xFF, 0xFE, 0x01, 0x02, 0x03, 0x09, 0x01, 0, 0, 0};
  EXPECT_EQ(Bytes(header.view().begin(), header.view().end()), expected);
}

TEST(MediaChunkHeader, IsSixteenBytesFromTheExtendedMarkOn) {
  const auto header = media_chunk_header(MessageType::kAudio, 0xFFFFFF, 5, 0x01020304);
  const Bytes expected = {0x04, 0xFF, 0xFF, 0xFF, 0,    0,    5,    0x08,
                          0x04, 0x03, 0x02, 0x01, 0x00, 0xFF, 0xFF, 0xFF};
  EXPECT_EQ(Bytes(header.view().begin(), header.view().end()), expected);
  EXPECT_EQ(media_chunk_header(MessageType::kData, 0, 5, 1).data()[0], 0x05);
}

Bytes metadata_body(bool wrapped, const amf0::Value& value) {
  ByteWriter body;
  if (wrapped) amf0::serialize("@setDataFrame", body);
  amf0::serialize("onMetaData", body);
  amf0::serialize(value, body);
  return body.take();
}

TEST(DataMessage, ReadsMetadataAndSaysWhereThePlayersPartBegins) {
  const amf0::Object object{
      amf0::Object::Kind::kEcmaArray,
      {},
      {{"width", 640.0}, {"height", 360.0}, {"framerate", 29.97}, {"encoder", "obs"}, {"stereo", true}}};
  for (const bool wrapped : {false, true}) {
    const auto message = parse_data_message(metadata_body(wrapped, object));
    ASSERT_TRUE(message);
    EXPECT_EQ(message->name, "onMetaData");
    EXPECT_EQ(message->payload_begin, wrapped ? 16U : 0U);
    ASSERT_TRUE(message->metadata);
    EXPECT_EQ(message->metadata->width, 640.0);
    EXPECT_EQ(message->metadata->frame_rate, 29.97);
    EXPECT_EQ(message->metadata->encoder, "obs");
    EXPECT_FALSE(message->metadata->duration_seconds);
  }
}

TEST(DataMessage, KeepsOnlySensibleNumbersAndTexts) {
  const auto message = parse_data_message(
      metadata_body(true, testing::object({{"width", std::numeric_limits<double>::quiet_NaN()},
                                           {"height", -1.0},
                                           {"framerate", 1e300},
                                           {"duration", std::numeric_limits<double>::infinity()},
                                           {"videocodecid", "avc1"},
                                           {"audiodatarate", "128"},
                                           {"encoder", std::string(5'000, 'x')}})));
  ASSERT_TRUE(message);
  ASSERT_TRUE(message->metadata);
  EXPECT_FALSE(message->metadata->width);
  EXPECT_FALSE(message->metadata->height);
  EXPECT_FALSE(message->metadata->frame_rate);
  EXPECT_FALSE(message->metadata->duration_seconds);
  EXPECT_FALSE(message->metadata->audio_kbps);
  EXPECT_EQ(message->metadata->encoder.size(), 256U);
}

TEST(DataMessage, ReadsWhatTracksAreCalled) {
  const auto label = [](const char* key, amf0::Value value) {
    return testing::object({{key, std::move(value)}});
  };
  const auto message = parse_data_message(metadata_body(
      true, testing::object(
                {{"audioTrackIdInfoMap",
                  testing::object({{"0", label("language", "en")},
                                   {"1", testing::object({{"lang", "de"}, {"title", "Kommentar"}})},
                                   {"256", label("language", "fr")},
                                   {"-1", label("language", "fr")},
                                   {"2x", label("language", "fr")},
                                   {"3", "fr"},
                                   {"4", label("channels", 2.0)},
                                   {"5", label("language", 7.0)}})},
                 {"videoTrackIdInfoMap", testing::object({{"1", label("name", std::string(300, 'x'))}})}})));
  ASSERT_TRUE(message && message->metadata);
  const auto& labels = message->metadata->labels;
  ASSERT_EQ(labels.size(), 3U);
  EXPECT_EQ(labels[0].language, "en");
  EXPECT_EQ(labels[1].track_id, 1);
  EXPECT_EQ(labels[1].language, "de");
  EXPECT_EQ(labels[1].name, "Kommentar");
  EXPECT_EQ(labels[2].type, MessageType::kVideo);
  EXPECT_EQ(labels[2].name.size(), 256U);
}

TEST(DataMessage, BoundsTheTracksThatAreNamed) {
  amf0::Object tracks;
  for (int i = 0; i < 200; ++i)
    tracks.properties.push_back({std::to_string(i), testing::object({{"language", "en"}})});
  const auto message =
      parse_data_message(metadata_body(false, testing::object({{"audioTrackIdInfoMap", tracks}})));
  ASSERT_TRUE(message && message->metadata);
  EXPECT_EQ(message->metadata->labels.size(), Metadata::kMaxLabels);
}

TEST(DataMessage, ReadsOtherNamesWithoutTheirValues) {
  ByteWriter body;
  amf0::serialize("onTextData", body);
  body.u8(0xFF);
  const auto message = parse_data_message(body.view());
  ASSERT_TRUE(message);
  EXPECT_EQ(message->name, "onTextData");
  EXPECT_FALSE(message->metadata);
  EXPECT_FALSE(parse_data_message(metadata_body(true, amf0::Null{}))->metadata);
}

TEST(DataMessage, SurvivesEveryTruncation) {
  const Bytes good = metadata_body(true, testing::object({{"width", 640.0}}));
  for (std::size_t size = 0; size < good.size(); ++size) {
    const auto message = parse_data_message(ByteView(good).first(size));
    EXPECT_FALSE(message && message->metadata) << size;
  }
}

}  // namespace
}  // namespace millrace::rtmp
