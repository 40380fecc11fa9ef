#include "publish/resolution_limit.hpp"

#include <array>
#include <charconv>
#include <optional>

#include "errors.hpp"

namespace millrace::ingest {

namespace {

struct Name {
  std::string_view text;
  std::uint32_t width;
  std::uint32_t height;
};
constexpr std::array<Name, 6> kNames = {{{"480p", 854, 480},
                                         {"720p", 1280, 720},
                                         {"1080p", 1920, 1080},
                                         {"1440p", 2560, 1440},
                                         {"2160p", 3840, 2160},
                                         {"4320p", 7680, 4320}}};

std::optional<std::uint32_t> side(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value == 0 ||
      value > ResolutionLimit::kMaxSide)
    return std::nullopt;
  return value;
}

}  // namespace

Result<ResolutionLimit> ResolutionLimit::parse(std::string_view text) {
  if (text == "0") return ResolutionLimit();
  for (const Name& name : kNames) {
    if (text == name.text) return ResolutionLimit(name.width, name.height);
  }
  const std::size_t by = text.find('x');
  const auto width = side(text.substr(0, by));
  const auto height = by == std::string_view::npos ? std::nullopt : side(text.substr(by + 1));
  if (!width || !height)
    return fail(ingest::errors::kResolution,
                "'" + std::string(text.substr(0, 32)) +
                    "' is none of 480p, 720p, 1080p, 1440p, 2160p, 4320p, WIDTHxHEIGHT, 0");
  return ResolutionLimit(std::max(*width, *height), std::min(*width, *height));
}

}  // namespace millrace::ingest
