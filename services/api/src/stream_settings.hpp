// The settings of a stream as POST /stream/settings takes them. Values only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "json_body.hpp"

namespace millrace::api {

inline constexpr std::int64_t kMostBitrateKbps = 1'000'000;
inline constexpr std::size_t kMaxQuality = 32;

struct SettingsChange {
  std::optional<std::string> quality;             // a name for people: letters, digits, '-', '_', '.', ' '
  std::optional<std::uint32_t> max_bitrate_kbps;  // 0: no limit of its own
  std::optional<std::string> resolution;  // "1280x720", "720p" and the like; empty: no limit of its own
};

// Faults of the body name the field; a member that is none of these is one.
SettingsChange read_settings(JsonBody& body);

// "1920x1080" with sides from 1 to 16384, or 480p, 720p, 1080p, 1440p, 2160p, 4320p: what ingest holds a
// picture to.
bool is_resolution(std::string_view text);

}  // namespace millrace::api
