#include "track_labels.hpp"

#include <algorithm>
#include <array>

#include "codecs/captions.hpp"

namespace millrace::packaging {
namespace {

struct CaptionName {
  std::uint8_t bit;
  std::string_view name;
  bool service;
};
constexpr std::array kCaptionNames = {
    CaptionName{codecs::kCaptionsCc1, "CC1", false},          CaptionName{codecs::kCaptionsCc2, "CC2", false},
    CaptionName{codecs::kCaptionsCc3, "CC3", false},          CaptionName{codecs::kCaptionsCc4, "CC4", false},
    CaptionName{codecs::kCaptionsService1, "SERVICE1", true},
};
constexpr std::uint8_t kChannels =
    codecs::kCaptionsCc1 | codecs::kCaptionsCc2 | codecs::kCaptionsCc3 | codecs::kCaptionsCc4;

bool has(const std::vector<std::string>& taken, const std::string& name) {
  return std::find(taken.begin(), taken.end(), name) != taken.end();
}

// As HLS shows it: its quoted strings have no quotation marks.
std::string without_quotes(std::string label) {
  std::erase(label, '"');
  return label;
}

}  // namespace

const RenditionSegment& newest_segment(const Rendition& rendition) {
  return **std::find_if(rendition.segments.rbegin(), rendition.segments.rend(),
                        [](const auto& segment) { return segment.has_value(); });
}

std::string rendition_label(const Rendition& rendition, std::vector<std::string>& taken) {
  std::string label = description_of(rendition).name;
  if (without_quotes(label).empty())
    label = rendition.is_video() ? to_string(rendition.name)
                                 : "Audio " + std::to_string(rendition.name.number + 1);
  while (has(taken, without_quotes(label))) label += " (" + to_string(rendition.name) + ")";
  taken.push_back(without_quotes(label));
  return label;
}

std::vector<std::string> captions(const Offering& offering) {
  std::uint8_t found = 0;
  for (const Rendition& rendition : offering.renditions) {
    if (!rendition.is_video() || rendition.name.number != 0) continue;
    for (std::size_t i = offering.listing.first_listed; i < rendition.segments.size(); ++i) {
      if (rendition.segments[i]) found |= rendition.segments[i]->span.captions;
    }
  }
  std::vector<std::string> names;
  for (const CaptionName& caption : kCaptionNames) {
    const bool said = caption.service && (found & kChannels) != 0;
    if ((found & caption.bit) != 0 && !said) names.emplace_back(caption.name);
  }
  return names;
}

std::string_view video_range(const std::optional<codecs::Colour>& colour) {
  if (!colour) return {};
  switch (colour->transfer) {
    case 1:  // BT.709, BT.601, sRGB, BT.2020
    case 6:
    case 13:
    case 14:
    case 15:
      return "SDR";
    case 16:
      return "PQ";
    case 18:
      return "HLG";
    default:
      return {};
  }
}

}  // namespace millrace::packaging
