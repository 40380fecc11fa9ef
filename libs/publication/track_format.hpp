// What a track's sequence header or first frame says about it, in the terms of the media log and of the bus.
// Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "media/sample.hpp"
#include "rtmp/fourcc.hpp"
#include "rtmp/message.hpp"

namespace millrace::publication {

// A header or frame that says nothing of its track.
inline constexpr ErrorCode kNoHeader = "publication.no_header";

struct TrackFormat {
  media::TrackConfiguration description{};
  std::string codec;                    // RFC 6381, empty for data
  std::uint32_t samples_per_frame = 0;  // audio; frames that say how long they are go by that
  unsigned nal_length_size = 4;         // H.264 and H.265
  // The FLV tag header that players are sent before the configuration; Writer makes that of a track. Empty,
  // with no_wire_form: the codec has no sequence header, players are sent none.
  Bytes tag;
  // What players are told the track's number is; absent for the first of its kind, which goes without a
  // multitrack header.
  std::optional<std::uint8_t> player_track_id;
  bool no_wire_form = false;
  // An annotation of that kind of media, kept on the data track with no codec: Enhanced RTMP's metadata frame
  // (HDR) or speaker map.
  std::optional<rtmp::MessageType> annotates;
  // avcC, hvcC, av1C, vpcC, AudioSpecificConfig, OpusHead, fLaC as received, or made of what the stream has
  // in the band; dac3, dec3 and MP3's frame header made from the first frame; AMF0 of onMetaData.
  Bytes configuration;
};

// FourCC to log and back; kNone and fourcc::kNone for what we don't take.
media::Codec codec_of(rtmp::MessageType type, rtmp::FourCc fourcc);
rtmp::FourCc fourcc_of(media::Codec codec);

// Of a SequenceStart's payload; track, player_track_id and tag are left to the caller. A width of 0 for
// video: the picture's size, for H.264 and H.265 all parameter sets, come with the first key frame
// (format_of_frame). The codecs' errors; kNoHeader for codecs that have none.
Result<TrackFormat> format_of_header(media::Codec codec, ByteView payload);
// Of a frame: codecs without a sequence header, AAC in ADTS, and pictures whose sequence header does not
// state (all of) it, or stated something else; earlier: what is known of the track, or null. The codecs'
// errors.
Result<TrackFormat> format_of_frame(media::Codec codec, ByteView payload, const TrackFormat* earlier);
// H.264, H.265 and AV1: the parameter sets or the sequence header of the frame, if it has some, stand in the
// configuration.
bool is_told(const TrackFormat& format, ByteView frame);
// amf: as players are sent it.
TrackFormat data_format(ByteView amf);

rtmp::MessageType message_type(media::TrackKind kind);
// Its frames come with a composition time in their header (SI24).
bool has_composition(rtmp::FourCc fourcc);

}  // namespace millrace::publication
