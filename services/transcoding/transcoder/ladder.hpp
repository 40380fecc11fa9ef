// Ladders: which renditions a stream may have, before anything is known of it. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "media/sample.hpp"

namespace millrace::transcoding {

// A rendition as a ladder asks for it. height: of the shorter side, so that a phone's upright picture of
// 720 x 1280 is 720p as well.
struct Rung {
  std::uint32_t height = 0;
  std::uint32_t fps = 30;  // at most
  std::uint32_t kbps = 0;

  bool operator==(const Rung&) const = default;
};

using Ladder = std::vector<Rung>;  // the largest first

inline constexpr std::string_view kDefaultLadder = "default";
inline constexpr std::size_t kMaxRungs = 16;
inline constexpr std::size_t kMaxLadderBytes = 64U << 10;

// What the service knows by name. codec: of the encoder; AV1 needs fewer bits.
std::span<const std::string_view> ladder_names();
// "transcoding.ladder_name".
Result<Ladder> named_ladder(std::string_view name, media::Codec codec);

// One rung a line, "720p30 3000" (height, frames a second, kbit/s); "#" begins a comment. Sorted.
// "transcoding.ladder", with the line: another form, a height that is odd or not from 64 to 4320, more than
// 120 frames a second, not 50 to 100,000 kbit/s, a rung twice, none at all, more than kMaxRungs, or a file of
// more than kMaxLadderBytes.
Result<Ladder> parse_ladder(std::string_view text);

}  // namespace millrace::transcoding
