#include "publish/publication.hpp"

#include <gtest/gtest.h>

#include "enhanced_samples.hpp"
#include "publication_fixture.hpp"

namespace millrace::ingest {
namespace {

using rtmp::MessageType;
using testing::kWall;
using testing::PublicationTest;
using testing::operator+;

TEST_F(PublicationTest, WritesMessagesAsPlayersAreSentThem) {
  send_headers();
  const Bytes key = testing::video_frame(true, 1, 100, 80);
  ASSERT_TRUE(send(MessageType::kVideo, 40, key));
  media::LogReader log = open_log();
  const auto sample = log.at(0);
  ASSERT_TRUE(sample);
  const Bytes header = {0x06, 0, 0, 40, 0, 0, static_cast<std::uint8_t>(key.size()), 9, 1, 0, 0, 0};
  Bytes expected = header;
  expected.insert(expected.end(), key.begin(), key.end());
  EXPECT_EQ(Bytes(sample->message.begin(), sample->message.end()), expected);
  EXPECT_EQ(Bytes(sample->payload.begin(), sample->payload.end()), Bytes(key.begin() + 5, key.end()));
  EXPECT_EQ(sample->record.dts, 40 * 90);
  EXPECT_EQ(sample->record.composition_offset, 80 * 90);
  EXPECT_EQ(sample->record.flags, media::kSampleKey | media::kSampleSegmentStart | media::kSampleNoAudioYet);
}

TEST_F(PublicationTest, ShowsPicturesOfEqualDecodeTimesWhenTheirEncoderWants) {
  send_headers();
  ASSERT_TRUE(send(MessageType::kVideo, 40, testing::video_frame(true, 1, 100, 0)));
  ASSERT_TRUE(send(MessageType::kVideo, 40, testing::video_frame(false, 2, 100, 80)));
  media::LogReader log = open_log();
  const auto sample = log.at(1);
  ASSERT_TRUE(sample);
  EXPECT_EQ(sample->record.dts, 41 * 90);
  EXPECT_EQ(sample->record.composition_offset, 79 * 90);
  EXPECT_EQ(sample->record.wire_timestamp_ms, 41U);
  EXPECT_EQ(Bytes(sample->message.begin() + 14, sample->message.begin() + 17), (Bytes{0, 0, 79}));
}

TEST_F(PublicationTest, UsesTheExtendedTimestampWhereItIsNeeded) {
  send_headers();
  ASSERT_TRUE(send(MessageType::kAudio, 0x1000000, testing::audio_frame(1)));
  const auto sample = open_log().at(0);
  ASSERT_TRUE(sample);
  EXPECT_EQ(sample->message[1], 0xFF);
  EXPECT_EQ(sample->record.prefix_size, 16 + 2);
  EXPECT_EQ(sample->message[12], 0x01);
}

TEST_F(PublicationTest, KeepsInterleavedMessagesApart) {
  send_headers();
  const Bytes video = testing::video_frame(true, 1, 64);
  const Bytes audio = testing::audio_frame(2);
  ASSERT_TRUE(begin(6, MessageType::kVideo, 0, video.size()));
  publication_->append(6, ByteView(video).first(20));
  ASSERT_TRUE(begin(4, MessageType::kAudio, 0, audio.size()));
  publication_->append(4, audio);
  ASSERT_TRUE(publication_->end(4, {1, kWall}));
  publication_->append(6, ByteView(video).subspan(20));
  ASSERT_TRUE(publication_->end(6, {2, kWall}));
  media::LogReader log = open_log();
  EXPECT_EQ(log.at(0)->record.track, media::kAudioTrack);
  EXPECT_TRUE(
      std::equal(video.begin() + 5, video.end(), log.at(1)->payload.begin(), log.at(1)->payload.end()));
}

TEST_F(PublicationTest, TakesConfigurationsFromSequenceHeadersOnce) {
  send_headers();
  send_headers();
  ASSERT_TRUE(send(MessageType::kVideo, 0, testing::video_frame(true, 1)));
  send_headers();
  media::LogReader log = open_log();
  ASSERT_EQ(log.configuration_count(), 2U);
  const auto video = log.configuration(0);
  EXPECT_EQ(video->description.width, 320U);
  EXPECT_EQ(video->description.height, 180U);
  EXPECT_EQ(video->description.codec, media::Codec::kH264);
  EXPECT_EQ(video->description.media_sequence, 0U);
  EXPECT_EQ(video->bytes[0], 1);  // avcC's version: the FLV tag header is in the prefix
  const auto audio = log.configuration(1);
  EXPECT_EQ(audio->description.sample_rate, 48'000U);
  EXPECT_EQ(audio->description.channels, 2U);
  EXPECT_EQ(audio->bytes, (Bytes{0x11, 0x90}));
  ASSERT_EQ(publication_->tracks().size(), 2U);
  EXPECT_EQ(publication_->tracks()[0].codec, "avc1.42c00d");
}

TEST_F(PublicationTest, AddsALaterConfigurationWithTheFirstSampleThatUsesIt) {
  send_headers();
  ASSERT_TRUE(send(MessageType::kVideo, 0, testing::video_frame(true, 1)));
  ASSERT_TRUE(publication_->take_tracks_changed());
  ASSERT_TRUE(send(MessageType::kVideo, 40, testing::avc_header(0x21)));
  media::LogReader log = open_log();
  EXPECT_EQ(log.configuration_count(), 2U);
  EXPECT_FALSE(publication_->take_tracks_changed());
  ASSERT_TRUE(send(MessageType::kVideo, 40, testing::video_frame(true, 2)));
  ASSERT_EQ(log.configuration_count(), 3U);
  const auto sample = log.at(1);
  EXPECT_EQ(sample->record.configuration, 2U);
  EXPECT_NE(sample->record.flags & media::kSampleDiscontinuity, 0);
  EXPECT_EQ(log.configuration(2)->description.media_sequence, sample->record.media_sequence);
  EXPECT_TRUE(publication_->take_tracks_changed());
}

TEST_F(PublicationTest, TakesWordsForTheSameSoundForNoChange) {
  Bytes longer = testing::aac_header();
  for (const std::uint8_t byte : {0x56, 0xE5, 0x00}) longer.push_back(byte);  // and no SBR
  for (std::uint32_t i = 0; i < 20; ++i) {
    ASSERT_TRUE(send(MessageType::kAudio, i * 21, i % 2 == 0 ? testing::aac_header() : longer));
    ASSERT_TRUE(send(MessageType::kAudio, i * 21, testing::audio_frame(i)));
  }
  const media::LogReader log = open_log();
  EXPECT_EQ(log.configuration_count(), 1U);
  EXPECT_EQ(log.at(19)->record.media_sequence, log.at(0)->record.media_sequence);
}

// A sound of two sample rates by turns, one a frame: each change would be a recording of its own.
TEST_F(PublicationTest, DropsATrackWhoseConfigurationChangesTooOften) {
  constexpr std::uint32_t kEvery = 20;
  constexpr std::uint64_t kTaken = 1 + publication::ChangeBudget::kTrackChanges;
  ASSERT_TRUE(send(MessageType::kVideo, 0, testing::avc_header()));
  const auto header = [](std::uint32_t i) {
    return Bytes{0xAF, 0, 0x12, std::uint8_t(i % 2 == 0 ? 0x10 : 0x08)};
  };
  std::uint32_t time = 0;
  for (std::uint32_t i = 0; i < 100; ++i, time += kEvery) {
    ASSERT_TRUE(send(MessageType::kVideo, time, testing::video_frame(i % 50 == 0, i)));
    ASSERT_TRUE(send(MessageType::kAudio, time, header(i)));
    ASSERT_TRUE(send(MessageType::kAudio, time, testing::audio_frame(i)));
  }
  const auto count = [&](std::uint64_t from, std::uint8_t track) {
    const media::LogReader log = open_log();
    std::uint64_t records = 0;
    for (std::uint64_t at = from; at < publication_->committed(); ++at)
      records += log.at(at)->record.track == track ? 1 : 0;
    return records;
  };
  EXPECT_EQ(count(0, media::kVideoTrack), 100U) << "the picture goes on";
  // From then on those of the configuration that was in force, which needs no change.
  EXPECT_EQ(count(0, media::kAudioTrack), kTaken + (100 - kTaken) / 2);
  const auto reasons = publication_->take_refusals();
  ASSERT_EQ(reasons.size(), 1U);
  EXPECT_NE(reasons[0].find("change too often"), std::string::npos) << reasons[0];
  EXPECT_EQ(counters_->dropped_messages.load(), 2 * (100 - kTaken - (100 - kTaken) / 2));
  EXPECT_EQ(counters_->refused_tracks.load(), 1U);

  const std::uint64_t before = publication_->committed();
  for (std::uint32_t i = 0; time < 6000; ++i, time += kEvery)
    ASSERT_TRUE(send(MessageType::kAudio, time, testing::audio_frame(i)));
  EXPECT_GT(publication_->committed(), before)
      << "the newest is taken without another header when there is room";
  EXPECT_LT(publication_->committed() - before, 100U);
  EXPECT_EQ(publication_->tracks().back().description.channels, 1U);
  EXPECT_EQ(counters_->refused_tracks.load(), 0U);
  EXPECT_FALSE(publication_->any_refusals()) << "reported once";
}

TEST_F(PublicationTest, IsClosedWhenNothingButChangesCame) {
  for (std::uint32_t i = 0; i < 20; ++i)
    ASSERT_TRUE(send(MessageType::kAudio, 0, Bytes{0xAF, 0, 0x12, std::uint8_t(i % 2 == 0 ? 0x10 : 0x08)}));
  ASSERT_TRUE(send(MessageType::kAudio, 10, Bytes{0xAF, 0, 0x12, 0x08}));
  EXPECT_TRUE(publication_->check(1'000'000));
  EXPECT_EQ(publication_->check(3'000'000).error().code, "ingest.unsupported");
}

TEST_F(PublicationTest, FollowsAChangeOfSizeThatOnlyThePicturesTell) {
  send_headers();
  ASSERT_TRUE(send(MessageType::kVideo, 0, testing::video_frame(true, 1)));
  const Bytes sps = testing::unhex("6742c01ed900a02ff97011000003000100000300320f162e48");  // 640x360
  const Bytes pps = testing::unhex("68cb83cb20");
  ByteWriter key;
  key.append(Bytes{0x17, 1, 0, 0, 0});
  for (const Bytes& unit : {sps, pps, Bytes{0x65, 1, 2, 3}}) {
    key.u32(static_cast<std::uint32_t>(unit.size()));
    key.append(unit);
  }
  const Bytes frame = key.take();
  ASSERT_TRUE(send(MessageType::kVideo, 40, frame));
  ASSERT_TRUE(send(MessageType::kVideo, 80, testing::avc_header()));  // repeated by the encoder
  ASSERT_TRUE(send(MessageType::kVideo, 80, frame));
  media::LogReader log = open_log();
  EXPECT_NE(log.at(1)->record.flags & media::kSampleDiscontinuity, 0);
  EXPECT_EQ(log.at(2)->record.flags & media::kSampleDiscontinuity, 0);
  const auto configuration = log.configuration(log.at(2)->record.configuration);
  EXPECT_EQ(configuration->description.width, 640U);
  EXPECT_EQ(configuration->description.height, 360U);
  EXPECT_EQ(configuration->bytes,
            Bytes({0x01, 0x42, 0xC0, 0x1E, 0xFF, 0xE1, 0x00, 0x19}) + sps + Bytes({0x01, 0x00, 0x05}) + pps);
}

TEST_F(PublicationTest, KeepsMetadataAndLaterDataMessages) {
  ASSERT_TRUE(send(MessageType::kData, 0, testing::data_message("onMetaData", true)));
  EXPECT_EQ(publication_->encoder(), "test encoder");
  send_headers();
  ASSERT_TRUE(
      send(MessageType::kData, 0, testing::data_message("onTextData", false)));  // nothing to attach it to
  ASSERT_TRUE(send(MessageType::kVideo, 0, testing::video_frame(true, 1)));
  const Bytes text = testing::data_message("onTextData", true);
  ASSERT_TRUE(send(MessageType::kData, 10, text));
  media::LogReader log = open_log();
  EXPECT_EQ(log.configuration(0)->bytes, testing::data_message("onMetaData", false));
  ASSERT_EQ(log.info().committed, 2U);
  const auto sample = log.at(1);
  EXPECT_EQ(sample->record.track, media::kDataTrack);
  EXPECT_EQ(Bytes(sample->payload.begin(), sample->payload.end()),
            testing::data_message("onTextData", false));
  EXPECT_EQ(sample->message.size(), sample->payload.size() + 12);
  EXPECT_EQ(sample->message[0], 0x05);
}

TEST_F(PublicationTest, DropsWhatIsNotUsableAndGoesOn) {
  struct Case {
    const char* name;
    MessageType type;
    Bytes body;
  };
  const std::vector<Case> cases = {
      {"audio before its configuration", MessageType::kAudio, testing::audio_frame(0)},
      {"video before its configuration", MessageType::kVideo, testing::video_frame(true, 0)},
      {"a cut video tag", MessageType::kVideo, {0x17, 0x01}},
      {"a cut audio tag", MessageType::kAudio, {0xAF}},
      {"no data message", MessageType::kData, {0xFF, 0xFF}},
      {"a video command frame", MessageType::kVideo, {0x57, 0x00}},
      {"the end of the sequence", MessageType::kVideo, {0x17, 0x02, 0, 0, 0}},
      {"huge data", MessageType::kData, Bytes(Publication::kMaxDataBytes + 1, 2)},
  };
  std::uint64_t dropped = 0;
  for (const Case& c : cases) {
    EXPECT_TRUE(send(c.type, 0, c.body, 4096)) << c.name;
    EXPECT_EQ(counters_->dropped_messages.load(), ++dropped) << c.name;
  }
  send_headers();
  for (const Bytes& body : {Bytes{0x27, 1, 0, 0, 0, 0, 0, 0, 9, 0x41}, Bytes{0x27, 1, 0, 0, 0, 0, 0, 0, 0},
                            Bytes{0x27, 1, 0, 0, 0}, Bytes{0x27, 1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF}}) {
    EXPECT_TRUE(send(MessageType::kVideo, 0, body));
    EXPECT_EQ(counters_->dropped_messages.load(), ++dropped);
  }
  EXPECT_EQ(publication_->committed(), 0U);
  EXPECT_TRUE(send(MessageType::kVideo, 0, testing::video_frame(true, 1)));
  EXPECT_EQ(publication_->committed(), 1U);
}

TEST_F(PublicationTest, GivesUpWhenAllIsOfCodecsItDoesNotKnow) {
  ASSERT_TRUE(send(MessageType::kVideo, 0, {0x22, 0x00}));
  ASSERT_TRUE(send(MessageType::kAudio, 10, {0xB2, 0x00}));
  const auto reasons = publication_->take_refusals();
  ASSERT_EQ(reasons.size(), 2U);
  EXPECT_EQ(reasons[0], "the video codec 2 is not supported: send H.264, HEVC, AV1 or VP9");
  EXPECT_TRUE(publication_->check(1'999'000));
  const Result<void> checked = publication_->check(2'000'000);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, "ingest.unsupported");
  EXPECT_FALSE(send(MessageType::kVideo, 2000, {0x22, 0x00}));
}

TEST_F(PublicationTest, LetsAGoodTrackLiveBesideOneItDoesNotKnow) {
  ASSERT_TRUE(send(MessageType::kVideo, 0, {0x90, 'v', 'p', '0', '8', 1, 2}));
  ASSERT_TRUE(send(MessageType::kAudio, 0, testing::aac_header()));
  for (std::uint32_t time = 0; time < 10'000; time += 1000) {
    ASSERT_TRUE(send(MessageType::kVideo, time, {0x91, 'v', 'p', '0', '8', 1, 2}));
    ASSERT_TRUE(send(MessageType::kAudio, time, testing::audio_frame(time)));
  }
  EXPECT_EQ(publication_->committed(), 10U);
  EXPECT_EQ(publication_->take_refusals().size(), 1U);
  EXPECT_FALSE(publication_->any_refusals());
}

TEST_F(PublicationTest, RefusesConfigurationsThatAreNotUsable) {
  Bytes three_byte_lengths = testing::avc_header();
  three_byte_lengths[9] = 0xFE;
  ASSERT_TRUE(send(MessageType::kVideo, 0, three_byte_lengths));
  EXPECT_EQ(publication_->take_refusals().size(), 1U);
  const Result<void> hopeless = send(MessageType::kVideo, 2000, three_byte_lengths);
  ASSERT_FALSE(hopeless);
  EXPECT_EQ(hopeless.error().code, "ingest.unsupported");
  EXPECT_NE(hopeless.error().message.find("NAL lengths of 3 bytes"), std::string::npos);
}

TEST_F(PublicationTest, GoesOnWithOneTrackWhenTheConfigurationOfTheOtherIsNotUsable) {
  struct Case {
    const char* name;
    MessageType type;
    Bytes header;
  };
  const std::vector<Case> cases = {
      {"AVC of another version", MessageType::kVideo, {0x17, 0, 0, 0, 0, 2, 0x42, 0xC0, 0x0D, 0xFF, 0xE1}},
      {"AVC that is cut off", MessageType::kVideo, {0x17, 0, 0, 0, 0, 1, 0x42}},
      {"AAC that is cut off", MessageType::kAudio, {0xAF, 0, 0x12}},
      {"AAC-ELD", MessageType::kAudio, {0xAF, 0, 0xF8, 0xE6, 0x20, 0x00}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const bool video = c.type == MessageType::kVideo;
    for (const bool at_once : {true, false}) {
      begin_log();
      if (at_once) {
        ASSERT_TRUE(send(video ? MessageType::kAudio : MessageType::kVideo, 0,
                         video ? testing::aac_header() : testing::avc_header()));
      } else {
        send_headers();
        ASSERT_TRUE(send(MessageType::kVideo, 0, testing::video_frame(true, 1)));
        ASSERT_TRUE(send(MessageType::kAudio, 0, testing::audio_frame(1)));
      }
      const std::uint64_t before = publication_->committed();
      ASSERT_TRUE(send(c.type, 10, c.header));
      EXPECT_EQ(publication_->take_refusals().size(), 1U);
      for (std::uint32_t time = 40; time < 5000; time += 40) {
        ASSERT_TRUE(send(MessageType::kVideo, time, testing::video_frame(time % 2000 == 40, time)));
        ASSERT_TRUE(send(MessageType::kAudio, time, testing::audio_frame(time)));
      }
      EXPECT_EQ(publication_->committed(), before + 124) << "of the good track all, of the other none";
      EXPECT_FALSE(publication_->any_refusals());
      ASSERT_TRUE(send(c.type, 5000, video ? testing::avc_header() : testing::aac_header()));
      ASSERT_TRUE(send(c.type, 5000, video ? testing::video_frame(true, 1) : testing::audio_frame(1)));
      EXPECT_EQ(publication_->committed(), before + 125) << "a good configuration came";
    }
  }
}

// What copies out of MPEG-TS or ADTS files sends such a header before it has seen a frame.
TEST_F(PublicationTest, PassesOverEmptyHeaders) {
  ASSERT_TRUE(send(MessageType::kAudio, 0, {0xAF, 0x00}));
  ASSERT_TRUE(send(MessageType::kVideo, 0, {0x17, 0, 0, 0, 0}));
  EXPECT_FALSE(publication_->any_refusals());
  EXPECT_TRUE(publication_->check(3'000'000)) << "nothing was refused";
  send_headers();
  ASSERT_TRUE(send(MessageType::kVideo, 0, testing::video_frame(true, 1)));
  ASSERT_TRUE(send(MessageType::kAudio, 0, {0xAF, 0x00}));
  ASSERT_TRUE(send(MessageType::kVideo, 0, {0x17, 0, 0, 0, 0}));
  ASSERT_TRUE(send(MessageType::kVideo, 40, testing::video_frame(false, 2)));
  ASSERT_TRUE(send(MessageType::kAudio, 40, testing::audio_frame(1)));
  EXPECT_EQ(publication_->committed(), 3U);
  EXPECT_EQ(open_log().configuration_count(), 2U);
}

// Encoders that mark every picture, or none, as a key frame: the units say what is one, and the tag that
// players get says the same.
TEST_F(PublicationTest, TakesKeyFramesFromTheUnits) {
  struct Case {
    const char* name;
    std::uint8_t tag;
    std::vector<Bytes> units;
    std::uint16_t flags;
    std::uint8_t sent_tag;
  };
  constexpr std::uint16_t kRecovers = media::kSampleKey | media::kSampleRecovery;
  constexpr std::uint16_t kRefreshes = kRecovers | media::kSampleRefresh;
  const Bytes recovery_point = {0x06, 0x06, 0x01, 0xC4, 0x80};
  const Bytes inter = {0x41, 0x9A, 0x24};  // slice type 5: P
  const Bytes intra = {0x41, 0x88, 0x84};  // slice type 7: I
  const Bytes idr = {0x65, 0x88, 0x84};
  const std::vector<Case> cases = {
      {"IDR", 0x17, {idr}, media::kSampleKey, 0x17},
      {"IDR marked as inter", 0x27, {idr}, media::kSampleKey, 0x17},
      {"IDR marked as disposable", 0x37, {idr}, media::kSampleKey, 0x17},
      {"IDR as a generated key frame", 0x47, {idr}, media::kSampleKey, 0x47},
      {"IDR with a recovery point", 0x17, {recovery_point, idr}, media::kSampleKey, 0x17},
      {"P", 0x27, {inter}, 0, 0x27},
      {"P marked as key", 0x17, {inter}, 0, 0x27},
      {"P marked as generated key", 0x47, {inter}, 0, 0x27},
      {"disposable P", 0x37, {inter}, 0, 0x37},
      {"open GOP", 0x17, {recovery_point, intra}, kRecovers, 0x17},
      {"intra refresh", 0x17, {recovery_point, inter}, kRefreshes, 0x17},
      {"intra refresh marked as inter", 0x27, {recovery_point, inter}, kRefreshes, 0x17},
      {"intra refresh in slices of I and P", 0x17, {recovery_point, intra, inter}, kRefreshes, 0x17},
      {"I without a word, marked as key", 0x17, {intra}, kRecovers, 0x17},
      {"I without a word, marked as inter", 0x27, {intra}, 0, 0x27},
      {"slices of I and P, marked as key", 0x17, {intra, inter}, 0, 0x27},
      {"slices of P and I, marked as key", 0x17, {inter, intra}, 0, 0x27},
      {"parameter sets alone, marked as key", 0x17, {{0x68, 0xCB, 0x83, 0xCB, 0x20}}, 0, 0x27},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    begin_log();
    send_headers();
    ASSERT_TRUE(send(MessageType::kVideo, 0, testing::video_frame(true, 1)));
    ByteWriter body;
    body.append(Bytes{c.tag, 1, 0, 0, 40});
    for (const Bytes& unit : c.units) {
      body.u32(static_cast<std::uint32_t>(unit.size()));
      body.append(unit);
    }
    const Bytes sent = body.take();
    ASSERT_TRUE(send(MessageType::kVideo, 40, sent));
    media::LogReader log = open_log();
    const auto sample = log.at(1);
    ASSERT_TRUE(sample);
    EXPECT_EQ(sample->record.flags, c.flags);
    EXPECT_EQ(sample->record.composition_offset, 40 * 90);
    EXPECT_EQ(sample->message[12], c.sent_tag);
    EXPECT_EQ(Bytes(sample->message.begin() + 13, sample->message.end()),
              Bytes(sent.begin() + 1, sent.end()));
    EXPECT_EQ(log.newest_key(), (c.flags & media::kSampleKey) != 0 ? 1U : 0U);
  }
}

TEST_F(PublicationTest, MarksEverySampleOfSoundAsOneToBeginAt) {
  send_headers();
  ASSERT_TRUE(send(MessageType::kVideo, 0, testing::video_frame(true, 1)));
  for (std::uint32_t time = 0; time < 100; time += 20)
    ASSERT_TRUE(send(MessageType::kAudio, time, testing::audio_frame(time)));
  media::LogReader log = open_log();
  for (std::uint64_t at = 1; at < 6; ++at) EXPECT_TRUE(media::is_sync(log.at(at)->record.flags));
  EXPECT_EQ(log.newest_key(), 0U) << "players begin with a picture";
}

TEST_F(PublicationTest, SurvivesEveryPrefixOfItsMessages) {
  send_headers();
  for (const auto& [type, body] : {std::pair{MessageType::kVideo, testing::video_frame(true, 1)},
                                   {MessageType::kAudio, testing::audio_frame(1)},
                                   {MessageType::kData, testing::data_message("onTextData", true)},
                                   {MessageType::kVideo, testing::avc_header(0x55)},
                                   {MessageType::kAudio, testing::aac_header(0x88)}}) {
    for (std::size_t size = 0; size < body.size(); ++size)
      (void)send(type, 0, Bytes(body.begin(), body.begin() + size));
  }
  EXPECT_TRUE(send(MessageType::kAudio, 0, testing::audio_frame(9)));
}

TEST_F(PublicationTest, AbandonsAbortedAndUnfinishedMessages) {
  send_headers();
  const Bytes body = testing::video_frame(true, 1, 4000);
  for (int i = 0; i < 10'000; ++i) {  // 40 MB through an arena of 32: nothing may stay behind
    ASSERT_TRUE(begin(6, MessageType::kVideo, 0, body.size()));
    publication_->append(6, ByteView(body).first(1000));
    publication_->abort(6);
  }
  ASSERT_TRUE(begin(6, MessageType::kVideo, 0, body.size()));
  publication_->finish(media::LogEnd::kDisconnected);
  EXPECT_EQ(open_log().info().end, media::LogEnd::kDisconnected);
  EXPECT_EQ(open_log().info().committed, 0U);
}

// A message that is begun on each chunk stream and never ended would keep all that was written behind it.
TEST_F(PublicationTest, GivesUpMessagesThatHoldBackMoreThanTheLogIsGuaranteed) {
  send_headers();
  const Bytes body = testing::video_frame(true, 1, 1'000'000);
  for (std::uint32_t i = 0; i < 60; ++i) {  // 60 MB through an arena of 32
    ASSERT_TRUE(begin(10 + i, MessageType::kAudio, 0, 50)) << i;
    ASSERT_TRUE(send(MessageType::kVideo, i * 40, body, 100'000)) << i;
  }
  EXPECT_LT(arena_->statistics().total_bytes - arena_->statistics().free_bytes, 32U << 20);
  EXPECT_EQ(counters_->dropped_messages.load(), 0U);
  publication_->append(10, body);
  ASSERT_TRUE(publication_->end(10, {}));
  EXPECT_EQ(counters_->dropped_messages.load(), 1U) << "it is counted when it ends";
}

TEST_F(PublicationTest, TellsTheTargetDurationBeforeTheSecondSegment) {
  send_headers();
  for (std::uint32_t at = 0; at <= 4000; at += 500) {
    ASSERT_TRUE(send(MessageType::kVideo, at, testing::video_frame(at % 4000 == 0, at)));
    EXPECT_EQ(open_log().info().target_duration_s, at < 4000 ? 0U : 4U) << at;
  }
  begin_log();
  send_headers();
  ASSERT_TRUE(send(MessageType::kVideo, 0, testing::video_frame(true, 1)));
  publication_->finish(media::LogEnd::kUnpublished);
  EXPECT_EQ(open_log().info().target_duration_s, 2U) << "known at the latest when it ends";
}

TEST_F(PublicationTest, CountsFramesAndKeyDistance) {
  send_headers();
  for (std::uint32_t i = 0; i < 4; ++i) {
    ASSERT_TRUE(send(MessageType::kVideo, i * 500, testing::video_frame(i % 2 == 0, i)));
    ASSERT_TRUE(send(MessageType::kAudio, i * 500, testing::audio_frame(i)));
  }
  EXPECT_EQ(counters_->video_frames.load(), 4U);
  EXPECT_EQ(counters_->audio_frames.load(), 4U);
  EXPECT_EQ(counters_->key_frames.load(), 2U);
  EXPECT_EQ(counters_->last_key_interval_us.load(), 1'000'000U);
  EXPECT_EQ(counters_->since_key_us.load(), 500'000U);
  EXPECT_EQ(counters_->media_time_us.load(), 1'500'000U);
}

}  // namespace
}  // namespace millrace::ingest
