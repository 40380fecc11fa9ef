// What a peer says in connect about Enhanced RTMP, and what this server says about itself: fourCcList,
// videoFourCcInfoMap, audioFourCcInfoMap, capsEx, videoFunction (Veovera E-RTMP v2, "Enhancing NetConnection
// connect Command").
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "rtmp/amf0.hpp"
#include "rtmp/fourcc.hpp"
#include "rtmp/message.hpp"

namespace millrace::rtmp {

// FourCcInfoMask.
inline constexpr std::uint8_t kCanDecode = 1;
inline constexpr std::uint8_t kCanEncode = 2;
inline constexpr std::uint8_t kCanForward = 4;

// CapsExMask.
inline constexpr std::uint32_t kCapsReconnect = 1;
inline constexpr std::uint32_t kCapsMultitrack = 2;
inline constexpr std::uint32_t kCapsModEx = 4;
inline constexpr std::uint32_t kCapsTimestampNanoOffset = 8;

// The key "*" of the lists: any codec.
inline constexpr FourCc kAnyCodec = make_fourcc("*");

struct CodecSupport {
  FourCc codec = fourcc::kNone;
  std::uint8_t flags = 0;  // kCanDecode…
  bool operator==(const CodecSupport&) const = default;
};

// Plain data. A peer of the time before E-RTMP has announced nothing.
struct PeerCapabilities {
  static constexpr std::size_t kMaxCodecs = 32;  // per list; further ones are not kept

  bool announced = false;  // at least one of the properties was there
  std::vector<CodecSupport> video;
  std::vector<CodecSupport> audio;
  std::uint32_t caps_ex = 0;

  bool reconnects() const { return (caps_ex & kCapsReconnect) != 0; }
  bool takes_multitrack() const { return (caps_ex & kCapsMultitrack) != 0; }
  // type: kAudio or kVideo. Whether it can be sent that codec with an enhanced header.
  bool plays(MessageType type, FourCc codec) const;

  bool operator==(const PeerCapabilities&) const = default;
  void save(ByteWriter& out) const;
  // False when that was not saved by save().
  bool restore(ByteReader& reader);
};

// connect's command object. Whatever is of the wrong type or makes no sense is left out.
PeerCapabilities parse_capabilities(const amf0::Object& command_object);

// This server's, as properties of an object in connect's _result.
void append_server_capabilities(amf0::Object& object);

}  // namespace millrace::rtmp
