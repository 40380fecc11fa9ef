#include "play/player_tracks.hpp"

#include <gtest/gtest.h>

#include "play/player_run.hpp"
#include "rtmp/media_message.hpp"

namespace millrace::ingest {
namespace {

using media::Codec;
using media::TrackKind;
using rtmp::MessageType;

media::LogReader::Configuration configuration(std::uint8_t track, TrackKind kind, Codec codec) {
  media::LogReader::Configuration made{};
  made.description.track = track;
  made.description.kind = kind;
  made.description.codec = codec;
  return made;
}

TEST(PlayerTracks, AreWhatThePlayerAnnounced) {
  const rtmp::PeerCapabilities legacy;
  rtmp::PeerCapabilities some;
  some.video = {{rtmp::fourcc::kHevc, rtmp::kCanDecode}};
  rtmp::PeerCapabilities all;
  all.video = all.audio = {{rtmp::kAnyCodec, rtmp::kCanForward}};
  all.caps_ex = rtmp::kCapsMultitrack;
  struct Case {
    const char* name;
    media::LogReader::Configuration configuration;
    bool legacy, some, all;
  };
  const Case cases[] = {
      {"H.264", configuration(0, TrackKind::kVideo, Codec::kH264), true, true, true},
      {"AAC", configuration(1, TrackKind::kAudio, Codec::kAac), true, true, true},
      {"MP3", configuration(1, TrackKind::kAudio, Codec::kMp3), true, true, true},
      {"onMetaData", configuration(2, TrackKind::kData, Codec::kData), true, true, true},
      {"HEVC", configuration(0, TrackKind::kVideo, Codec::kH265), false, true, true},
      {"Opus", configuration(1, TrackKind::kAudio, Codec::kOpus), false, false, true},
      {"further H.264", configuration(3, TrackKind::kVideo, Codec::kH264), false, false, true},
      {"further AAC", configuration(15, TrackKind::kAudio, Codec::kAac), false, false, true},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(can_take(legacy, c.configuration), c.legacy) << c.name;
    EXPECT_EQ(can_take(some, c.configuration), c.some) << c.name;
    EXPECT_EQ(can_take(all, c.configuration), c.all) << c.name;
  }
}

TEST(PlayerTracks, AnnotationsGoToThoseThatKnowTheirCodec) {
  auto annotation = configuration(2, TrackKind::kData, Codec::kNone);
  const auto header = rtmp::media_chunk_header(MessageType::kVideo, 0, 6, 1);
  annotation.message.assign(header.view().begin(), header.view().end());
  for (const std::uint8_t byte : {0xD4, int{'h'}, int{'v'}, int{'c'}, int{'1'}, 2})
    annotation.message.push_back(byte);
  EXPECT_EQ(wire_type(annotation), MessageType::kVideo);
  rtmp::PeerCapabilities player;
  EXPECT_FALSE(can_take(player, annotation));
  player.audio = {{rtmp::fourcc::kHevc, rtmp::kCanDecode}};
  EXPECT_FALSE(can_take(player, annotation));
  player.video = player.audio;
  EXPECT_TRUE(can_take(player, annotation));
  annotation.message.resize(14);
  EXPECT_FALSE(can_take(player, annotation));
}

TEST(PlayerTracks, SaysWhichCodecWasNotAnnounced) {
  const auto hevc = configuration(0, TrackKind::kVideo, Codec::kH265).description;
  EXPECT_NE(withheld_text(hevc).find("The picture is left out: this player did not announce hvc1"),
            std::string::npos);
  const auto opus = configuration(1, TrackKind::kAudio, Codec::kOpus).description;
  EXPECT_NE(withheld_text(opus).find("The sound"), std::string::npos);
}

LogEntry entry(std::uint8_t track, std::uint32_t in_force) {
  LogEntry made{};
  made.record.track = track;
  made.record.configuration = in_force;
  return made;
}

TEST(TrackFilter, WithholdsATrackWhileAConfigurationIsInForce) {
  TrackFilter filter;
  EXPECT_TRUE(filter.take(entry(0, 1)));
  filter.withhold(0, 1);
  filter.withhold(3, 2);
  EXPECT_FALSE(filter.take(entry(0, 1)));
  EXPECT_TRUE(filter.take(entry(0, 4))) << "another configuration is judged again";
  EXPECT_TRUE(filter.take(entry(1, 1)));
  EXPECT_FALSE(filter.take(entry(3, 2)));
  filter.give(0);
  EXPECT_TRUE(filter.take(entry(0, 1)));
  filter.give(3);
  EXPECT_TRUE(filter.take(entry(3, 2)));
}

}  // namespace
}  // namespace millrace::ingest
