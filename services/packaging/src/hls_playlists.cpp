#include "hls_playlists.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <span>

#include "bandwidth.hpp"
#include "manifest/hls/multivariant_playlist.hpp"
#include "track_labels.hpp"

namespace millrace::packaging {
namespace {

constexpr std::int64_t kMicroseconds = 1'000'000;
constexpr std::string_view kVideoGroup = "video";
constexpr std::string_view kCaptionsGroup = "captions";

// Of its list, whose name they all have.
std::string uri_of(const Offering& offering, const Rendition& rendition) {
  return to_string(rendition.name) + '/' + std::string(offering.list_name);
}

std::vector<TrackSpan> listed_spans(const Offering& offering, const Rendition& rendition) {
  std::vector<TrackSpan> spans;
  for (std::size_t i = offering.listing.first_described(); i < rendition.segments.size(); ++i) {
    if (rendition.segments[i]) spans.push_back(rendition.segments[i]->span);
  }
  return spans;
}

// Of what is listed with the newest picture's configuration: whole frames by their times. 0: nothing can be
// told.
std::uint32_t measured_millihertz(const Offering& offering, const Rendition& picture) {
  if (picture.planned) return picture.planned->frame_rate_millihertz;
  const RenditionSegment& last = newest_segment(picture);
  std::uint64_t frames = 0;
  std::uint64_t ticks = 0;
  for (std::size_t i = offering.listing.first_described(); i < picture.segments.size(); ++i) {
    const auto& segment = picture.segments[i];
    if (!segment || segment->description != last.description) continue;
    frames += segment->span.samples;
    ticks += static_cast<std::uint64_t>(segment->span.last_dts - segment->span.first_dts) +
             segment->span.last_duration;
  }
  return ticks == 0 ? 0
                    : static_cast<std::uint32_t>(frames * 1000 * last.description->timing.timescale / ticks);
}

// As it is measured; of what is planned no less than that.
Bandwidth bandwidth_of(const Offering& offering, const Rendition& rendition) {
  const std::vector<TrackSpan> spans = listed_spans(offering, rendition);
  Bandwidth own;
  if (!spans.empty()) own = bandwidth(spans, offering.listing.target_duration_seconds * kMicroseconds);
  if (!rendition.planned) return own;
  return {std::max(own.peak, rendition.planned->most.peak),
          own.average != 0 ? own.average : rendition.planned->most.average};
}

void add_codec(std::vector<std::string>& codecs, const std::string& codec) {
  if (std::find(codecs.begin(), codecs.end(), codec) == codecs.end()) codecs.push_back(codec);
}

// Sounds that a player may change between: of one codec, for one that it can't decode would rule out the
// others of the group.
struct AudioGroup {
  std::string id;
  std::vector<const Rendition*> sounds;
  std::vector<std::string> codecs;
  Bandwidth most{};
};

std::vector<AudioGroup> audio_groups(const Offering& offering) {
  std::vector<AudioGroup> groups;
  for (const Rendition& rendition : offering.renditions) {
    if (rendition.is_video() || !rendition.current) continue;
    const std::string& codec = description_of(rendition).codec;
    const std::string id = "audio-" + codec.substr(0, codec.find('.'));
    auto group =
        std::find_if(groups.begin(), groups.end(), [&](const auto& known) { return known.id == id; });
    if (group == groups.end()) group = groups.insert(group, AudioGroup{id, {}, {}});
    group->sounds.push_back(&rendition);
    add_codec(group->codecs, codec);
    const Bandwidth own = bandwidth_of(offering, rendition);
    group->most.peak = std::max(group->most.peak, own.peak);
    group->most.average = std::max(group->most.average, own.average);
  }
  return groups;
}

// Pictures: those that a player may change between at any segment are variants, others are alternatives to
// the first one.
struct Pictures {
  std::vector<const Rendition*> variants;
  std::vector<const Rendition*> alternatives;
  const Rendition* leading = nullptr;  // among the variants: the first of the source
};

Pictures pictures(const Offering& offering) {
  Pictures found;
  for (const Rendition& rendition : offering.renditions) {
    if (!rendition.is_video() || !rendition.current) continue;
    const bool switches =
        found.variants.empty() || is_switching_set(offering, *found.variants.front(), rendition);
    (switches ? found.variants : found.alternatives).push_back(&rendition);
  }
  found.leading = found.variants.empty() ? nullptr : found.variants.front();
  return found;
}

hls::Variant picture_variant(const Offering& offering, const Rendition& picture) {
  const TrackDescription& description = description_of(picture);
  hls::Variant variant;
  variant.uri = uri_of(offering, picture);
  const Bandwidth own = bandwidth_of(offering, picture);
  variant.bandwidth = own.peak;
  variant.average_bandwidth = own.average;
  variant.codecs.push_back(description.codec);
  variant.width = description.width;
  variant.height = description.height;
  variant.video_range = video_range(description.track.colour);
  variant.frame_rate_millihertz =
      description.frames_per_second
          ? static_cast<std::uint32_t>(std::lround(*description.frames_per_second * 1000))
          : measured_millihertz(offering, picture);
  return variant;
}

// A player may take any of the alternatives for the variant's own picture.
void allow_alternatives(const Offering& offering, const Pictures& found, hls::Variant& variant) {
  if (found.alternatives.empty()) return;
  variant.video_group = kVideoGroup;
  for (const Rendition* other : found.alternatives) {
    const hls::Variant alone = picture_variant(offering, *other);
    variant.bandwidth = std::max(variant.bandwidth, alone.bandwidth);
    variant.average_bandwidth = std::max(variant.average_bandwidth, alone.average_bandwidth);
    add_codec(variant.codecs, alone.codecs.front());
  }
}

void name_alternatives(const Offering& offering, const Pictures& found, hls::MultivariantPlaylist& playlist) {
  if (found.alternatives.empty()) return;
  std::vector<std::string> taken;
  hls::Alternative alternative;
  alternative.type = hls::Alternative::Type::kVideo;
  alternative.group = kVideoGroup;
  alternative.name = rendition_label(*found.leading, taken);
  alternative.is_default = true;  // and without a URI: the variant's own
  playlist.alternatives.push_back(alternative);
  for (const Rendition* other : found.alternatives) {
    alternative.name = rendition_label(*other, taken);
    alternative.uri = uri_of(offering, *other);
    alternative.is_default = false;
    playlist.alternatives.push_back(alternative);
  }
}

void name_sounds(const Offering& offering, const AudioGroup& group, hls::MultivariantPlaylist& playlist) {
  std::vector<std::string> taken;
  for (const Rendition* sound : group.sounds) {
    hls::Alternative alternative;
    alternative.group = group.id;
    alternative.name = rendition_label(*sound, taken);
    alternative.language = description_of(*sound).language;
    alternative.uri = uri_of(offering, *sound);
    alternative.is_default = sound == group.sounds.front();
    alternative.channels = description_of(*sound).track.channels;
    playlist.alternatives.push_back(std::move(alternative));
  }
}

// Players read the multivariant playlist once: what is not listed here they never show.
std::string name_captions(const Offering& offering, hls::MultivariantPlaylist& playlist) {
  const std::vector<std::string> found = captions(offering);
  if (found.empty()) return std::string(hls::kNoCaptions);
  for (const std::string& name : found) {
    hls::Alternative alternative;
    alternative.type = hls::Alternative::Type::kClosedCaptions;
    alternative.group = kCaptionsGroup;
    alternative.name = name;
    alternative.instream_id = name;
    playlist.alternatives.push_back(std::move(alternative));
  }
  return std::string(kCaptionsGroup);
}

void add_group(const AudioGroup& group, hls::Variant& variant) {
  variant.audio_group = group.id;
  variant.bandwidth += group.most.peak;
  variant.average_bandwidth += group.most.average;
  for (const std::string& codec : group.codecs) add_codec(variant.codecs, codec);
}

// Of sound alone (RFC 8216 8.6): the variant's list is that of its group's first. One sound needs no group.
hls::Variant sound_variant(const Offering& offering, const AudioGroup& group, bool alone) {
  hls::Variant variant;
  variant.uri = uri_of(offering, *group.sounds.front());
  add_group(group, variant);
  if (alone) variant.audio_group.clear();
  return variant;
}

// The source's, then what is made of it, each by their bit rates, the largest first: players begin with the
// first one, which nobody has to make.
std::vector<hls::Variant> picture_variants(const Offering& offering, const Pictures& found) {
  std::vector<hls::Variant> variants;
  std::vector<hls::Variant> made;
  for (const Rendition* picture : found.variants) {
    std::vector<hls::Variant>& kind = picture->is_made() ? made : variants;
    kind.push_back(picture_variant(offering, *picture));
    if (picture == found.leading) allow_alternatives(offering, found, kind.back());
  }
  const auto by_bit_rate = [](const hls::Variant& a, const hls::Variant& b) {
    return a.average_bandwidth > b.average_bandwidth;
  };
  std::stable_sort(variants.begin(), variants.end(), by_bit_rate);
  std::stable_sort(made.begin(), made.end(), by_bit_rate);
  variants.insert(variants.end(), std::make_move_iterator(made.begin()), std::make_move_iterator(made.end()));
  return variants;
}

}  // namespace

std::string multivariant_playlist(const Offering& offering) {
  hls::MultivariantPlaylist playlist;
  const std::vector<AudioGroup> groups = audio_groups(offering);
  const Pictures found = pictures(offering);
  const bool one_sound = groups.size() == 1 && groups.front().sounds.size() == 1;
  for (const AudioGroup& group : groups) {
    if (!found.variants.empty() || !one_sound) name_sounds(offering, group, playlist);
    if (found.variants.empty()) playlist.variants.push_back(sound_variant(offering, group, one_sound));
  }
  name_alternatives(offering, found, playlist);
  const std::string captions_group =
      found.variants.empty() ? std::string() : name_captions(offering, playlist);
  for (hls::Variant& variant : picture_variants(offering, found)) {
    variant.captions_group = captions_group;
    if (groups.empty()) playlist.variants.push_back(variant);
    for (const AudioGroup& group : groups) {
      playlist.variants.push_back(variant);
      add_group(group, playlist.variants.back());
    }
  }
  return hls::serialize(playlist);
}

}  // namespace millrace::packaging
