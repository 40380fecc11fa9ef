// What encoders send that is not in FLV's form, or not configured: taken where it can be, refused where not.
#include <gtest/gtest.h>

#include "enhanced_samples.hpp"
#include "publication_fixture.hpp"

namespace millrace::ingest {
namespace {

using media::Codec;
using rtmp::MessageType;
using rtmp::PacketKind;
using testing::codec_sample;
using testing::CodecSample;
using testing::enhanced;
using testing::unhex;
using testing::operator+;

// 320x180 as testing::avc_header has it, the same with another level, and 640x360.
const Bytes kSps = unhex("6742c00dd901419f9e1000000300100000030303c0f142a4e0");
const Bytes kOtherSps = unhex("6742c00ed901419f9e1000000300100000030303c0f142a4e0");
const Bytes kLargeSps = unhex("6742c01ed900a02ff97011000003000100000300320f162e48");
const Bytes kPps = unhex("68cb83cb20");
const Bytes kIdr = unhex("658884010203");
const Bytes kInter = unhex("419a24010203");
const Bytes kDelimiter = unhex("0910");

class FormsTest : public testing::PublicationTest {
 protected:
  static Bytes join(const Bytes& separator, const std::vector<Bytes>& units, bool lengths = false) {
    Bytes out;
    for (const Bytes& unit : units) {
      const Bytes length = {0, 0, static_cast<std::uint8_t>(unit.size() >> 8),
                            static_cast<std::uint8_t>(unit.size())};
      out = out + (lengths ? length : separator) + unit;
    }
    return out;
  }
  static Bytes with_lengths(const std::vector<Bytes>& units) { return join({}, units, true); }
  static Bytes with_start_codes(const std::vector<Bytes>& units) { return join({0, 0, 0, 1}, units); }
  static Bytes avc(const Bytes& payload, bool key = true, std::uint8_t kind = 1) {
    return Bytes{static_cast<std::uint8_t>(key ? 0x17 : 0x27), kind, 0, 0, 0} + payload;
  }
  static Bytes payload_of(const media::LogReader::Sample& sample) {
    return {sample.payload.begin(), sample.payload.end()};
  }
  static Bytes body_of(const media::LogReader::Sample& sample) {
    return {sample.message.begin() + 12, sample.message.end()};
  }
};

TEST_F(FormsTest, TurnsStartCodesIntoLengths) {
  const struct {
    const char* name;
    Bytes payload;
  } cases[] = {
      {"four bytes", with_start_codes({kDelimiter, kIdr})},
      {"three bytes", join({0, 0, 1}, {kDelimiter, kIdr})},
      {"zeros behind", with_start_codes({kDelimiter, kIdr}) + Bytes{0, 0}},
      {"both, and an empty one", Bytes{0, 0, 0, 1, 0, 0, 0, 1} + kDelimiter + Bytes{0, 0, 1} + kIdr},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    begin_log();
    send_headers();
    ASSERT_TRUE(send(MessageType::kVideo, 0, avc(c.payload)));
    ASSERT_TRUE(send(MessageType::kVideo, 40, avc(with_start_codes({kInter}), false)));
    media::LogReader log = open_log();
    ASSERT_EQ(log.info().committed, 2U);
    EXPECT_EQ(payload_of(*log.at(0)), with_lengths({kDelimiter, kIdr}));
    EXPECT_EQ(body_of(*log.at(0)), avc(with_lengths({kDelimiter, kIdr})));
    EXPECT_TRUE(media::is_sync(log.at(0)->record.flags));
    EXPECT_EQ(payload_of(*log.at(1)), with_lengths({kInter}));
    EXPECT_EQ(log.at(1)->record.flags, 0);
    EXPECT_EQ(counters_->dropped_messages.load(), 0U);
  }
}

TEST_F(FormsTest, KeepsTheCompositionTimeOfWhatItConverts) {
  send_headers();
  for (const Bytes& separator : {Bytes{0, 0, 0, 1}, Bytes{0, 0, 1}}) {
    Bytes message = avc(join(separator, {kIdr}));
    message[4] = 80;
    ASSERT_TRUE(send(MessageType::kVideo, separator.size() == 4 ? 40 : 80, message));
  }
  media::LogReader log = open_log();
  for (const std::uint64_t at : {0U, 1U}) {
    EXPECT_EQ(log.at(at)->record.composition_offset, 80 * 90);
    EXPECT_EQ(body_of(*log.at(at)), (Bytes{0x17, 1, 0, 0, 80} + with_lengths({kIdr})));
  }
}

TEST_F(FormsTest, LeavesEmptyUnitsOut) {
  send_headers();
  const Bytes nothing = {0, 0, 0, 0};
  ASSERT_TRUE(
      send(MessageType::kVideo, 0,
           avc(nothing + with_lengths({kDelimiter}) + nothing + nothing + with_lengths({kIdr}) + nothing)));
  ASSERT_TRUE(send(MessageType::kVideo, 40, avc(nothing, false)));
  media::LogReader log = open_log();
  ASSERT_EQ(log.info().committed, 1U);
  EXPECT_EQ(body_of(*log.at(0)), avc(with_lengths({kDelimiter, kIdr})));
  EXPECT_EQ(counters_->dropped_messages.load(), 1U) << "nothing but an empty unit";
}

// A message of many tracks is taken apart anyway.
TEST_F(FormsTest, ConvertsWithinMultitrackMessages) {
  CodecSample track = {"AVC", MessageType::kVideo, rtmp::fourcc::kAvc, Codec::kH264, {}, {}, 0, ""};
  const Bytes header = testing::avc_header();
  track.header.assign(header.begin() + 5, header.end());
  ASSERT_TRUE(send(track.type, 0, testing::one_track(track, 0, PacketKind::kSequenceStart, track.header)));
  ASSERT_TRUE(send(track.type, 0, testing::one_track(track, 3, PacketKind::kSequenceStart, track.header)));
  for (const std::uint8_t id : {0, 3}) {
    ASSERT_TRUE(send(track.type, 0,
                     testing::one_track(track, id, PacketKind::kCodedFrames, with_start_codes({kIdr}))));
  }
  media::LogReader log = open_log();
  ASSERT_EQ(log.info().committed, 2U);
  EXPECT_EQ(body_of(*log.at(0)), avc(with_lengths({kIdr})));
  EXPECT_EQ(body_of(*log.at(1)),
            testing::one_track(track, 3, PacketKind::kCodedFrames, with_lengths({kIdr})));
}

TEST_F(FormsTest, MakesTheConfigurationOfWhatTheFramesHave) {
  const Bytes avcc = unhex("0142c00dffe10019") + kSps + unhex("010005") + kPps;
  const struct {
    const char* name;
    Bytes header;  // empty: none
    Bytes first;
  } cases[] = {
      {"no header", {}, with_lengths({kSps, kPps, kIdr})},
      {"no header, start codes", {}, with_start_codes({kSps, kPps, kIdr})},
      {"a header without sets", unhex("0142c00dffe000"), with_lengths({kSps, kPps, kIdr})},
      {"a header with start codes", with_start_codes({kSps, kPps}), with_start_codes({kIdr})},
      {"a header without a PPS", unhex("0142c00dffe10019") + kSps + Bytes{0}, with_lengths({kPps, kIdr})},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    begin_log();
    if (!c.header.empty()) {
      ASSERT_TRUE(send(MessageType::kVideo, 0, avc(c.header, true, 0)));
    }
    ASSERT_TRUE(send(MessageType::kVideo, 40, avc(c.first)));
    ASSERT_TRUE(send(MessageType::kVideo, 80, avc(c.first)));
    media::LogReader log = open_log();
    ASSERT_EQ(log.info().committed, 2U);
    const auto configuration = log.configuration(log.at(0)->record.configuration);
    ASSERT_TRUE(configuration);
    EXPECT_EQ(configuration->bytes, avcc);
    EXPECT_EQ(configuration->description.width, 320U);
    EXPECT_EQ(Bytes(configuration->message.begin() + 12, configuration->message.end()), avc(avcc, true, 0));
    EXPECT_EQ(log.at(1)->record.flags & media::kSampleDiscontinuity, 0);
    EXPECT_EQ(publication_->tracks()[0].codec, "avc1.42c00d");
    EXPECT_FALSE(publication_->any_refusals());
  }
}

TEST_F(FormsTest, MakesHevcsConfigurationOfWhatTheFramesHave) {
  const Bytes vps = unhex("40010c01ffff01600000030090000003000003003c959009");
  const Bytes sps =
      unhex("42010101600000030090000003000003003ca00a080c1f3e595912930bc05a020000030002000003003210");
  const Bytes pps = unhex("4401c073c189");
  const Bytes idr = unhex("2601af15");
  const CodecSample hevc = codec_sample(Codec::kH265);
  for (const bool start_codes : {false, true}) {
    begin_log();
    const std::vector<Bytes> units = {vps, sps, pps, idr};
    const Bytes frame = start_codes ? with_start_codes(units) : with_lengths(units);
    ASSERT_TRUE(send(hevc.type, 0, enhanced(hevc, PacketKind::kCodedFrames, frame)));
    ASSERT_EQ(publication_->tracks().size(), 1U);
    EXPECT_EQ(publication_->tracks()[0].codec, hevc.codec_string);
    EXPECT_EQ(publication_->tracks()[0].description.width, 320U);
    EXPECT_EQ(body_of(*open_log().at(0)), enhanced(hevc, PacketKind::kCodedFrames, with_lengths(units)));
    begin_log();
    ASSERT_TRUE(send(hevc.type, 0, Bytes{0x1C, 1, 0, 0, 80} + frame));
    ASSERT_TRUE(send(hevc.type, 40, Bytes{0x1C, 1, 0, 0, 80} + frame));
    for (const std::uint64_t at : {0U, 1U})
      EXPECT_EQ(body_of(*open_log().at(at)),
                (Bytes{0x91, 'h', 'v', 'c', '1', 0, 0, 80} + with_lengths(units)));
  }
}

TEST_F(FormsTest, FollowsParameterSetsThatChangeInTheBand) {
  send_headers();
  ASSERT_TRUE(send(MessageType::kVideo, 0, avc(with_lengths({kSps, kPps, kIdr}))));
  ASSERT_TRUE(send(MessageType::kVideo, 40, avc(with_lengths({kOtherSps, kPps, kIdr}))));
  ASSERT_TRUE(send(MessageType::kVideo, 80, avc(with_lengths({kOtherSps, kPps, kIdr}))));
  ASSERT_TRUE(send(MessageType::kVideo, 120, avc(with_lengths({kLargeSps, kPps, kIdr}))));
  media::LogReader log = open_log();
  const auto at = [&](std::uint64_t sequence) {
    return log.configuration(log.at(sequence)->record.configuration);
  };
  EXPECT_EQ(at(1)->bytes, unhex("0142c00effe10019") + kOtherSps + unhex("010005") + kPps);
  EXPECT_NE(log.at(1)->record.flags & media::kSampleDiscontinuity, 0);
  EXPECT_EQ(log.at(2)->record.configuration, log.at(1)->record.configuration);
  EXPECT_EQ(log.at(2)->record.flags & media::kSampleDiscontinuity, 0);
  EXPECT_EQ(at(3)->description.width, 640U);
}

TEST_F(FormsTest, BoundsParameterSetsThatChangeInTheBand) {
  send_headers();
  const std::uint32_t frames = 2 * Publication::kMaxVariations;
  for (std::uint32_t i = 0; i < frames; ++i)
    ASSERT_TRUE(send(MessageType::kVideo, i * 40,
                     avc(with_lengths({i % 2 == 0 ? kSps : kOtherSps, kPps, kIdr})), 4096));
  EXPECT_EQ(publication_->committed(), frames);
  EXPECT_LE(open_log().configuration_count(), Publication::kMaxVariations + 3);
  ASSERT_TRUE(send(MessageType::kVideo, frames * 40, avc(with_lengths({kLargeSps, kPps, kIdr}))));
  EXPECT_EQ(publication_->tracks().back().description.width, 640U) << "another size is followed all the same";
}

// Of sizes by turns those that are one too many are left out, up to a key frame of the size that is in force.
TEST_F(FormsTest, DropsPicturesWhoseSizeChangesTooOftenInTheBand) {
  constexpr std::uint32_t kTaken = 1 + publication::ChangeBudget::kTrackChanges;
  send_headers();
  for (std::uint32_t i = 0; i < kTaken + 9; ++i) {
    const Bytes& sps = i % 2 == 0 ? kSps : kLargeSps;
    ASSERT_TRUE(send(MessageType::kVideo, i * 80, avc(with_lengths({sps, kPps, kIdr}))));
    ASSERT_TRUE(send(MessageType::kVideo, i * 80 + 40, avc(with_lengths({kInter}), false)));
  }
  EXPECT_EQ(publication_->committed(), 2 * (kTaken + 4));
  EXPECT_EQ(counters_->dropped_messages.load(), 10U);
  EXPECT_EQ(publication_->tracks().back().description.width, 320U);
  const std::uint64_t before = publication_->committed();
  ASSERT_TRUE(send(MessageType::kVideo, 6000, avc(with_lengths({kInter}), false)));
  EXPECT_EQ(publication_->committed(), before) << "no frame to begin at";
  ASSERT_TRUE(send(MessageType::kVideo, 6040, avc(with_lengths({kIdr}))));
  ASSERT_EQ(publication_->committed(), before + 1) << "there is room again";
  EXPECT_EQ(publication_->tracks().back().description.width, 640U);
}

// Encoders that send their parameter sets by turns, as another configuration of the same picture, are not
// refused.
TEST_F(FormsTest, TakesAnyNumberOfConfigurationsThatAPlayerCanFollow) {
  send_headers();
  for (std::uint32_t i = 0; i < 100; ++i) {
    ASSERT_TRUE(send(MessageType::kVideo, i * 2000, testing::avc_header(i % 2 == 0 ? 0x20 : 0x21)));
    ASSERT_TRUE(send(MessageType::kVideo, i * 2000, testing::video_frame(true, i)));
  }
  EXPECT_EQ(publication_->committed(), 100U);
  EXPECT_FALSE(publication_->any_refusals());
}

TEST_F(FormsTest, FollowsAv1sSequenceHeader) {
  const CodecSample av1 = codec_sample(Codec::kAv1);
  ASSERT_TRUE(send(av1.type, 0, testing::start_of(av1)));
  ASSERT_TRUE(send(av1.type, 0, testing::frame_of(av1)));
  Bytes other = av1.frame;
  other[2] = 0x00;
  other[5] = 0x24;  // another level
  ASSERT_TRUE(send(av1.type, 40, enhanced(av1, PacketKind::kCodedFrames, other)));
  media::LogReader log = open_log();
  ASSERT_EQ(log.info().committed, 2U);
  EXPECT_NE(log.at(1)->record.configuration, log.at(0)->record.configuration);
}

TEST_F(FormsTest, TakesSeveralAdtsFramesOfOneMessage) {
  const Bytes raw = {0x21, 0x10, 0x04, 0x60};
  const Bytes adts = Bytes{0xFF, 0xF1, 0x4C, 0x80, 0x01, 0x7F, 0xFC} + raw;
  ASSERT_TRUE(send(MessageType::kAudio, 0, Bytes{0xAF, 1} + adts + adts + adts));
  ASSERT_TRUE(send(MessageType::kAudio, 64, Bytes{0xAF, 1} + adts));
  media::LogReader log = open_log();
  ASSERT_EQ(log.info().committed, 4U);
  for (std::uint64_t at = 0; at < 4; ++at) {
    EXPECT_EQ(body_of(*log.at(at)), (Bytes{0xAF, 1} + raw));
    EXPECT_EQ(log.at(at)->record.dts, static_cast<std::int64_t>(at) * 1024);
  }
  Bytes cut = Bytes{0xAF, 1} + adts + adts;
  cut.pop_back();
  ASSERT_TRUE(send(MessageType::kAudio, 85, cut));
  EXPECT_EQ(publication_->committed(), 5U) << "the whole one";
  EXPECT_EQ(counters_->dropped_messages.load(), 1U);
}

TEST_F(FormsTest, FollowsAdtsToAnotherRate) {
  const Bytes raw = {0x21, 0x10, 0x04, 0x60};
  ASSERT_TRUE(send(MessageType::kAudio, 0, unhex("af01fff14c80017ffc") + raw));
  ASSERT_TRUE(send(MessageType::kAudio, 21, unhex("af01fff15080017ffc") + raw));
  EXPECT_EQ(publication_->tracks().back().description.sample_rate, 44'100U);
}

struct Hopeless {
  const char* name;
  MessageType type;
  Bytes header;  // empty: none
  Bytes frame;
  const char* reason;
};

std::vector<Hopeless> hopeless() {
  const Bytes header = testing::avc_header();
  return {
      {"AAC without its configuration",
       MessageType::kAudio,
       {},
       {0xAF, 1, 0x21, 0x10},
       "AudioSpecificConfig"},
      {"H.264 without parameter sets",
       MessageType::kVideo,
       {},
       Bytes{0x17, 1, 0, 0, 0, 0, 0, 0, 6} + kIdr,
       "parameter sets"},
      {"lengths that do not fit",
       MessageType::kVideo,
       header,
       {0x17, 1, 0, 0, 0, 0, 0, 9, 9, 0x65},
       "damaged"},
      {"ADTS of two blocks", MessageType::kAudio, testing::aac_header(), unhex("af01fff14c80017ffd21100460"),
       "damaged"},
  };
}

TEST_F(FormsTest, RefusesWhatItCannotTakeWithinTwoSeconds) {
  for (const Hopeless& c : hopeless()) {
    SCOPED_TRACE(c.name);
    for (const bool alone : {false, true}) {
      begin_log();
      const bool video = c.type == MessageType::kVideo;
      if (!c.header.empty()) {
        ASSERT_TRUE(send(c.type, 0, c.header));
      }
      if (!alone) {
        ASSERT_TRUE(send(video ? MessageType::kAudio : MessageType::kVideo, 0,
                         video ? testing::aac_header() : testing::avc_header()));
      }
      std::uint32_t time = 0;
      Result<void> sent;
      std::vector<std::string> told;
      for (; time < 5000 && sent; time += 40) {
        sent = send(c.type, time, c.frame);
        if (publication_->any_refusals()) {
          EXPECT_LT(time, 2000U);
          for (std::string& reason : publication_->take_refusals()) told.push_back(std::move(reason));
        }
        if (!alone && sent)
          sent = send(video ? MessageType::kAudio : MessageType::kVideo, time,
                      video ? testing::audio_frame(time) : testing::video_frame(time % 2000 == 0, time));
      }
      ASSERT_EQ(told.size(), 1U);
      EXPECT_NE(told[0].find(c.reason), std::string::npos) << told[0];
      EXPECT_EQ(publication_->newest_refusal(), told[0]);
      EXPECT_EQ(counters_->refused_tracks.load(), 1U);
      EXPECT_EQ(sent.has_value(), !alone);
      if (alone && !sent) {
        EXPECT_EQ(sent.error().code, "ingest.unsupported");
        EXPECT_LE(time, 2040U);
      }
      EXPECT_EQ(publication_->committed(), alone ? 0U : 125U);
    }
  }
}

TEST_F(FormsTest, PassesOverSingleBadFrames) {
  send_headers();
  for (std::uint32_t time = 0; time < 10'000; time += 1000) {
    ASSERT_TRUE(send(MessageType::kVideo, time, {0x27, 1, 0, 0, 0, 0, 0, 9, 9, 0x41}));
    ASSERT_TRUE(send(MessageType::kVideo, time + 500, testing::video_frame(true, time)));
  }
  EXPECT_FALSE(publication_->any_refusals());
  EXPECT_EQ(publication_->committed(), 10U);
  EXPECT_EQ(counters_->dropped_messages.load(), 10U);
}

TEST_F(FormsTest, TakesARefusedTrackWhenItsConfigurationComes) {
  ASSERT_TRUE(send(MessageType::kVideo, 0, testing::avc_header()));
  for (std::uint32_t time = 0; time < 4000; time += 100) {
    ASSERT_TRUE(send(MessageType::kVideo, time, testing::video_frame(time % 2000 == 0, time)));
    ASSERT_TRUE(send(MessageType::kAudio, time, testing::audio_frame(time)));
  }
  EXPECT_EQ(publication_->take_refusals().size(), 1U);
  EXPECT_EQ(counters_->refused_tracks.load(), 1U);
  ASSERT_TRUE(send(MessageType::kAudio, 4000, testing::aac_header()));
  ASSERT_TRUE(send(MessageType::kAudio, 4000, testing::audio_frame(1)));
  EXPECT_EQ(publication_->committed(), 41U);
  EXPECT_EQ(counters_->refused_tracks.load(), 0U) << "not any more";
}

// Viewers are not held up by a picture that was announced and never came.
TEST_F(FormsTest, TellsTracksThatHaveNotBegun) {
  send_headers();
  for (std::uint32_t time = 0; time < 40'000; time += 20)
    ASSERT_TRUE(send(MessageType::kAudio, time, testing::audio_frame(time)));
  const std::uint64_t sound = publication_->committed();
  media::LogReader log = open_log();
  std::uint32_t segments = 0;
  for (std::uint64_t at = 0; at < sound; ++at) {
    const std::uint16_t flags = log.at(at)->record.flags;
    const bool start = (flags & media::kSampleSegmentStart) != 0;
    segments += start ? 1 : 0;
    EXPECT_EQ((flags & media::kSampleNoVideoYet) != 0, start);
    EXPECT_EQ(flags & media::kSampleNoAudioYet, 0);
  }
  EXPECT_GT(segments, 1U);
  EXPECT_EQ(log.newest_key(), sound - 1) << "players begin with the sound";
  ASSERT_TRUE(send(MessageType::kVideo, 40'000, testing::video_frame(true, 1)));
  EXPECT_EQ(log.at(sound)->record.flags,
            media::kSampleKey | media::kSampleSegmentStart | media::kSampleDiscontinuity);
  EXPECT_EQ(log.newest_key(), sound);
}

TEST_F(FormsTest, SurvivesEveryPrefix) {
  for (const Bytes& body :
       {avc(with_start_codes({kSps, kPps, kIdr})), avc(join({0, 0, 1}, {kSps, kPps, kIdr})),
        avc(with_start_codes({kSps, kPps}), true, 0), avc(unhex("0142c00dffe000"), true, 0),
        avc(Bytes{0, 0, 0, 0} + with_lengths({kIdr}) + Bytes{0, 0, 0, 0})}) {
    begin_log();
    send_headers();
    for (std::size_t size = 0; size < body.size(); ++size)
      ASSERT_TRUE(send(MessageType::kVideo, 0, Bytes(body.begin(), body.begin() + size)));
    EXPECT_TRUE(send(MessageType::kAudio, 40, testing::audio_frame(1)));
  }
}

}  // namespace
}  // namespace millrace::ingest
