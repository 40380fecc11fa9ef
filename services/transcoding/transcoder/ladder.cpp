#include "ladder.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "base/command_line.hpp"

namespace millrace::transcoding {
namespace {

struct Rates {
  std::uint32_t height;
  std::uint32_t kbps;  // of H.264 and H.265
  std::uint32_t av1_kbps;
  std::uint32_t kbps_60;  // at 60 frames a second; 0: not made
};
constexpr std::array kRates = {
    Rates{4320, 60'000, 40'000, 0},  Rates{2160, 20'000, 14'000, 30'000},
    Rates{1440, 8000, 5500, 12'000}, Rates{1080, 5000, 3500, 7500},
    Rates{720, 3000, 2000, 4500},    Rates{540, 2000, 1200, 0},
    Rates{480, 1500, 900, 0},        Rates{360, 800, 500, 0},
};

struct Named {
  std::string_view name;
  std::array<std::uint32_t, 6> heights;  // 0: none
  std::uint32_t fps;
};
constexpr std::array kNamed = {
    Named{kDefaultLadder, {1080, 720, 480, 360}, 30},
    Named{"default60", {1080, 720, 480, 360}, 60},
    Named{"standard", {1080, 720, 540, 360}, 30},
    Named{"twitch", {1080, 720, 480, 360}, 30},
    Named{"youtube", {2160, 1440, 1080, 720, 480, 360}, 30},
    Named{"facebook", {1080, 720, 360}, 30},
};
constexpr std::array kNames = {kNamed[0].name, kNamed[1].name, kNamed[2].name,
                               kNamed[3].name, kNamed[4].name, kNamed[5].name};

Rung rung_of(std::uint32_t height, std::uint32_t fps, media::Codec codec) {
  constexpr std::uint32_t kUsualFps = 30;
  const auto* rates = std::find_if(kRates.begin(), kRates.end(),
                                   [height](const Rates& each) { return each.height == height; });
  const bool fast = fps > kUsualFps && rates->kbps_60 != 0;
  if (codec != media::Codec::kAv1)
    return {height, fast ? fps : kUsualFps, fast ? rates->kbps_60 : rates->kbps};
  // As much more as the others need.
  const std::uint32_t av1_60 = rates->av1_kbps * rates->kbps_60 / rates->kbps;
  return {height, fast ? fps : kUsualFps, fast ? av1_60 : rates->av1_kbps};
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

std::optional<std::uint32_t> number_within(std::string_view text, std::uint64_t least, std::uint64_t most) {
  const std::optional<std::uint64_t> number = parse_count(text);
  if (!number || *number < least || *number > most) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

std::optional<Rung> parse_rung(std::string_view line) {
  const std::size_t p = line.find('p');
  const std::size_t blank = line.find_first_of(" \t");
  if (p == std::string_view::npos || blank == std::string_view::npos || p > blank) return std::nullopt;
  const auto height = number_within(line.substr(0, p), 64, 4320);
  const auto fps = number_within(line.substr(p + 1, blank - p - 1), 1, 120);
  const auto kbps = number_within(trimmed(line.substr(blank)), 50, 100'000);
  if (!height || *height % 2 != 0 || !fps || !kbps) return std::nullopt;
  return Rung{*height, *fps, *kbps};
}

bool is_larger(const Rung& a, const Rung& b) {
  return a.height != b.height ? a.height > b.height : a.fps > b.fps;
}

tl::unexpected<Error> bad_line(std::size_t number, const std::string& why) {
  return fail("transcoding.ladder", "line " + std::to_string(number) + ": " + why);
}

}  // namespace

std::span<const std::string_view> ladder_names() {
  return kNames;
}

Result<Ladder> named_ladder(std::string_view name, media::Codec codec) {
  const auto* found =
      std::find_if(kNamed.begin(), kNamed.end(), [name](const Named& each) { return each.name == name; });
  if (found == kNamed.end()) return fail("transcoding.ladder_name", "no ladder " + std::string(name));
  Ladder ladder;
  for (const std::uint32_t height : found->heights) {
    if (height != 0) ladder.push_back(rung_of(height, found->fps, codec));
  }
  return ladder;
}

Result<Ladder> parse_ladder(std::string_view text) {
  if (text.size() > kMaxLadderBytes) return fail("transcoding.ladder", "more than 64 KiB");
  Ladder ladder;
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    line = trimmed(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    const std::optional<Rung> rung = parse_rung(line);
    if (!rung) return bad_line(number, "not like \"720p30 3000\": " + std::string(line.substr(0, 40)));
    const bool twice = std::any_of(ladder.begin(), ladder.end(), [&](const Rung& other) {
      return other.height == rung->height && other.fps == rung->fps;
    });
    if (twice) return bad_line(number, "that rung is there already");
    if (ladder.size() == kMaxRungs) return bad_line(number, "more than 16 rungs");
    ladder.push_back(*rung);
  }
  if (ladder.empty()) return fail("transcoding.ladder", "no rung");
  std::sort(ladder.begin(), ladder.end(), is_larger);
  return ladder;
}

}  // namespace millrace::transcoding
