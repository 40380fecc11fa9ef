// What a rendition's HLS list says. Pure; the text itself is libs/manifest's.
//
// A list of a stream with parts has those of the last kPartTargets target durations and of the segment that
// grows. Where the rendition has a gap they are the leading track's in length, and gaps as well.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "manifest/hls/delivery_directives.hpp"
#include "offering.hpp"

namespace millrace::packaging {

enum class PlaylistForm : std::uint8_t {
  kFull,          // with parts, where the stream has any
  kDelta,         // without segments that who asks has (_HLS_skip=YES)
  kDeltaOfDates,  // nor date ranges (_HLS_skip=v2)
  kPlain,         // without anything of parts (?ll=0)
};
// The query that asks for plain lists.
inline constexpr std::string_view kPlainQuery = "ll=0";

inline constexpr std::int64_t kPartTargets = 3;        // RFC 8216bis 6.2.2
inline constexpr std::int64_t kHoldBackTargets = 3;    // 4.4.3.8: HOLD-BACK in target durations
inline constexpr std::int64_t kPartHoldBackParts = 3;  // PART-HOLD-BACK in part targets
inline constexpr std::int64_t kSkipTargets = 6;        // CAN-SKIP-UNTIL in target durations

// Of one of the offering's renditions, which are listed; the names in it are relative to the rendition's
// path.
std::string media_playlist(const Offering& offering, const Rendition& rendition,
                           PlaylistForm form = PlaylistForm::kFull);

// What of that list is there.
hls::ListEnd list_end(const Offering& offering, const Rendition& rendition);

}  // namespace millrace::packaging
