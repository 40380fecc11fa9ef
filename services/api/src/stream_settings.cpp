#include "stream_settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace millrace::api {
namespace {

constexpr std::array<std::string_view, 6> kNames = {"480p", "720p", "1080p", "1440p", "2160p", "4320p"};
constexpr unsigned kMaxSide = 16'384;
constexpr std::size_t kMaxResolution = 16;

bool is_side(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value > 0 && value <= kMaxSide;
}

bool is_quality(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_' || c == '.' || c == ' ';
  });
}

}  // namespace

bool is_resolution(std::string_view text) {
  if (std::find(kNames.begin(), kNames.end(), text) != kNames.end()) return true;
  const std::size_t by = text.find('x');
  return by != std::string_view::npos && is_side(text.substr(0, by)) && is_side(text.substr(by + 1));
}

SettingsChange read_settings(JsonBody& body) {
  SettingsChange change;
  change.quality = body.text("quality", kMaxQuality);
  if (change.quality && !is_quality(*change.quality))
    body.fail("quality", "may have letters, digits, spaces, '-', '_' and '.' only");
  if (const auto kbps = body.integer("maxBitrate", 0, kMostBitrateKbps))
    change.max_bitrate_kbps = static_cast<std::uint32_t>(*kbps);
  change.resolution = body.text("resolution", kMaxResolution);
  if (change.resolution && !change.resolution->empty() && !is_resolution(*change.resolution))
    body.fail("resolution", "must be WIDTHxHEIGHT or one of 480p, 720p, 1080p, 1440p, 2160p, 4320p");
  body.refuse_others();
  return change;
}

}  // namespace millrace::api
