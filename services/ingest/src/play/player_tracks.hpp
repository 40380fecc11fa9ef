// Which tracks of a log an RTMP player can be sent, by what it said in connect. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "media/arena_reader.hpp"
#include "rtmp/capabilities.hpp"
#include "rtmp/message.hpp"

namespace millrace::ingest {

// Of the message that players are sent. Precondition: there is one (prefix_size > 0).
rtmp::MessageType wire_type(const media::LogReader::Configuration& configuration);

// Any player takes data, and H.264, AAC and MP3 as the first track of their kind: those have legacy headers.
// Other codecs must be announced, further tracks multitrack too.
bool can_take(const rtmp::PeerCapabilities& player, const media::LogReader::Configuration& configuration);
// For a player that gets the stream without its picture or sound; with level "warning", as clients take
// NoSupportedTrackFound for the end of the stream.
inline constexpr std::string_view kPlayTrackRefused = "NetStream.Play.TrackRefused";
std::string withheld_text(const media::TrackConfiguration& description);

}  // namespace millrace::ingest
