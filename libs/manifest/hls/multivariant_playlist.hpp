// HLS multivariant playlist (RFC 8216 4.3.4: "master playlist"): the renditions of a stream. Plain data in,
// text out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::hls {

// Variant::captions_group: there are none.
inline constexpr std::string_view kNoCaptions = "NONE";

struct Variant {
  std::string uri;                          // of its media playlist
  std::uint64_t bandwidth = 0;              // bits per second, at its peak (RFC 8216 4.3.4.2)
  std::uint64_t average_bandwidth = 0;      // bits per second; 0: left out
  std::vector<std::string> codecs;          // RFC 6381, such as "avc1.64001f", "mp4a.40.2"
  std::uint32_t width = 0, height = 0;      // 0: no video
  std::uint32_t frame_rate_millihertz = 0;  // 0: left out
  std::string audio_group, video_group;     // of alternatives; empty: none
  std::string video_range;                  // "SDR", "PQ", "HLG" (RFC 8216bis 4.4.6.2); empty: left out
  // Of alternatives, or "NONE" in all variants or in none (RFC 8216 4.3.4.2); empty: left out.
  std::string captions_group;
};

// EXT-X-MEDIA: a rendition that may stand in for what a variant has of its type.
struct Alternative {
  enum class Type : std::uint8_t { kAudio, kVideo, kClosedCaptions };
  Type type = Type::kAudio;
  std::string group;
  std::string name;
  std::string uri;             // of its media playlist; empty: it is in the variants' own
  bool is_default = false;     // one of each group: what is played unless the viewer chooses
  std::uint32_t channels = 0;  // of sound; 0: left out
  std::string language{};      // BCP 47; empty: left out
  std::string instream_id{};   // of captions: "CC1", "SERVICE1"
};

struct MultivariantPlaylist {
  std::vector<Variant> variants;
  std::vector<Alternative> alternatives{};  // written before the variants
};

// UTF-8 text with LF line ends. Pure.
std::string serialize(const MultivariantPlaylist& playlist);

}  // namespace millrace::hls
