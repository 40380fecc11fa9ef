// What the log's descriptions say in words and of colours, to and from the types that others use. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "codecs/colour.hpp"
#include "media/sample.hpp"

namespace millrace::media {

PictureColour picture_colour(const std::optional<codecs::Colour>& colour, const codecs::HdrMetadata& hdr);
// nullopt where none is stated. The range is not: limited.
std::optional<codecs::Colour> colour_of(const PictureColour& picture);
codecs::HdrMetadata hdr_of(const PictureColour& picture);

// language: a tag as language_tag gives it, else none. name: what is no printable UTF-8 is left out, what is
// too long is cut between two characters.
TrackLabel track_label(std::string_view language, std::string_view name);
std::string language_of(const TrackLabel& label);
std::string name_of(const TrackLabel& label);

}  // namespace millrace::media
