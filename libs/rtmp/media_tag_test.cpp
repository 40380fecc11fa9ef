#include "rtmp/media_tag.hpp"

#include <gtest/gtest.h>

namespace millrace::rtmp {
namespace {

Bytes text(std::string_view characters) {
  return {characters.begin(), characters.end()};
}
Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

std::vector<TagPart> parts_of(const MediaTag& tag, const Bytes& body) {
  std::vector<TagPart> parts;
  TagPartReader reader(tag, body);
  while (auto part = reader.next()) parts.push_back(*part);
  return parts;
}

struct Single {
  const char* name;
  MessageType type;
  Bytes body;  // its payload is the byte 0xEE, or nothing
  PacketKind kind;
  FourCc codec;
  std::int32_t composition = 0;
  bool key = false;
  bool enhanced = true;
};

std::vector<Single> singles() {
  constexpr auto kVideo = MessageType::kVideo;
  constexpr auto kAudio = MessageType::kAudio;
  using Kind = PacketKind;
  const Bytes end = {0xEE};
  return {
      {"legacy AVC",
       kVideo,
       {0x17, 1, 0xFF, 0xFF, 0xFE, 0xEE},
       Kind::kCodedFrames,
       fourcc::kAvc,
       -2,
       true,
       false},
      {"legacy AVC sequence header",
       kVideo,
       {0x17, 0, 0, 0, 0, 0xEE},
       Kind::kSequenceStart,
       fourcc::kAvc,
       0,
       true,
       false},
      {"legacy AVC end", kVideo, {0x27, 2, 0, 0, 0}, Kind::kSequenceEnd, fourcc::kAvc, 0, false, false},
      {"legacy HEVC", kVideo, {0x2C, 1, 0, 0, 40, 0xEE}, Kind::kCodedFrames, fourcc::kHevc, 40, false, false},
      {"legacy Sorenson", kVideo, {0x22, 0xEE}, Kind::kCodedFrames, fourcc::kNone, 0, false, false},
      {"legacy AAC", kAudio, {0xAF, 1, 0xEE}, Kind::kCodedFrames, fourcc::kAac, 0, false, false},
      {"legacy AAC header", kAudio, {0xAF, 0, 0xEE}, Kind::kSequenceStart, fourcc::kAac, 0, false, false},
      {"legacy MP3", kAudio, {0x2F, 0xEE}, Kind::kCodedFrames, fourcc::kMp3, 0, false, false},
      {"legacy MP3 at 8 kHz", kAudio, {0xE2, 0xEE}, Kind::kCodedFrames, fourcc::kMp3, 0, false, false},
      {"legacy Speex", kAudio, {0xB2, 0xEE}, Kind::kCodedFrames, fourcc::kNone, 0, false, false},
      {"hvc1 sequence start", kVideo, Bytes{0x90} + text("hvc1") + end, Kind::kSequenceStart, fourcc::kHevc,
       0, true},
      {"hvc1 frame", kVideo, Bytes{0xA1} + text("hvc1") + Bytes{0xFF, 0xFF, 0xD8} + end, Kind::kCodedFrames,
       fourcc::kHevc, -40},
      {"hvc1 frame X", kVideo, Bytes{0x93} + text("hvc1") + end, Kind::kCodedFrames, fourcc::kHevc, 0, true},
      {"av01 frame has no composition time", kVideo, Bytes{0xA1} + text("av01") + end, Kind::kCodedFrames,
       fourcc::kAv1},
      {"vp09 end", kVideo, Bytes{0xA2} + text("vp09"), Kind::kSequenceEnd, fourcc::kVp9},
      {"metadata whatever the frame type", kVideo, Bytes{0xD4} + text("hvc1") + end, Kind::kMetadata,
       fourcc::kHevc},
      {"MPEG-2 TS", kVideo, Bytes{0x95} + text("av01") + end, Kind::kMpeg2TsSequenceStart, fourcc::kAv1, 0,
       true},
      {"reserved packet", kVideo, Bytes{0x98} + text("av01") + end, Kind::kUnknown, fourcc::kAv1, 0, true},
      {"Opus header", kAudio, Bytes{0x90} + text("Opus") + end, Kind::kSequenceStart, fourcc::kOpus},
      {"Opus packet", kAudio, Bytes{0x91} + text("Opus") + end, Kind::kCodedFrames, fourcc::kOpus},
      {"AC-3", kAudio, Bytes{0x91} + text("ac-3") + end, Kind::kCodedFrames, fourcc::kAc3},
      {"speakers", kAudio, Bytes{0x94} + text("fLaC") + end, Kind::kMultichannelConfig, fourcc::kFlac},
      {"audio end", kAudio, Bytes{0x92} + text(".mp3"), Kind::kSequenceEnd, fourcc::kMp3},
      {"unknown FourCC", kAudio, Bytes{0x91} + text("xyz!") + end, Kind::kCodedFrames, make_fourcc("xyz!")},
      {"one track", kVideo, Bytes{0x96, 0x03} + text("hvc1") + Bytes{7} + end, Kind::kCodedFrames,
       fourcc::kHevc, 0, true},
  };
}

TEST(MediaTag, ReadsMessagesOfOneTrack) {
  for (const Single& c : singles()) {
    const auto tag = parse_media_tag(c.type, c.body);
    ASSERT_TRUE(tag) << c.name;
    EXPECT_EQ(tag->kind, c.kind) << c.name;
    EXPECT_EQ(tag->key(), c.key) << c.name;
    EXPECT_EQ(tag->enhanced, c.enhanced) << c.name;
    const auto parts = parts_of(*tag, c.body);
    ASSERT_EQ(parts.size(), 1U) << c.name;
    EXPECT_EQ(parts[0].codec, c.codec) << c.name;
    EXPECT_EQ(parts[0].composition_offset_ms, c.composition) << c.name;
    EXPECT_EQ(parts[0].payload_begin + parts[0].payload_size, c.body.size()) << c.name;
    EXPECT_EQ(parts[0].payload_size, c.kind == PacketKind::kSequenceEnd ? 0U : 1U) << c.name;
    EXPECT_EQ(parts[0].track_id, tag->multitrack ? 7 : 0) << c.name;
  }
}

TEST(MediaTag, RefusesEveryTruncationOfItsHeader) {
  for (const Single& c : singles()) {
    const std::size_t header = c.kind == PacketKind::kSequenceEnd ? c.body.size() : c.body.size() - 1;
    for (std::size_t size = 0; size < header; ++size) {
      const auto tag = parse_media_tag(c.type, ByteView(c.body).first(size));
      ASSERT_FALSE(tag) << c.name << " " << size;
      EXPECT_EQ(tag.error().code, "rtmp.media_tag") << c.name;
    }
  }
}

TEST(MediaTag, ReadsCommandFrames) {
  EXPECT_EQ(parse_media_tag(MessageType::kVideo, Bytes{0x57, 0})->kind, PacketKind::kCommand);
  EXPECT_EQ(parse_media_tag(MessageType::kVideo, Bytes{0xD1, 1})->kind, PacketKind::kCommand);
  EXPECT_EQ(parse_media_tag(MessageType::kVideo, Bytes{0xD1, 1})->part_count, 0U);
  EXPECT_FALSE(parse_media_tag(MessageType::kVideo, Bytes{0xD1}));
}

const Bytes kManyTracks = Bytes{0x96, 0x11} + text("hvc1") + Bytes{0, 0, 0, 5, 0, 0, 9, 0xAA, 0xAB} +
                          Bytes{2, 0, 0, 4, 0xFF, 0xFF, 0xFF, 0xBA};
const Bytes kManyCodecs = Bytes{0x95, 0x21} + text("Opus") + Bytes{1, 0, 0, 2, 0xAA, 0xAB} + text("mp4a") +
                          Bytes{9, 0, 0, 0} + text("ac-3") + Bytes{255, 0, 0, 1, 0xCA};

TEST(MediaTag, SplitsManyTracks) {
  const auto tag = parse_media_tag(MessageType::kVideo, kManyTracks);
  ASSERT_TRUE(tag);
  EXPECT_EQ(tag->multitrack, MultitrackType::kManyTracks);
  const auto parts = parts_of(*tag, kManyTracks);
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[0].track_id, 0);
  EXPECT_EQ(parts[0].composition_offset_ms, 9);
  EXPECT_EQ(kManyTracks[parts[0].payload_begin], 0xAA);
  EXPECT_EQ(parts[0].payload_size, 2U);
  EXPECT_EQ(parts[1].track_id, 2);
  EXPECT_EQ(parts[1].composition_offset_ms, -1);
  EXPECT_EQ(kManyTracks[parts[1].payload_begin], 0xBA);
}

TEST(MediaTag, SplitsManyTracksOfManyCodecs) {
  const auto tag = parse_media_tag(MessageType::kAudio, kManyCodecs);
  ASSERT_TRUE(tag);
  const auto parts = parts_of(*tag, kManyCodecs);
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[0].codec, fourcc::kOpus);
  EXPECT_EQ(parts[1].codec, fourcc::kAac);
  EXPECT_EQ(parts[1].payload_size, 0U);
  EXPECT_EQ(parts[2].codec, fourcc::kAc3);
  EXPECT_EQ(parts[2].track_id, 255);
  EXPECT_EQ(kManyCodecs[parts[2].payload_begin], 0xCA);
}

