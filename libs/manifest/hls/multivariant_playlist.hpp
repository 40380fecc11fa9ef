// HLS multivariant playlist (RFC 8216 4.3.4: "master playlist"): the renditions of a stream. Plain data in,
// text out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::hls {

struct Variant {
  std::string uri;                          // of its media playlist
  std::uint64_t bandwidth = 0;              // bits per second, at its peak (RFC 8216 4.3.4.2)
  std::uint64_t average_bandwidth = 0;      // bits per second; 0: left out
  std::vector<std::string> codecs;          // RFC 6381, such as "avc1.64001f", "mp4a.40.2"
  std::uint32_t width = 0, height = 0;      // 0: no video
  std::uint32_t frame_rate_millihertz = 0;  // 0: left out
  std::string video_range;                  // "PQ" or "HLG" (RFC 8216bis 4.4.6.2); empty: left out, SDR
};

struct MultivariantPlaylist {
  std::vector<Variant> variants;
};

// UTF-8 text with LF line ends. Pure.
std::string serialize(const MultivariantPlaylist& playlist);

}  // namespace millrace::hls
