// HLS of what a stream offers: which renditions, groups and variants there are, and what each list says.
// Pure; the text itself is libs/manifest's.
#pragma once

#include <string>

#include "offering.hpp"

namespace millrace::packaging {

// The names in it are relative to the stream's path.
std::string multivariant_playlist(const Offering& offering);
// Of one of the offering's renditions; the names in it are relative to the rendition's path.
std::string media_playlist(const Offering& offering, const Rendition& rendition);

}  // namespace millrace::packaging
