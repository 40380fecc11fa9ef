#include "media/mp4_track.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

#include "containers/mp4/box_reader.hpp"
#include "containers/mp4/init_segment.hpp"
#include "media/track_label.hpp"

namespace millrace::media {
namespace {

Bytes from_hex(std::string_view text) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(
        static_cast<std::uint8_t>(std::strtoul(std::string(text.substr(i, 2)).c_str(), nullptr, 16)));
  }
  return bytes;
}

struct Case {
  const char* name;
  Codec codec;
  std::uint32_t timescale;
  const char* bytes;
  mp4::Codec mp4_codec;
  const char* box;  // of the sample entry; empty: the bytes as they are
  const char* codec_string;
  std::uint32_t width, height, sample_rate, channels, frame_duration;
};

constexpr const char* kAvcc =
    "0164000affe100186764000aacd94426c044000003000400000300c83c48965801000668ebe3cb22c0fdf8f800";
constexpr const char* kHvcc =
    "0102200000009000000000003cf000fcfdfafa00000f03a00001001840010c01ffff02200000030090000003000003003c959809"
    "a1"
    "0001002f42010102200000030090000003000003003ca00a480b9c94d96566924caf016a12201208000003000800000300c840a2"
    "00"
    "0100074401c172b46240";
constexpr const char* kOpusHead = "4f707573486561640102380180bb0000000000";
constexpr const char* kFlac =
    "664c6143800000221200120000041a0004ff0bb800f000017700957e0a09f97871af8c611d306aad8ab5";

