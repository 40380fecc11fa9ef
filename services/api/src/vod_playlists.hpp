// A VodPresentation as HLS (RFC 8216). Pure. URIs are relative to /vod/<file>/ and have no query.
#pragma once

#include <string>

#include "vod_presentation.hpp"

namespace millrace::api {

std::string multivariant_playlist(const VodPresentation& presentation);
// The segments that have something of [start_us, end_us): a clip begins and ends with whole ones.
std::string media_playlist(const VodPresentation& presentation, const VodPresentation::Rendition& rendition,
                           std::int64_t start_us, std::int64_t end_us);

}  // namespace millrace::api
