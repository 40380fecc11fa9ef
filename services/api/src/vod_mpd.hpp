// A VodPresentation as DASH (ISO/IEC 23009-1): a static MPD of one Period, with the segments and init
// segments that HLS has. Those of a track that pauses while others go on are named by their times. Pure. URIs
// are relative to /vod/<file>/ and have no query.
#pragma once

#include <string>

#include "vod_presentation.hpp"

namespace millrace::api {

// Its time 0 is where the range begins.
std::string vod_mpd(const VodPresentation& presentation, VodPresentation::Range range);

}  // namespace millrace::api