TEST(MediaTag, RefusesSizesThatPassTheEnd) {
  for (const auto& [type, body] :
       {std::pair{MessageType::kVideo, kManyTracks}, {MessageType::kAudio, kManyCodecs}}) {
    for (std::size_t size = 0; size < body.size(); ++size) {
      const auto tag = parse_media_tag(type, ByteView(body).first(size));
      // Whole tracks are a message.
      if (!tag) continue;
      EXPECT_LT(tag->part_count, parse_media_tag(type, body)->part_count);
    }
  }
  const Bytes short_composition = Bytes{0x96, 0x11} + text("hvc1") + Bytes{0, 0, 0, 2, 0xAA, 0xAB, 0xAC};
  EXPECT_EQ(parse_media_tag(MessageType::kVideo, short_composition).error().code, "rtmp.media_tag");
}

TEST(MediaTag, ReadsNanosecondsAndSkipsOtherModifiers) {
  const Bytes frame = text("av01") + Bytes{0xEE};
  struct Case {
    const char* name;
    Bytes modifiers;
    std::uint32_t nanoseconds;
  };
  const std::vector<Case> cases = {
      {"nanoseconds", {2, 0x07, 0xA1, 0x20, 0x01}, 500'000},
      {"more bytes than needed", {3, 0x00, 0x00, 0x64, 0xFF, 0x01}, 100},
      {"too few bytes", {1, 0x07, 0xA1, 0x01}, 0},
      {"more than a millisecond", {2, 0xFF, 0xFF, 0xFF, 0x01}, 0},
      {"an unknown type", {0, 0xAA, 0x51}, 0},
      {"an unknown type, then nanoseconds", {0, 0xAA, 0x57, 2, 0, 0, 7, 0x01}, 7},
      {"a long size", Bytes{255, 0x01, 0x00} + Bytes(257, 9) + Bytes{0xF1}, 0},
  };
  for (const Case& c : cases) {
    const Bytes body = Bytes{0x97} + c.modifiers + frame;
    const auto tag = parse_media_tag(MessageType::kVideo, body);
    ASSERT_TRUE(tag) << c.name;
    EXPECT_EQ(tag->kind, PacketKind::kCodedFrames) << c.name;
    EXPECT_EQ(tag->nanosecond_offset, c.nanoseconds) << c.name;
    ASSERT_EQ(parts_of(*tag, body).size(), 1U);
    EXPECT_EQ(body[parts_of(*tag, body)[0].payload_begin], 0xEE) << c.name;
    for (std::size_t size = 1; size + 1 < body.size(); ++size)
      EXPECT_FALSE(parse_media_tag(MessageType::kVideo, ByteView(body).first(size))) << c.name << size;
  }
}

TEST(MediaTag, BoundsModifiersAndTracks) {
  Bytes modifiers = {0x97};
  for (std::size_t i = 0; i <= MediaTag::kMaxModifiers; ++i) modifiers = modifiers + Bytes{0, 0, 0x17};
  EXPECT_EQ(parse_media_tag(MessageType::kVideo, modifiers).error().code, "rtmp.modex");
  Bytes tracks = Bytes{0x95, 0x11} + text("Opus");
  for (std::size_t i = 0; i <= MediaTag::kMaxParts; ++i) tracks = tracks + Bytes{1, 0, 0, 0};
  EXPECT_EQ(parse_media_tag(MessageType::kAudio, tracks).error().code, "rtmp.tracks");
  const Bytes nested = Bytes{0x96, 0x06} + text("hvc1") + Bytes{0, 0xEE};
  EXPECT_EQ(parse_media_tag(MessageType::kVideo, nested).error().code, "rtmp.multitrack");
  const Bytes reserved = Bytes{0x96, 0x31} + text("hvc1") + Bytes{0, 0xEE};
  EXPECT_EQ(parse_media_tag(MessageType::kVideo, reserved).error().code, "rtmp.multitrack");
}

Bytes header_bytes(const TagHeaderFields& fields) {
  const TagHeader header = make_tag_header(fields);
  return {header.view().begin(), header.view().end()};
}

TEST(TagHeader, IsTheLegacyOneWherePlayersHaveIt) {
  constexpr auto kKey = VideoFrameType::kKey;
  constexpr auto kFrames = PacketKind::kCodedFrames;
  EXPECT_EQ(header_bytes({MessageType::kVideo, fourcc::kAvc, kFrames, kKey, -2, {}}),
            (Bytes{0x17, 1, 0xFF, 0xFF, 0xFE}));
  EXPECT_EQ(header_bytes({MessageType::kVideo, fourcc::kAvc, PacketKind::kSequenceStart, kKey, 0, {}}),
            (Bytes{0x17, 0, 0, 0, 0}));
  EXPECT_EQ(header_bytes({MessageType::kAudio, fourcc::kAac, kFrames, {}, 0, {}}), (Bytes{0xAF, 1}));
  EXPECT_EQ(header_bytes({MessageType::kAudio, fourcc::kMp3, kFrames, {}, 0, {}}), (Bytes{0x2F}));
}

TEST(TagHeader, IsTheEnhancedOneElsewhere) {
  constexpr auto kInter = VideoFrameType::kInter;
  constexpr auto kFrames = PacketKind::kCodedFrames;
  EXPECT_EQ(header_bytes({MessageType::kVideo, fourcc::kHevc, kFrames, kInter, 0, {}}),
            Bytes{0xA3} + text("hvc1"));
  EXPECT_EQ(header_bytes({MessageType::kVideo, fourcc::kHevc, kFrames, kInter, 40, {}}),
            Bytes{0xA1} + text("hvc1") + (Bytes{0, 0, 40}));
  EXPECT_EQ(header_bytes({MessageType::kVideo, fourcc::kAv1, kFrames, kInter, 40, {}}),
            Bytes{0xA1} + text("av01"));
  EXPECT_EQ(header_bytes({MessageType::kAudio, fourcc::kOpus, PacketKind::kSequenceStart, {}, 0, {}}),
            Bytes{0x90} + text("Opus"));
  EXPECT_EQ(header_bytes({MessageType::kVideo, fourcc::kAvc, kFrames, kInter, 40, 3}),
            (Bytes{0xA6, 0x01} + text("avc1") + Bytes{3, 0, 0, 40}));
  EXPECT_EQ(header_bytes({MessageType::kAudio, fourcc::kAac, PacketKind::kSequenceStart, {}, 0, 1}),
            (Bytes{0x95, 0x00} + text("mp4a") + Bytes{1}));
}

TEST(FourCc, IsReadableWhateverItHolds) {
  EXPECT_EQ(fourcc_text(fourcc::kHevc), "hvc1");
  EXPECT_EQ(fourcc_text(0x0A22205C), "....");
}

}  // namespace
}  // namespace millrace::rtmp
