// A VodPresentation as HLS (RFC 8216). Pure. URIs are relative to /vod/<file>/ and have no query.
#pragma once

#include <string>

#include "vod_presentation.hpp"

namespace millrace::api {

std::string multivariant_playlist(const VodPresentation& presentation);
std::string media_playlist(const VodPresentation& presentation, const VodPresentation::Rendition& rendition,
                           VodPresentation::Range range);

}  // namespace millrace::api
