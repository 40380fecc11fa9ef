// HLS of what a stream offers: which renditions, groups and variants there are. Pure; the text itself is
// libs/manifest's. What a rendition's list says: hls_media_playlist.hpp.
#pragma once

#include <string>

#include "offering.hpp"

namespace millrace::packaging {

// The names in it are relative to the stream's path.
std::string multivariant_playlist(const Offering& offering);

}  // namespace millrace::packaging
