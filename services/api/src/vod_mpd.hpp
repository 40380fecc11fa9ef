// A VodPresentation as DASH (ISO/IEC 23009-1): a static MPD of one Period, or of several where a track pauses
// while others go on, with the names of segments and init segments that HLS has. Pure. URIs are relative to
// /vod/<file>/ and have no query.
#pragma once

#include <string>

#include "vod_presentation.hpp"

namespace millrace::api {

// Empty where it would have more than 256 Periods: tracks pause too often.
std::string vod_mpd(const VodPresentation& presentation);

}  // namespace millrace::api
