// Enhanced RTMP into the media log: codecs, multitrack, modifiers, annotations, changes of codec.
#include <gtest/gtest.h>

#include "enhanced_samples.hpp"
#include "publication_fixture.hpp"

namespace millrace::ingest {
namespace {

using media::Codec;
using rtmp::MessageType;
using rtmp::PacketKind;
using testing::codec_sample;
using testing::codec_samples;
using testing::CodecSample;
using testing::enhanced;
using testing::frame_of;
using testing::one_track;
using testing::start_of;
using testing::operator+;

class EnhancedTest : public testing::PublicationTest {
 protected:
  // The message that players get, without its chunk header.
  static Bytes body_of(const media::LogReader::Sample& sample) {
    return {sample.message.begin() + 12, sample.message.end()};
  }
  static Bytes payload_of(const media::LogReader::Sample& sample) {
    return {sample.payload.begin(), sample.payload.end()};
  }
};

TEST_F(EnhancedTest, TakesEveryCodecAsItComes) {
  for (const CodecSample& c : codec_samples()) {
    SCOPED_TRACE(c.name);
    begin_log();
    if (!c.header.empty()) {
      ASSERT_TRUE(send(c.type, 0, start_of(c)));
    }
    const Bytes message = frame_of(c);
    ASSERT_TRUE(send(c.type, 40, message));
    ASSERT_TRUE(send(c.type, 80, message));
    const bool video = c.type == MessageType::kVideo;
    media::LogReader log = open_log();
    ASSERT_EQ(log.info().committed, 2U);
    const auto sample = log.at(0);
    EXPECT_EQ(payload_of(*sample), c.frame);
    EXPECT_EQ(body_of(*sample), c.codec == Codec::kMp3 ? Bytes{0x2F} + c.frame : message);
    EXPECT_EQ(sample->record.track, video ? media::kVideoTrack : media::kAudioTrack);
    const auto configuration = log.configuration(sample->record.configuration);
    ASSERT_TRUE(configuration);
    EXPECT_EQ(configuration->description.codec, c.codec);
    EXPECT_EQ(configuration->description.media_sequence, 0U);
    EXPECT_EQ(publication_->tracks()[0].codec, c.codec_string);
    if (video) {
      EXPECT_EQ(configuration->description.width, 320U);
      EXPECT_EQ(configuration->description.height, 180U);
      EXPECT_NE(sample->record.flags & media::kSampleKey, 0);
    } else {
      EXPECT_EQ(configuration->description.sample_rate, 48'000U);
      EXPECT_EQ(configuration->description.channels, 2U);
      EXPECT_EQ(log.at(1)->record.dts - sample->record.dts, c.samples);
    }
    if (!c.header.empty()) {
      EXPECT_EQ(configuration->bytes, c.header);
      EXPECT_EQ(Bytes(configuration->message.begin() + 12, configuration->message.end()), start_of(c));
    } else {
      EXPECT_EQ(configuration->description.prefix_size, 0) << "players are sent no sequence header";
    }
  }
}

// Whatever the tag says; players get a tag that says the same.
TEST_F(EnhancedTest, TakesKeyFramesFromTheBits) {
  constexpr std::uint16_t kRecovers = media::kSampleKey | media::kSampleRecovery;
  const struct {
    const char* name;
    Codec codec;
    const char* frame;
    std::uint16_t flags;
  } cases[] = {
      {"HEVC: IDR_W_RADL", Codec::kH265, "000000042601af15", media::kSampleKey},
      {"HEVC: IDR_N_LP", Codec::kH265, "000000042801af15", media::kSampleKey},
      {"HEVC: BLA_W_LP", Codec::kH265, "000000042001af15", media::kSampleKey},
      {"HEVC: CRA", Codec::kH265, "000000042a01af15", kRecovers},
      {"HEVC: TRAIL_R with a recovery point", Codec::kH265, "000000074e01060180c080000000040201d015",
       kRecovers | media::kSampleRefresh},
      {"HEVC: TRAIL_R", Codec::kH265, "000000040201d015", 0},
      {"AV1: key frame", Codec::kAv1, "0a0b000000043cfeccdaf90040320710008400020820", media::kSampleKey},
      {"AV1: inter frame", Codec::kAv1, "320730008400020820", 0},
      {"AV1: intra only", Codec::kAv1, "320750008400020820", 0},
      {"VP9: key frame", Codec::kVp9, "824983420013f00b360638241c184a000ce05fcd", media::kSampleKey},
      {"VP9: inter frame", Codec::kVp9, "864983420013f00b360638241c184a000ce05fcd", 0},
  };
  for (const auto& c : cases) {
    for (const bool tagged : {true, false}) {
      SCOPED_TRACE(std::string(c.name) + (tagged ? " with a key frame's tag" : " with another frame's tag"));
      begin_log();
      const CodecSample sample = codec_sample(c.codec);
      ASSERT_TRUE(send(sample.type, 0, start_of(sample)));
      ASSERT_TRUE(send(sample.type, 0, frame_of(sample)));
      ASSERT_TRUE(
          send(sample.type, 40, enhanced(sample, PacketKind::kCodedFrames, testing::unhex(c.frame), tagged)));
      media::LogReader log = open_log();
      ASSERT_TRUE(log.at(1));
      EXPECT_EQ(log.at(1)->record.flags, c.flags);
      EXPECT_EQ(body_of(*log.at(1)),
                enhanced(sample, PacketKind::kCodedFrames, testing::unhex(c.frame), c.flags != 0));
    }
  }
}

TEST_F(EnhancedTest, SurvivesEveryPrefixOfItsMessages) {
  for (const CodecSample& c : codec_samples()) {
    begin_log();
    if (!c.header.empty()) {
      ASSERT_TRUE(send(c.type, 0, start_of(c)));
    }
    for (const Bytes& body : {frame_of(c), one_track(c, 3, PacketKind::kCodedFrames, c.frame),
                              one_track(c, 3, PacketKind::kSequenceStart, c.header)}) {
      for (std::size_t size = 0; size < std::min<std::size_t>(body.size(), 200); ++size)
        (void)send(c.type, 0, Bytes(body.begin(), body.begin() + size));
    }
    EXPECT_TRUE(send(c.type, 40, frame_of(c))) << c.name;
  }
}

TEST_F(EnhancedTest, GivesPlayersOldHeadersOfCodecsThatHaveThem) {
  CodecSample avc = {"AVC", MessageType::kVideo, rtmp::fourcc::kAvc, Codec::kH264, {}, {}, 0, ""};
  const Bytes legacy_header = testing::avc_header();
  avc.header.assign(legacy_header.begin() + 5, legacy_header.end());
  const Bytes legacy = testing::video_frame(true, 7);
  avc.frame.assign(legacy.begin() + 5, legacy.end());
  ASSERT_TRUE(send(MessageType::kVideo, 0, start_of(avc)));
  ASSERT_TRUE(send(MessageType::kVideo, 40, frame_of(avc)));
  CodecSample aac = {"AAC", MessageType::kAudio, rtmp::fourcc::kAac, Codec::kAac, {0x11, 0x90}, {1, 2, 3}, 0,
                     ""};
  ASSERT_TRUE(send(MessageType::kAudio, 0, start_of(aac)));
  ASSERT_TRUE(send(MessageType::kAudio, 40, frame_of(aac)));
  media::LogReader log = open_log();
  EXPECT_EQ(body_of(*log.at(0)), legacy);
  EXPECT_EQ(body_of(*log.at(1)), (Bytes{0xAF, 1, 1, 2, 3}));
  const auto configuration = log.configuration(0);
  EXPECT_EQ(Bytes(configuration->message.begin() + 12, configuration->message.end()), legacy_header);
}

TEST_F(EnhancedTest, GivesPlayersTheFourCcOfLegacyHevc) {
  const CodecSample hevc = codec_sample(Codec::kH265);
  ASSERT_TRUE(send(MessageType::kVideo, 0, Bytes{0x1C, 0, 0, 0, 0} + hevc.header));
  ASSERT_TRUE(send(MessageType::kVideo, 40, Bytes{0x1C, 1, 0, 0, 80} + hevc.frame));
  ASSERT_TRUE(send(MessageType::kVideo, 80, Bytes{0x2C, 1, 0, 0, 0} + hevc.frame));
  media::LogReader log = open_log();
  EXPECT_EQ(body_of(*log.at(0)), (Bytes{0x91, 'h', 'v', 'c', '1', 0, 0, 80} + hevc.frame));
  EXPECT_EQ(log.at(0)->record.composition_offset, 80 * 90);
  EXPECT_EQ(body_of(*log.at(1)), (Bytes{0x93, 'h', 'v', 'c', '1'} + hevc.frame));  // an IDR
  EXPECT_EQ(publication_->tracks()[0].codec, hevc.codec_string);
}

TEST_F(EnhancedTest, KeepsThePresentationOfRepairedPictures) {
  const CodecSample hevc = codec_sample(Codec::kH265);
  ASSERT_TRUE(send(MessageType::kVideo, 0, start_of(hevc)));
  const Bytes with_offset = Bytes{0x91, 'h', 'v', 'c', '1', 0, 0, 80} + hevc.frame;
  ASSERT_TRUE(send(MessageType::kVideo, 40, with_offset));
  ASSERT_TRUE(send(MessageType::kVideo, 40, with_offset));
  media::LogReader log = open_log();
  EXPECT_EQ(log.at(1)->record.composition_offset, 79 * 90);
  EXPECT_EQ(body_of(*log.at(1)), (Bytes{0x91, 'h', 'v', 'c', '1', 0, 0, 79} + hevc.frame));
}

TEST_F(EnhancedTest, TakesModifiersOffAndNanosecondsIn) {
  const CodecSample av1 = codec_sample(Codec::kAv1);
  ASSERT_TRUE(send(MessageType::kVideo, 0, start_of(av1)));
  const Bytes frame = frame_of(av1);
  const Bytes modified = Bytes{0x97, 0, 0xAA, 0x57, 2, 0x07, 0xA1, 0x20, 0x01} +
                         Bytes(frame.begin() + 1, frame.end());  // 500 000 ns
  ASSERT_TRUE(send(MessageType::kVideo, 40, modified));
  media::LogReader log = open_log();
  EXPECT_EQ(log.at(0)->record.dts, 40 * 90 + 45);
  EXPECT_EQ(log.at(0)->record.wire_timestamp_ms, 40U);
  EXPECT_EQ(body_of(*log.at(0)), frame);
}

TEST_F(EnhancedTest, PutsFurtherTracksBehindTheFirstThree) {
  const CodecSample hevc = codec_sample(Codec::kH265);
  const CodecSample opus = codec_sample(Codec::kOpus);
  // The first of each kind goes without a multitrack header, whatever its number.
  ASSERT_TRUE(send(hevc.type, 0, one_track(hevc, 5, PacketKind::kSequenceStart, hevc.header)));
  ASSERT_TRUE(send(opus.type, 0, start_of(opus)));
  ASSERT_TRUE(send(hevc.type, 0, one_track(hevc, 0, PacketKind::kSequenceStart, hevc.header)));
  ASSERT_TRUE(send(opus.type, 0, one_track(opus, 9, PacketKind::kSequenceStart, opus.header)));
  ASSERT_TRUE(send(hevc.type, 0, one_track(hevc, 5, PacketKind::kCodedFrames, hevc.frame)));
  ASSERT_TRUE(send(hevc.type, 0, one_track(hevc, 0, PacketKind::kCodedFrames, hevc.frame)));
  ASSERT_TRUE(send(opus.type, 0, frame_of(opus)));
  ASSERT_TRUE(send(opus.type, 0, one_track(opus, 9, PacketKind::kCodedFrames, opus.frame)));
  media::LogReader log = open_log();
  ASSERT_EQ(log.info().committed, 4U);
  EXPECT_EQ(log.at(0)->record.track, media::kVideoTrack);
  EXPECT_EQ(body_of(*log.at(0)), frame_of(hevc));
  EXPECT_EQ(log.at(1)->record.track, 3);
  EXPECT_EQ(body_of(*log.at(1)), one_track(hevc, 5, PacketKind::kCodedFrames, hevc.frame));
  EXPECT_EQ(log.at(2)->record.track, media::kAudioTrack);
  EXPECT_EQ(log.at(3)->record.track, 4);
  EXPECT_EQ(body_of(*log.at(3)), one_track(opus, 9, PacketKind::kCodedFrames, opus.frame));
  EXPECT_EQ(log.configuration(log.at(3)->record.configuration)->description.track, 4);
  EXPECT_EQ(publication_->tracks().size(), 4U);
}

TEST_F(EnhancedTest, SplitsMessagesOfManyTracks) {
  const CodecSample opus = codec_sample(Codec::kOpus);
  const CodecSample ac3 = codec_sample(Codec::kAc3);
  ASSERT_TRUE(send(opus.type, 0, start_of(opus)));
  ByteWriter message;
  message.u8(0x95);
  message.u8(0x21);  // many tracks, many codecs; coded frames
  for (const auto& [c, id] : {std::pair{opus, 0}, {ac3, 4}}) {
    message.u32(c.fourcc);
    message.u8(static_cast<std::uint8_t>(id));
    message.u24(static_cast<std::uint32_t>(c.frame.size()));
    message.append(c.frame);
  }
  const Bytes body = message.take();
  for (std::uint32_t time = 0; time < 100; time += 20) ASSERT_TRUE(send(opus.type, time, body));
  media::LogReader log = open_log();
  ASSERT_EQ(log.info().committed, 10U);
  EXPECT_EQ(body_of(*log.at(0)), frame_of(opus));
  EXPECT_EQ(body_of(*log.at(1)), one_track(ac3, 4, PacketKind::kCodedFrames, ac3.frame));
  EXPECT_EQ(log.at(1)->record.track, 3);
  EXPECT_EQ(log.at(9)->record.wire_timestamp_ms, 80U);
}

TEST_F(EnhancedTest, BoundsTracks) {
  const CodecSample opus = codec_sample(Codec::kOpus);
  for (unsigned id = 0; id < 40; ++id) {
    ASSERT_TRUE(
        send(opus.type, 0,
             one_track(opus, static_cast<std::uint8_t>(id), PacketKind::kSequenceStart, opus.header)));
  }
  EXPECT_EQ(publication_->tracks().size(), 14U);  // the first, and 3 to 15
  EXPECT_EQ(publication_->take_refusals().size(), Refusals::kMax);
}

TEST_F(EnhancedTest, GoesOnWithAnotherCodec) {
  send_headers();
  ASSERT_TRUE(send(MessageType::kVideo, 0, testing::video_frame(true, 1)));
  const CodecSample hevc = codec_sample(Codec::kH265);
  ASSERT_TRUE(send(hevc.type, 40, frame_of(hevc)));  // before its header
  EXPECT_EQ(counters_->dropped_messages.load(), 1U);
  ASSERT_TRUE(send(hevc.type, 80, start_of(hevc)));
  ASSERT_TRUE(send(MessageType::kVideo, 80, testing::video_frame(true, 2)));  // of the old one
  EXPECT_EQ(counters_->dropped_messages.load(), 2U);
  ASSERT_TRUE(send(hevc.type, 120, frame_of(hevc)));
  media::LogReader log = open_log();
  ASSERT_EQ(log.info().committed, 2U);
  const auto sample = log.at(1);
  EXPECT_NE(sample->record.flags & media::kSampleDiscontinuity, 0);
  EXPECT_EQ(sample->record.track, media::kVideoTrack);
  const auto configuration = log.configuration(sample->record.configuration);
  EXPECT_EQ(configuration->description.codec, Codec::kH265);
  EXPECT_EQ(configuration->description.media_sequence, sample->record.media_sequence);
}

TEST_F(EnhancedTest, TakesTheSizeOfVp9FromItsKeyFrames) {
  const CodecSample vp9 = codec_sample(Codec::kVp9);
  ASSERT_TRUE(send(vp9.type, 0, start_of(vp9)));
  EXPECT_TRUE(publication_->tracks().empty());
  Bytes inter = vp9.frame;
  inter[0] = 0x86;
  ASSERT_TRUE(send(vp9.type, 0, enhanced(vp9, PacketKind::kCodedFrames, inter, false)));
  EXPECT_EQ(publication_->committed(), 0U);
  ASSERT_TRUE(send(vp9.type, 40, frame_of(vp9)));
  EXPECT_EQ(publication_->tracks()[0].description.width, 320U);
  Bytes larger = vp9.frame;
  larger[5] = 0x27;  // 640 wide
  larger[6] = 0xF0;
  ASSERT_TRUE(send(vp9.type, 80, enhanced(vp9, PacketKind::kCodedFrames, larger)));
  EXPECT_EQ(publication_->tracks()[0].description.width, 640U);
  EXPECT_NE(open_log().at(1)->record.flags & media::kSampleDiscontinuity, 0);
}

TEST_F(EnhancedTest, FindsAv1sSequenceHeaderInTheStream) {
  const CodecSample av1 = codec_sample(Codec::kAv1);
  ASSERT_TRUE(send(av1.type, 0, enhanced(av1, PacketKind::kSequenceStart, {0x81, 0x00, 0x0C, 0x00})));
  ASSERT_TRUE(send(av1.type, 40, frame_of(av1)));
  ASSERT_EQ(publication_->tracks().size(), 1U);
  EXPECT_EQ(publication_->tracks()[0].description.width, 320U);
  EXPECT_EQ(publication_->tracks()[0].configuration, av1.header);
}

TEST_F(EnhancedTest, UnwrapsAdts) {
  const Bytes raw = {0x21, 0x10, 0x04, 0x60};
  const Bytes adts = Bytes{0xFF, 0xF1, 0x4C, 0x80, 0x01, 0x7F, 0xFC} + raw;
  ASSERT_TRUE(send(MessageType::kAudio, 0, Bytes{0xAF, 1} + adts));
  ASSERT_EQ(publication_->tracks().size(), 1U);
  EXPECT_EQ(publication_->tracks()[0].configuration, (Bytes{0x11, 0x90}));
  media::LogReader log = open_log();
  EXPECT_EQ(body_of(*log.at(0)), (Bytes{0xAF, 1} + raw));
  Bytes wrong_size = Bytes{0xAF, 1} + adts;
  wrong_size[6] = 0xFF;
  ASSERT_TRUE(send(MessageType::kAudio, 20, wrong_size));  // no raw frame begins so
  EXPECT_EQ(publication_->committed(), 1U);
  EXPECT_EQ(counters_->dropped_messages.load(), 1U);
}

TEST_F(EnhancedTest, FollowsAChangeOfMp3sRate) {
  const CodecSample mp3 = codec_sample(Codec::kMp3);
  ASSERT_TRUE(send(mp3.type, 0, Bytes{0x2F} + mp3.frame));
  Bytes slower = mp3.frame;
  slower[2] = 0x90;  // 44.1 kHz
  ASSERT_TRUE(send(mp3.type, 24, Bytes{0x2F} + slower));
  media::LogReader log = open_log();
  EXPECT_EQ(log.configuration(log.at(1)->record.configuration)->description.sample_rate, 44'100U);
  EXPECT_NE(log.at(1)->record.flags & media::kSampleDiscontinuity, 0);
}

TEST_F(EnhancedTest, KeepsHdrMetadataForPlayers) {
  const CodecSample hevc = codec_sample(Codec::kH265);
  const Bytes hdr = enhanced(hevc, PacketKind::kMetadata, {2, 0, 9, 'c', 'o', 'l', 'o', 'r'});
  Bytes as_key = hdr;
  as_key[0] = 0x94;
  ASSERT_EQ(hdr[0], 0xD4);  // as encoders send it: whoever plays takes "key" for a picture
  ASSERT_TRUE(send(hevc.type, 0, as_key));
  ASSERT_TRUE(send(hevc.type, 0, start_of(hevc)));
  ASSERT_TRUE(send(hevc.type, 0, frame_of(hevc)));
  ASSERT_TRUE(send(hevc.type, 40, hdr));  // the same again
  media::LogReader log = open_log();
  ASSERT_EQ(log.configuration_count(), 2U);
  const auto annotation = log.configuration(0);
  EXPECT_EQ(annotation->description.track, media::kDataTrack);
  EXPECT_EQ(annotation->description.codec, Codec::kNone);
  EXPECT_EQ(annotation->message[7], static_cast<std::uint8_t>(MessageType::kVideo));
  EXPECT_EQ(Bytes(annotation->message.begin() + 12, annotation->message.end()), hdr);
  for (std::uint32_t i = 0; i < 2 * Publication::kMaxAnnotations; ++i) {
    const Bytes other = enhanced(hevc, PacketKind::kMetadata, {2, 0, 9, static_cast<std::uint8_t>(i)});
    ASSERT_TRUE(send(hevc.type, 40, other));
  }
  EXPECT_EQ(log.configuration_count(), 1 + Publication::kMaxAnnotations);
}

TEST_F(EnhancedTest, RefusesTransportStreamsAndUnusableFurtherTracks) {
  send_headers();
  const CodecSample av1 = codec_sample(Codec::kAv1);
  ASSERT_TRUE(send(av1.type, 0, {0x95, 'a', 'v', '0', '1', 0x80, 0x04}));
  const CodecSample opus = codec_sample(Codec::kOpus);
  ASSERT_TRUE(send(opus.type, 0, one_track(opus, 1, PacketKind::kSequenceStart, {'O', 'p'})));
  EXPECT_EQ(publication_->take_refusals().size(), 2U);
  ASSERT_TRUE(send(MessageType::kVideo, 5000, testing::video_frame(true, 1)));
  EXPECT_EQ(publication_->committed(), 1U);
}

TEST_F(EnhancedTest, PassesOverOpusComments) {
  const CodecSample opus = codec_sample(Codec::kOpus);
  ASSERT_TRUE(send(opus.type, 0, start_of(opus)));
  ASSERT_TRUE(send(opus.type, 0,
                   enhanced(opus, PacketKind::kSequenceStart, {'O', 'p', 'u', 's', 'T', 'a', 'g', 's', 0})));
  ASSERT_TRUE(send(opus.type, 0, frame_of(opus)));
  EXPECT_EQ(open_log().configuration_count(), 1U);
}

}  // namespace
}  // namespace millrace::ingest
