#include "media/track_label.hpp"

#include <algorithm>
#include <cstring>

#include "base/language_tag.hpp"
#include "base/utf8.hpp"

namespace millrace::media {
namespace {

template <std::size_t kSize>
std::string text_of(const std::array<char, kSize>& field) {
  return std::string(field.begin(), std::find(field.begin(), field.end(), '\0'));
}

// Precondition: shorter than the field.
template <std::size_t kSize>
void put(std::string_view text, std::array<char, kSize>& field) {
  std::copy(text.begin(), text.end(), field.begin());
}

bool continues_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

std::string_view cut(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && continues_character(text[most])) --most;
  return text.substr(0, most);
}

// What every list can say as it is: no control characters, those of two bytes (U+0080 to U+009F) neither, and
// no U+FFFE and U+FFFF, which XML excludes.
std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7F) continue;
    if (const std::string_view three = text.substr(i, 3);
        three == "\xEF\xBF\xBE" || three == "\xEF\xBF\xBF") {
      i += 2;
      continue;
    }
    if (byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) {
      ++i;
      continue;
    }
    out += text[i];
  }
  return out;
}

}  // namespace

PictureColour picture_colour(const std::optional<codecs::Colour>& colour, const codecs::HdrMetadata& hdr) {
  PictureColour picture{};
  if (colour) {
    picture.told |= PictureColour::kColour;
    picture.primaries = colour->primaries;
    picture.transfer = colour->transfer;
    picture.matrix = colour->matrix;
  }
  if (hdr.mastering) {
    picture.told |= PictureColour::kMastering;
    picture.chromaticity = hdr.mastering->chromaticity;
    picture.max_luminance = hdr.mastering->max_luminance;
    picture.min_luminance = hdr.mastering->min_luminance;
  }
  if (hdr.light) {
    picture.told |= PictureColour::kLight;
    picture.max_content_light = hdr.light->max_content;
    picture.max_average_light = hdr.light->max_average;
  }
  return picture;
}

std::optional<codecs::Colour> colour_of(const PictureColour& picture) {
  if ((picture.told & PictureColour::kColour) == 0) return std::nullopt;
  return codecs::Colour{picture.primaries, picture.transfer, picture.matrix, false};
}

codecs::HdrMetadata hdr_of(const PictureColour& picture) {
  codecs::HdrMetadata hdr;
  if ((picture.told & PictureColour::kMastering) != 0)
    hdr.mastering =
        codecs::MasteringDisplay{picture.chromaticity, picture.max_luminance, picture.min_luminance};
  if ((picture.told & PictureColour::kLight) != 0)
    hdr.light = codecs::ContentLight{picture.max_content_light, picture.max_average_light};
  return hdr;
}

TrackLabel track_label(std::string_view language, std::string_view name) {
  TrackLabel label{};
  static_assert(std::tuple_size_v<decltype(label.language)> > kMaxLanguageTag);
  if (const auto tag = language_tag(language)) put(*tag, label.language);
  if (is_valid_utf8(name)) put(cut(printable(name), label.name.size() - 1), label.name);
  return label;
}

std::string language_of(const TrackLabel& label) {
  return language_tag(text_of(label.language)).value_or("");
}

std::string name_of(const TrackLabel& label) {
  std::string name = text_of(label.name);
  return is_valid_utf8(name) ? name : std::string();
}

}  // namespace millrace::media
