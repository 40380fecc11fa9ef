#include "player_tracks.hpp"

#include "publication/track_format.hpp"
#include "rtmp/fourcc.hpp"

namespace millrace::ingest {

namespace {

// Of the type 0 chunk header (Adobe RTMP 1.0, 5.3.1.2.1), and how long that is.
constexpr std::size_t kMessageTypeAt = 7;
constexpr std::size_t kChunkHeader = 12;

}  // namespace

bool is_annotation(const media::TrackConfiguration& description) {
  return description.kind == media::TrackKind::kData && description.codec == media::Codec::kNone;
}

rtmp::MessageType wire_type(const media::LogReader::Configuration& configuration) {
  const Bytes& message = configuration.message;
  return message.size() > kMessageTypeAt ? static_cast<rtmp::MessageType>(message[kMessageTypeAt])
                                         : rtmp::MessageType::kData;
}

bool can_take(const rtmp::PeerCapabilities& player, const media::LogReader::Configuration& configuration) {
  const media::TrackConfiguration& description = configuration.description;
  if (is_annotation(description)) {
    // Its header, always written at time 0, names the codec behind the first byte.
    ByteReader header(configuration.message);
    header.skip(kChunkHeader + 1);
    const rtmp::FourCc codec = header.u32();
    return header.ok() && player.plays(wire_type(configuration), codec);
  }
  if (description.kind == media::TrackKind::kData) return true;
  const bool first = description.track <= media::kDataTrack;
  const bool has_legacy_form = description.codec == media::Codec::kH264 ||
                               description.codec == media::Codec::kAac ||
                               description.codec == media::Codec::kMp3;
  if (first && has_legacy_form) return true;
  if (!first && !player.takes_multitrack()) return false;
  return player.plays(publication::message_type(description.kind), publication::fourcc_of(description.codec));
}

std::string withheld_text(const media::TrackConfiguration& description) {
  const bool video = description.kind == media::TrackKind::kVideo;
  return std::string(video ? "The picture" : "The sound") + " is left out: this player did not announce " +
         rtmp::fourcc_text(publication::fourcc_of(description.codec)) +
         " (Enhanced RTMP: fourCcList or FourCcInfoMap in connect).";
}

}  // namespace millrace::ingest
