// The largest picture that may be published: "1080p" and the like, or "1920x1080". Upright pictures are held
// to the same two sides.
//
// Plain data; any thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace millrace::ingest {

class ResolutionLimit {
 public:
  static constexpr std::uint32_t kMaxSide = 65'535;

  ResolutionLimit() = default;  // everything
  // "480p" (854x480), "720p", "1080p", "1440p", "2160p", "4320p", two sides from 1 to kMaxSide with an x
  // between, or "0" for everything. "ingest.resolution".
  static Result<ResolutionLimit> parse(std::string_view text);

  bool allows(std::uint32_t width, std::uint32_t height) const {
    return std::max(width, height) <= long_side_ && std::min(width, height) <= short_side_;
  }
  // What both allow.
  ResolutionLimit with(const ResolutionLimit& other) const {
    return {std::min(long_side_, other.long_side_), std::min(short_side_, other.short_side_)};
  }
  std::string text() const { return std::to_string(long_side_) + "x" + std::to_string(short_side_); }

 private:
  ResolutionLimit(std::uint32_t long_side, std::uint32_t short_side)
      : long_side_(long_side), short_side_(short_side) {}

  std::uint32_t long_side_ = UINT32_MAX;
  std::uint32_t short_side_ = UINT32_MAX;
};

}  // namespace millrace::ingest
