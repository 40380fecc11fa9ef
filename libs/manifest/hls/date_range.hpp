// EXT-X-DATERANGE (RFC 8216bis 4.4.5.1) of SCTE 35's breaks (4.4.5.1.1). Plain data in, text out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "base/wall_time.hpp"

namespace millrace::hls {

struct DateRange {
  enum class Splice : std::uint8_t { kCommand, kOut, kIn };

  std::string id;
  std::string scheme;  // CLASS
  WallTime start{};
  std::optional<WallTime> end{};  // END-DATE and DURATION
  std::optional<std::int64_t> planned_duration_us{};
  Splice splice = Splice::kCommand;
  Bytes section;  // splice_info_section

  bool operator==(const DateRange&) const = default;
};

// A line with its end.
void append_date_range(std::string& out, const DateRange& range);

}  // namespace millrace::hls
