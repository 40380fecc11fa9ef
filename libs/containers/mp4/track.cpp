#include "containers/mp4/track.hpp"

#include <algorithm>

#include "codecs/aac.hpp"
#include "codecs/av1.hpp"
#include "codecs/h264.hpp"
#include "codecs/h265.hpp"
#include "codecs/vp9.hpp"

namespace millrace::mp4 {
namespace {

template <class Configuration, class Same>
bool both(const Result<Configuration>& a, const Result<Configuration>& b, Same same) {
  return a && b && same(*a, *b);
}

// Baseline, Main, Extended and High hold the same kind of picture: 8 bits, 4:2:0.
bool same_pictures(const codecs::AvcConfiguration& a, const codecs::AvcConfiguration& b) {
  const auto usual = [](std::uint8_t profile) {
    return profile == 66 || profile == 77 || profile == 88 || profile == 100;
  };
  return a.profile == b.profile || (usual(a.profile) && usual(b.profile));
}

// What a decoder may take up in the middle of a track. The sample entry's other fields are equal.
bool can_follow(Codec codec, ByteView from, ByteView to) {
  switch (codec) {
    case Codec::kAvc:
      return both(codecs::parse_avc_configuration(from), codecs::parse_avc_configuration(to), same_pictures);
    case Codec::kHevc:
      return both(codecs::parse_hevc_configuration(from), codecs::parse_hevc_configuration(to),
                  [](const auto& a, const auto& b) {
                    return a.profile == b.profile && a.chroma_format == b.chroma_format &&
                           a.bit_depth == b.bit_depth;
                  });
    case Codec::kAv1:
      return both(codecs::parse_av1_configuration(from), codecs::parse_av1_configuration(to),
                  [](const auto& a, const auto& b) {
                    return a.profile == b.profile && a.bit_depth == b.bit_depth &&
                           a.monochrome == b.monochrome && a.chroma_subsampling == b.chroma_subsampling;
                  });
    case Codec::kVp9:
      return both(codecs::parse_vp9_configuration(from), codecs::parse_vp9_configuration(to),
                  [](const auto& a, const auto& b) {
                    return a.profile == b.profile && a.bit_depth == b.bit_depth &&
                           a.chroma_subsampling == b.chroma_subsampling;
                  });
    case Codec::kAac:
      return both(codecs::parse_audio_specific_config(from), codecs::parse_audio_specific_config(to),
                  [](const auto& a, const auto& b) {
                    return a.object_type == b.object_type && a.frame_length == b.frame_length &&
                           a.sbr == b.sbr && a.ps == b.ps &&
                           a.extension_sample_rate == b.extension_sample_rate;
                  });
    case Codec::kAc3:
    case Codec::kEac3:
    case Codec::kMp3:
      return true;  // each frame says all of it
    case Codec::kOpus:
    case Codec::kFlac:
      return false;  // decoders take the header of the beginning
  }
  return false;
}

// Equal but for the configurations, and for what people are told of it.
bool same_entry(const Track& a, const Track& b) {
  return a.id == b.id && a.type == b.type && a.codec == b.codec && a.timescale == b.timescale &&
         a.width == b.width && a.height == b.height && a.colour == b.colour && a.hdr == b.hdr &&
         a.sample_rate == b.sample_rate && a.channels == b.channels;
}

}  // namespace

std::uint32_t find_description(const Track& track, const Track& other) {
  if (!same_entry(track, other)) return 0;
  if (track.configuration == other.configuration) return 1;
  const auto known = std::find(track.further.begin(), track.further.end(), other.configuration);
  return known == track.further.end() ? 0 : static_cast<std::uint32_t>(known - track.further.begin()) + 2;
}

std::optional<std::uint32_t> take_description(Track& track, const Track& other) {
  if (const std::uint32_t known = find_description(track, other); known != 0) return known;
  if (!same_entry(track, other) || sample_descriptions(track) >= kMaxSampleDescriptions ||
      !can_follow(track.codec, track.configuration, other.configuration)) {
    return std::nullopt;
  }
  track.further.push_back(other.configuration);
  return sample_descriptions(track);
}

bool continues(const Track& later, const Track& earlier) {
  return same_entry(later, earlier) && later.configuration == earlier.configuration &&
         later.further.size() >= earlier.further.size() &&
         std::equal(earlier.further.begin(), earlier.further.end(), later.further.begin());
}

}  // namespace millrace::mp4
