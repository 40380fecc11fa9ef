#include "play/player_tracks.hpp"

#include "media/log_message.hpp"
#include "publication/track_format.hpp"
#include "rtmp/fourcc.hpp"

namespace millrace::ingest {

rtmp::MessageType wire_type(const media::LogReader::Configuration& configuration) {
  return static_cast<rtmp::MessageType>(media::log_message(configuration.message).type);
}

bool can_take(const rtmp::PeerCapabilities& player, const media::LogReader::Configuration& configuration) {
  const media::TrackConfiguration& description = configuration.description;
  if (is_annotation(description)) {
    // Its header names the codec behind the first byte.
    ByteReader header(media::log_message(configuration.message).body);
    header.skip(1);
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
