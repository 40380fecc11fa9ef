// Bodies of RTMP media messages for tests: small, valid, recognisable.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "rtmp/amf0.hpp"

namespace millrace::ingest::testing {

// 320x180 baseline, from x264.
inline Bytes avc_header(std::uint8_t last_pps_byte = 0x20) {
  return {0x17, 0x00, 0x00, 0x00, 0x00,                                  // key frame, AVC, sequence header
          0x01, 0x42, 0xC0, 0x0D, 0xFF, 0xE1, 0x00, 0x19,                // avcC, 4-byte lengths, one SPS
          0x67, 0x42, 0xC0, 0x0D, 0xD9, 0x01, 0x41, 0x9F,         0x9E,  //
          0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00,         0x03,  //
          0x03, 0xC0, 0xF1, 0x42, 0xA4, 0xE0, 0x00,                      //
          0x01, 0x00, 0x05, 0x68, 0xCB, 0x83, 0xCB, last_pps_byte};
}

// One NAL unit of a size; the first bytes of its payload are the number.
inline Bytes video_frame(bool key, std::uint32_t number, std::size_t nal_size = 32,
                         std::int32_t offset_ms = 0) {
  ByteWriter out;
  out.u8(key ? 0x17 : 0x27);
  out.u8(1);
  out.i24(offset_ms);
  out.u32(static_cast<std::uint32_t>(nal_size));
  out.u8(key ? 0x65 : 0x41);
  out.u32(number);
  while (out.size() < 9 + nal_size) out.u8(0x80);
  return out.take();
}

// AAC-LC, 48 kHz, stereo.
inline Bytes aac_header(std::uint8_t second = 0x90) {
  return {0xAF, 0x00, 0x11, second};
}
inline Bytes audio_frame(std::uint32_t number) {
  ByteWriter out;
  out.u8(0xAF);
  out.u8(1);
  out.u32(number);
  return out.take();
}

inline Bytes data_message(std::string_view name, bool set_data_frame) {
  ByteWriter out;
  if (set_data_frame) rtmp::amf0::serialize("@setDataFrame", out);
  rtmp::amf0::serialize(name, out);
  rtmp::amf0::serialize(
      rtmp::amf0::Object{rtmp::amf0::Object::Kind::kEcmaArray, {}, {{"encoder", "test encoder"}}}, out);
  return out.take();
}

}  // namespace millrace::ingest::testing
