#include "vod_playlists.hpp"

#include <algorithm>

#include "base/language_tag.hpp"
#include "manifest/hls/media_playlist.hpp"
#include "manifest/hls/multivariant_playlist.hpp"

namespace millrace::api {
namespace {

using Rendition = VodPresentation::Rendition;

constexpr std::string_view kVideoGroup = "video";

std::string uri_of(const Rendition& rendition) {
  return rendition.name + "/index.m3u8";
}

// ISO/IEC 23091-2 transfer characteristics.
std::string video_range(const std::optional<codecs::Colour>& colour) {
  constexpr std::uint8_t kPerceptualQuantizer = 16;
  constexpr std::uint8_t kHybridLogGamma = 18;
  if (colour && colour->transfer == kPerceptualQuantizer) return "PQ";
  if (colour && colour->transfer == kHybridLogGamma) return "HLG";
  return {};
}

void add_codec(std::vector<std::string>& codecs, const std::string& codec) {
  if (std::find(codecs.begin(), codecs.end(), codec) == codecs.end()) codecs.push_back(codec);
}

// A player may change between them at any segment.
bool are_aligned(const VodPresentation& presentation, const Rendition& one, const Rendition& other) {
  if (!presentation.is_independent(one) || !presentation.is_independent(other)) return false;
  for (std::size_t number = 0; number < presentation.segments(); ++number) {
    const bool same =
        presentation.has_segment(one, number) == presentation.has_segment(other, number) &&
        presentation.segment_start_us(one, number) == presentation.segment_start_us(other, number);
    if (!same) return false;
  }
  return true;
}

// Sounds of one codec: one that a player can't decode would rule out the others of its group.
struct Sounds {
  std::string group;
  std::vector<const Rendition*> renditions;
};

std::vector<Sounds> groups_of_sounds(const VodPresentation& presentation) {
  std::vector<Sounds> groups;
  for (const Rendition& rendition : presentation.renditions()) {
    if (presentation.is_video(rendition)) continue;
    const std::string id = "audio-" + rendition.codec.substr(0, rendition.codec.find('.'));
    auto group =
        std::find_if(groups.begin(), groups.end(), [&](const Sounds& known) { return known.group == id; });
    if (group == groups.end()) group = groups.insert(group, Sounds{id, {}});
    group->renditions.push_back(&rendition);
  }
  return groups;
}

void name_sounds(const VodPresentation& presentation, const Sounds& sounds,
                 hls::MultivariantPlaylist& playlist) {
  for (const Rendition* sound : sounds.renditions) {
    hls::Alternative alternative;
    alternative.group = sounds.group;
    alternative.name = "Audio " + sound->name.substr(1);
    alternative.language = shortest_language(presentation.track(*sound).track().language);
    alternative.uri = uri_of(*sound);
    alternative.is_default = sound == sounds.renditions.front();
    alternative.channels = presentation.track(*sound).track().channels;
    playlist.alternatives.push_back(std::move(alternative));
  }
}

void add_sounds(const Sounds& sounds, hls::Variant& variant) {
  variant.audio_group = sounds.group;
  std::uint64_t peak = 0, average = 0;
  for (const Rendition* sound : sounds.renditions) {
    peak = std::max(peak, sound->peak_bandwidth);
    average = std::max(average, sound->average_bandwidth);
    add_codec(variant.codecs, sound->codec);
  }
  variant.bandwidth += peak;
  variant.average_bandwidth += average;
}

hls::Variant picture_variant(const VodPresentation& presentation, const Rendition& picture) {
  const mp4::FinishedTrack& track = presentation.track(picture);
  hls::Variant variant;
  variant.uri = uri_of(picture);
  variant.bandwidth = picture.peak_bandwidth;
  variant.average_bandwidth = picture.average_bandwidth;
  variant.codecs.push_back(picture.codec);
  variant.width = track.track().width;
  variant.height = track.track().height;
  variant.video_range = video_range(track.track().colour);
  variant.frame_rate_millihertz = presentation.frame_rate_millihertz(picture);
  return variant;
}

void add_alternative_pictures(const VodPresentation& presentation,
                              const std::vector<const Rendition*>& others, const Rendition& first,
                              hls::Variant& variant, hls::MultivariantPlaylist& playlist) {
  if (others.empty()) return;
  variant.video_group = kVideoGroup;
  hls::Alternative alternative;
  alternative.type = hls::Alternative::Type::kVideo;
  alternative.group = kVideoGroup;
  alternative.name = first.name;
  alternative.is_default = true;  // and without a URI: the variant's own
  playlist.alternatives.push_back(alternative);
  for (const Rendition* other : others) {
    const hls::Variant alone = picture_variant(presentation, *other);
    variant.bandwidth = std::max(variant.bandwidth, alone.bandwidth);
    variant.average_bandwidth = std::max(variant.average_bandwidth, alone.average_bandwidth);
    add_codec(variant.codecs, other->codec);
    alternative.name = other->name;
    alternative.uri = uri_of(*other);
    alternative.is_default = false;
    playlist.alternatives.push_back(alternative);
  }
}

}  // namespace

std::string multivariant_playlist(const VodPresentation& presentation) {
  hls::MultivariantPlaylist playlist;
  std::vector<const Rendition*> pictures, others;
  for (const Rendition& rendition : presentation.renditions()) {
    if (!presentation.is_video(rendition)) continue;
    const bool switches = pictures.empty() || are_aligned(presentation, *pictures.front(), rendition);
    (switches ? pictures : others).push_back(&rendition);
  }
  const std::vector<Sounds> sounds = groups_of_sounds(presentation);
  const bool one_sound_alone =
      pictures.empty() && sounds.size() == 1 && sounds.front().renditions.size() == 1;
  for (const Sounds& group : sounds) {
    if (!one_sound_alone) name_sounds(presentation, group, playlist);
    if (!pictures.empty()) continue;
    hls::Variant& variant = playlist.variants.emplace_back();
    variant.uri = uri_of(*group.renditions.front());
    add_sounds(group, variant);
    if (one_sound_alone) variant.audio_group.clear();
  }
  for (const Rendition* picture : pictures) {
    hls::Variant variant = picture_variant(presentation, *picture);
    if (picture == pictures.front())
      add_alternative_pictures(presentation, others, *picture, variant, playlist);
    if (sounds.empty()) playlist.variants.push_back(variant);
    for (const Sounds& group : sounds) {
      playlist.variants.push_back(variant);
      add_sounds(group, playlist.variants.back());
    }
  }
  return hls::serialize(playlist);
}

std::string media_playlist(const VodPresentation& presentation, const Rendition& rendition,
                           VodPresentation::Range range) {
  hls::MediaPlaylist playlist;
  playlist.target_duration_seconds = hls::rounded_seconds(presentation.longest_segment_us());
  playlist.independent_segments = presentation.is_independent(rendition);
  playlist.ended = playlist.for_good = true;
  playlist.media_sequence = range.begin;
  bool has_any = false;
  for (std::size_t number = range.begin; number < range.end; ++number) {
    hls::MediaSegment& segment = playlist.segments.emplace_back();
    segment.uri = std::to_string(number) + ".m4s";
    segment.map_uri = "init.mp4";
    segment.duration_us = presentation.segment_duration_us(rendition, number);
    segment.gap = !presentation.has_segment(rendition, number);
    has_any = has_any || !segment.gap;
  }
  // A track that ends early has no gap behind it; but no player takes a list without a segment.
  while (has_any && playlist.segments.back().gap) playlist.segments.pop_back();
  return hls::serialize(playlist);
}

}  // namespace millrace::api
