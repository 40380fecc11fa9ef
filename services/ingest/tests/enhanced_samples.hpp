// Configurations and frames of the codecs that Enhanced RTMP adds, as encoders make them (x265, libaom,
// libvpx, libopus, FLAC, ffmpeg; frames cut to what a server looks at), and messages around them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "media/sample.hpp"
#include "rtmp/media_tag.hpp"

namespace millrace::ingest::testing {

inline Bytes unhex(std::string_view text) {
  const auto digit = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); };
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    bytes.push_back(static_cast<std::uint8_t>(digit(text[i]) << 4 | digit(text[i + 1])));
  return bytes;
}

inline Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}
inline Bytes padded(Bytes bytes, std::size_t size) {
  bytes.resize(size, 0);
  return bytes;
}

// Video is 320x180 and its frame a key frame; audio is 48 kHz stereo.
struct CodecSample {
  const char* name;
  rtmp::MessageType type;
  rtmp::FourCc fourcc;
  media::Codec codec;
  Bytes header;  // empty: the codec has none
  Bytes frame;
  std::uint32_t samples;  // audio
  const char* codec_string;
};

inline std::vector<CodecSample> codec_samples() {
  constexpr auto kVideo = rtmp::MessageType::kVideo;
  constexpr auto kAudio = rtmp::MessageType::kAudio;
  using media::Codec;
  return {
      {"HEVC", kVideo, rtmp::fourcc::kHevc, Codec::kH265,
       unhex("0101600000009000000000003cf000fcfdf8f800000f03a00001001840010c01ffff016000000300900000"
             "03000003003c959009a10001002b42010101600000030090000003000003003ca00a080c1f3e595912930b"
             "c05a020000030002000003003210a2000100064401c073c189"),
       unhex("000000062801ac740102"), 0, "hvc1.1.6.L60.90"},
      {"AV1", kVideo, rtmp::fourcc::kAv1, Codec::kAv1, unhex("81000c000a0b000000043cfeccdaf90040"),
       unhex("0a0b000000043cfeccdaf90040320710008400020820"), 0, "av01.0.00M.08"},
      {"VP9", kVideo, rtmp::fourcc::kVp9, Codec::kVp9, unhex("000b820202020000"),
       unhex("824983420013f00b360638241c184a000ce05fcd"), 0, "vp09.00.11.08"},
      {"Opus", kAudio, rtmp::fourcc::kOpus, Codec::kOpus, unhex("4f707573486561640102380180bb0000000000"),
       unhex("fcb4065aa7b5e1fd0bbe"), 960, "Opus"},
      {"FLAC", kAudio, rtmp::fourcc::kFlac, Codec::kFlac,
       unhex("664c6143800000221200120000019200051d0bb802f00002328084c061f124b9a7efe6253e714ead116f"),
       unhex("fff85a8800374e000000a6014c01f202"), 4608, "fLaC"},
      {"AC-3",
       kAudio,
       rtmp::fourcc::kAc3,
       Codec::kAc3,
       {},
       padded(unhex("0b77fe95144043e106f46370"), 768),
       1536,
       "ac-3"},
      {"E-AC-3",
       kAudio,
       rtmp::fourcc::kEac3,
       Codec::kEac3,
       {},
       padded(unhex("0b77017f3487c00020842108"), 768),
       1536,
       "ec-3"},
      {"MP3",
       kAudio,
       rtmp::fourcc::kMp3,
       Codec::kMp3,
       {},
       padded(unhex("fffb9464000001ee"), 384),
       1152,
       "mp4a.6B"},
  };
}
inline CodecSample codec_sample(media::Codec codec) {
  for (CodecSample& sample : codec_samples()) {
    if (sample.codec == codec) return sample;
  }
  return {};
}

// An enhanced header of one track, whatever the codec.
inline Bytes enhanced(const CodecSample& sample, rtmp::PacketKind kind, const Bytes& payload,
                      bool key = true) {
  const bool video = sample.type == rtmp::MessageType::kVideo;
  const unsigned packet = kind == rtmp::PacketKind::kSequenceStart                                      ? 0
                          : kind == rtmp::PacketKind::kMetadata                                         ? 4
                          : sample.fourcc == rtmp::fourcc::kHevc || sample.fourcc == rtmp::fourcc::kAvc ? 3
                                                                                                        : 1;
  const unsigned frame_type = kind == rtmp::PacketKind::kMetadata ? 5 : key ? 1 : 2;
  ByteWriter out;
  out.u8(static_cast<std::uint8_t>(video ? 0x80 | frame_type << 4 | packet : 0x90 | packet));
  out.u32(sample.fourcc);
  out.append(payload);
  return out.take();
}
inline Bytes start_of(const CodecSample& sample) {
  return enhanced(sample, rtmp::PacketKind::kSequenceStart, sample.header);
}
inline Bytes frame_of(const CodecSample& sample, bool key = true) {
  return enhanced(sample, rtmp::PacketKind::kCodedFrames, sample.frame, key);
}

// A message of one track with a multitrack header.
inline Bytes one_track(const CodecSample& sample, std::uint8_t track_id, rtmp::PacketKind kind,
                       const Bytes& payload) {
  const rtmp::TagHeader header =
      rtmp::make_tag_header({sample.type, sample.fourcc, kind, rtmp::VideoFrameType::kKey, 0, track_id});
  Bytes bytes(header.view().begin(), header.view().end());
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

}  // namespace millrace::ingest::testing
