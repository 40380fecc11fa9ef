#include "levels.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <span>

namespace millrace::transcoding {
namespace {

constexpr std::uint32_t kMacroblock = 16;

struct Level {
  int level;
  std::uint64_t rate;     // H.264: macroblocks a second; H.265, AV1: samples of luma
  std::uint64_t picture;  // the same of a picture
  std::uint32_t kbps;
  std::uint32_t buffer;  // H.264: macroblocks of reference frames
};

// kbps: of the high profile, 1.25 times what the table has.
constexpr std::array kAvc = {
    Level{10, 1485, 99, 80, 396},
    Level{11, 3000, 396, 240, 900},
    Level{12, 6000, 396, 480, 2376},
    Level{13, 11'880, 396, 960, 2376},
    Level{20, 11'880, 396, 2500, 2376},
    Level{21, 19'800, 792, 5000, 4752},
    Level{22, 20'250, 1620, 5000, 8100},
    Level{30, 40'500, 1620, 12'500, 8100},
    Level{31, 108'000, 3600, 17'500, 18'000},
    Level{32, 216'000, 5120, 25'000, 20'480},
    Level{40, 245'760, 8192, 25'000, 32'768},
    Level{41, 245'760, 8192, 62'500, 32'768},
    Level{42, 522'240, 8704, 62'500, 34'816},
    Level{50, 589'824, 22'080, 168'750, 110'400},
    Level{51, 983'040, 36'864, 300'000, 184'320},
    Level{52, 2'073'600, 36'864, 300'000, 184'320},
};
constexpr std::array kHevc = {
    Level{10, 552'960, 36'864, 128, 0},           Level{20, 3'686'400, 122'880, 1500, 0},
    Level{21, 7'372'800, 245'760, 3000, 0},       Level{30, 16'588'800, 552'960, 6000, 0},
    Level{31, 33'177'600, 983'040, 10'000, 0},    Level{40, 66'846'720, 2'228'224, 12'000, 0},
    Level{41, 133'693'440, 2'228'224, 20'000, 0}, Level{50, 267'386'880, 8'912'896, 25'000, 0},
    Level{51, 534'773'760, 8'912'896, 40'000, 0}, Level{52, 1'069'547'520, 8'912'896, 60'000, 0},
};
constexpr std::array kAv1 = {
    Level{20, 4'423'680, 147'456, 1500, 0},         Level{21, 8'363'520, 278'784, 3000, 0},
    Level{30, 19'975'680, 665'856, 6000, 0},        Level{31, 31'950'720, 1'065'024, 10'000, 0},
    Level{40, 70'778'880, 2'359'296, 12'000, 0},    Level{41, 141'557'760, 2'359'296, 20'000, 0},
    Level{50, 267'386'880, 8'912'896, 30'000, 0},   Level{51, 534'773'760, 8'912'896, 40'000, 0},
    Level{52, 1'069'547'520, 8'912'896, 60'000, 0},
};

std::span<const Level> levels_of(media::Codec codec) {
  if (codec == media::Codec::kH265) return kHevc;
  if (codec == media::Codec::kAv1) return kAv1;
  return kAvc;
}

std::uint64_t macroblocks(std::uint32_t width, std::uint32_t height) {
  const auto blocks = [](std::uint32_t size) { return (size + kMacroblock - 1) / kMacroblock; };
  return std::uint64_t{blocks(width)} * blocks(height);
}

}  // namespace

int level_for(media::Codec codec, const LevelDemand& demand) {
  const std::uint64_t picture = codec == media::Codec::kH264 ? macroblocks(demand.width, demand.height)
                                                             : std::uint64_t{demand.width} * demand.height;
  const std::span<const Level> levels = levels_of(codec);
  const auto found = std::find_if(levels.begin(), levels.end(), [&](const Level& level) {
    return picture <= level.picture && picture * demand.fps <= level.rate && demand.max_kbps <= level.kbps;
  });
  return found == levels.end() ? levels.back().level : found->level;
}

int most_reference_frames(int level, std::uint32_t width, std::uint32_t height) {
  constexpr std::uint64_t kMost = 16;
  const auto* found =
      std::find_if(kAvc.begin(), kAvc.end(), [level](const Level& each) { return each.level == level; });
  const std::uint64_t picture = std::max<std::uint64_t>(macroblocks(width, height), 1);
  const std::uint64_t room = found == kAvc.end() ? 1 : found->buffer / picture;
  return static_cast<int>(std::clamp<std::uint64_t>(room, 1, kMost));
}

std::string codec_string(media::Codec codec, int level) {
  std::array<char, 32> text{};
  const auto number = static_cast<unsigned>(level);
  if (codec == media::Codec::kH265) {
    std::snprintf(text.data(), text.size(), "hvc1.1.6.L%u.90", number * 3);
  } else if (codec == media::Codec::kAv1) {
    // seq_level_idx counts four from each level to the next, from 2.0 on.
    std::snprintf(text.data(), text.size(), "av01.0.%02uM.08", (number / 10 - 2) * 4 + number % 10);
  } else {
    std::snprintf(text.data(), text.size(), "avc1.6400%02x", number);
  }
  return text.data();
}

}  // namespace millrace::transcoding
