// What viewers see of a rendition: its name, its captions, its colours; the same in every kind of list.
// Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "offering.hpp"

namespace millrace::packaging {

// Precondition: the rendition has a segment.
const RenditionSegment& newest_segment(const Rendition& rendition);

// As the encoder named it, else "Audio 1", of a picture "v0"; never the same as one of taken, which it is
// added to, also where quotation marks cannot be shown (HLS).
std::string rendition_label(const Rendition& rendition, std::vector<std::string>& taken);

// As HLS names the channels and services of captions: "CC1", "SERVICE1". Of what is listed of the stream's
// first picture; services only where there is no channel: they say the same.
std::vector<std::string> captions(const Offering& offering);

// RFC 8216bis 4.4.6.2: "SDR", "PQ", "HLG" from the transfer characteristics; empty: they are not told.
std::string_view video_range(const std::optional<codecs::Colour>& colour);

}  // namespace millrace::packaging
