// A VodPresentation as DASH (ISO/IEC 23009-1): a static MPD of one Period, with the names of segments and
// init segments that HLS has. Pure. URIs are relative to /vod/<file>/ and have no query.
#pragma once

#include <string>

#include "vod_presentation.hpp"

namespace millrace::api {

// Empty where it cannot be said so: a timeline counts its segments without a gap, and a track that pauses
// while others go on has some.
std::string vod_mpd(const VodPresentation& presentation);

}  // namespace millrace::api