const Case kCases[] = {
    {"H.264", Codec::kH264, 90'000, kAvcc, mp4::Codec::kAvc, "", "avc1.64000a", 64, 64, 0, 0, 0},
    {"H.265", Codec::kH265, 90'000, kHvcc, mp4::Codec::kHevc, "", "hvc1.2.4.L60.90", 322, 182, 0, 0, 0},
    {"AV1", Codec::kAv1, 90'000, "81000c000a0b000000043cfecc02f80040", mp4::Codec::kAv1, "", "av01.0.00M.08",
     320, 180, 0, 0, 0},
    {"AAC", Codec::kAac, 48'000, "1190", mp4::Codec::kAac, "", "mp4a.40.2", 0, 0, 48'000, 2, 1024},
    {"AAC at 96 kHz", Codec::kAac, 96'000, "1010", mp4::Codec::kAac, "", "mp4a.40.2", 0, 0, 0, 2, 1024},
    {"AAC in milliseconds", Codec::kAac, 1'000, "1190", mp4::Codec::kAac, "", "mp4a.40.2", 0, 0, 48'000, 2,
     21},
    {"Opus", Codec::kOpus, 48'000, kOpusHead, mp4::Codec::kOpus, "000201380000bb80000000", "Opus", 0, 0,
     48'000, 2, 0},
    {"FLAC", Codec::kFlac, 48'000, kFlac, mp4::Codec::kFlac,
     "00000000800000221200120000041a0004ff0bb800f000017700957e0a09f97871af8c611d306aad8ab5", "fLaC", 0, 0,
     48'000, 1, 4608},
    {"AC-3", Codec::kAc3, 48'000, "103d40", mp4::Codec::kAc3, "", "ac-3", 0, 0, 48'000, 6, 1536},
    {"E-AC-3", Codec::kEac3, 48'000, "0300200400", mp4::Codec::kEac3, "", "ec-3", 0, 0, 48'000, 2, 0},
    {"MP3", Codec::kMp3, 48'000, "fffb5464", mp4::Codec::kMp3, "6b", "mp4a.6B", 0, 0, 48'000, 2, 1152},
    {"MP3 of MPEG-2", Codec::kMp3, 22'050, "fff340c4", mp4::Codec::kMp3, "69", "mp4a.69", 0, 0, 22'050, 1,
     576},
};

TEST(Mp4Track, TellsEveryCodec) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    TrackConfiguration description{};
    description.track = 4;
    description.codec = c.codec;
    description.timescale = c.timescale;
    const auto described = mp4_track(description, from_hex(c.bytes));
    ASSERT_TRUE(described) << described.error().code;
    EXPECT_EQ(described->track.id, 5U);
    EXPECT_EQ(described->track.type, c.width != 0 ? mp4::TrackType::kVideo : mp4::TrackType::kAudio);
    EXPECT_EQ(described->track.codec, c.mp4_codec);
    EXPECT_EQ(described->track.configuration, from_hex(*c.box != '\0' ? c.box : c.bytes));
    EXPECT_EQ(described->track.width, c.width);
    EXPECT_EQ(described->track.height, c.height);
    EXPECT_EQ(described->track.sample_rate, c.sample_rate);
    EXPECT_EQ(described->track.channels, c.channels);
    EXPECT_EQ(described->frame_duration, c.frame_duration);
    EXPECT_EQ(described->codec, c.codec_string);
  }
}

// A recording that goes on after a restart compares its tracks with those of the log: the file must say all
// of it.
TEST(Mp4Track, IsReadBackFromAFileAsItIs) {
  std::vector<mp4::Track> tracks;
  for (const Case& c : kCases) {
    TrackConfiguration description{};
    description.track = static_cast<std::uint8_t>(tracks.size());
    description.codec = c.codec;
    description.timescale = c.timescale;
    auto described = mp4_track(description, from_hex(c.bytes));
    ASSERT_TRUE(described);
    tracks.push_back(std::move(described->track));
  }
  const Bytes file = mp4::init_segment(tracks);
  const auto moov = mp4::find_box(file, {"moov"});
  ASSERT_TRUE(moov);
  const auto read = mp4::read_tracks(*moov);
  ASSERT_TRUE(read);
  ASSERT_EQ(read->size(), tracks.size());
  for (std::size_t i = 0; i < tracks.size(); ++i) EXPECT_EQ((*read)[i], tracks[i]) << kCases[i].name;
}

TEST(Mp4Track, TakesThePicturesSizeFromTheWriter) {
  TrackConfiguration description{};
  description.codec = Codec::kVp9;
  description.timescale = 90'000;
  const Bytes vpcc = from_hex("000b820202020000");
  EXPECT_EQ(mp4_track(description, vpcc).error().code, "media.no_dimensions");
  description.width = 1920;
  description.height = 1080;
  const auto described = mp4_track(description, vpcc);
  ASSERT_TRUE(described);
  EXPECT_EQ(described->codec, "vp09.00.11.08");
  EXPECT_EQ(described->track.width, 1920U);
  EXPECT_EQ(described->track.configuration, from_hex("01000000000b820202020000"));
  EXPECT_FALSE(described->track.colour);
}

TEST(Mp4Track, KeepsTheColour) {
  TrackConfiguration description{};
  description.codec = Codec::kH265;
  description.timescale = 90'000;
  const auto described = mp4_track(description, from_hex(kHvcc));
  ASSERT_TRUE(described);
  EXPECT_EQ(described->track.colour, (codecs::Colour{9, 16, 9, false}));
}

// From x265 with hdr10=1, as ffmpeg makes hvcC of it.
TEST(Mp4Track, KeepsHdrOfTheConfiguration) {
  TrackConfiguration description{};
  description.codec = Codec::kH265;
  description.timescale = 90'000;
  Bytes hvcc = from_hex(kHvcc);
  hvcc[22] += 1;  // another array, of prefix SEI
  const Bytes sei = from_hex("27000100094e01900403e8019080");
  hvcc.insert(hvcc.end(), sei.begin(), sei.end());
  const auto described = mp4_track(description, hvcc);
  ASSERT_TRUE(described);
  EXPECT_EQ(described->track.hdr.light, (codecs::ContentLight{1000, 400}));
}

TEST(Mp4Track, TakesWhatTheConfigurationLacksFromTheWriter) {
  codecs::HdrMetadata hdr;
  hdr.light = codecs::ContentLight{600, 200};
  TrackConfiguration description{};
  description.codec = Codec::kH265;
  description.timescale = 90'000;
  description.picture = picture_colour(codecs::Colour{1, 1, 1, false}, hdr);
  const auto stated = mp4_track(description, from_hex(kHvcc));
  ASSERT_TRUE(stated);
  EXPECT_EQ(stated->track.colour, (codecs::Colour{9, 16, 9, false})) << "the configuration's goes before";
  EXPECT_EQ(stated->track.hdr, hdr);
  description.codec = Codec::kVp9;
  description.width = description.height = 64;
  description.picture = picture_colour(codecs::Colour{9, 18, 9, false}, {});
  const auto told = mp4_track(description, from_hex("000b820202020000"));
  ASSERT_TRUE(told);
  EXPECT_EQ(told->track.colour, (codecs::Colour{9, 18, 9, false}));
}

TEST(Mp4Track, IsCalledWhatTheEncoderCallsIt) {
  TrackConfiguration description{};
  description.codec = Codec::kMp3;
  description.timescale = 44'100;
  description.label = track_label("de-AT", "Kommentar");
  const auto described = mp4_track(description, from_hex("fffb9064"));
  ASSERT_TRUE(described);
  EXPECT_EQ(described->track.language, "deu");
  EXPECT_EQ(described->track.name, "Kommentar");
}

TEST(Mp4Track, RefusesWhatAFileCannotTell) {
  TrackConfiguration description{};
  description.timescale = 1000;
  description.codec = Codec::kData;
  EXPECT_EQ(mp4_track(description, {}).error().code, "media.not_in_mp4");
  description.codec = Codec::kNone;
  EXPECT_EQ(mp4_track(description, {}).error().code, "media.not_in_mp4");
  for (const Case& c : kCases) {
    description.codec = c.codec;
    description.timescale = 1000;
    EXPECT_FALSE(mp4_track(description, {})) << c.name;
    description.timescale = 0;
    EXPECT_EQ(mp4_track(description, from_hex(c.bytes)).error().code, "media.timescale") << c.name;
  }
}

}  // namespace
}  // namespace millrace::media
