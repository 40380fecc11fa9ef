// Codecs by FourCC, as Enhanced RTMP names them (Veovera E-RTMP v2, "Enhanced Audio" and "Enhanced Video").
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::rtmp {

// Four characters, the first one in the highest byte.
using FourCc = std::uint32_t;

// Precondition: four characters.
constexpr FourCc make_fourcc(std::string_view text) {
  FourCc value = 0;
  for (const char c : text.substr(0, 4)) value = value << 8 | static_cast<std::uint8_t>(c);
  return value;
}

namespace fourcc {
inline constexpr FourCc kNone = 0;  // a legacy codec that has none
inline constexpr FourCc kAvc = make_fourcc("avc1");
inline constexpr FourCc kHevc = make_fourcc("hvc1");
inline constexpr FourCc kAv1 = make_fourcc("av01");
inline constexpr FourCc kVp9 = make_fourcc("vp09");
inline constexpr FourCc kVp8 = make_fourcc("vp08");
inline constexpr FourCc kAac = make_fourcc("mp4a");
inline constexpr FourCc kMp3 = make_fourcc(".mp3");
inline constexpr FourCc kOpus = make_fourcc("Opus");
inline constexpr FourCc kFlac = make_fourcc("fLaC");
inline constexpr FourCc kAc3 = make_fourcc("ac-3");
inline constexpr FourCc kEac3 = make_fourcc("ec-3");
}  // namespace fourcc

// For people: characters that can't be printed become dots, so that a peer can put nothing into a log.
inline std::string fourcc_text(FourCc value) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) {
    const auto c = static_cast<char>(value >> shift & 0xFF);
    text += c > ' ' && c < 0x7F && c != '"' && c != '\\' ? c : '.';
  }
  return text;
}

}  // namespace millrace::rtmp
