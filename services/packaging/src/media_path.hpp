// The names under which a stream's parts are fetched, made and read in one place. Pure.
//
//   /live/<id>.flv          /live/<id>/live.flv
//   /live/<id>/index.m3u8   /live/<id>/master.m3u8                                the multivariant playlist
//   /live/<id>/manifest.mpd                                                       the same for DASH
//   /live/<id>/<rendition>/index.m3u8                                             a rendition's list
//   /streams/<id>/index.m3u8   /streams/<id>/master.m3u8   /streams/<id>/dash/manifest.mpd   the lists, by
//                                                                                 names of older servers
//   /live/<id>/dvr.m3u8   /live/<id>/<rendition>/dvr.m3u8   /live/<id>/dvr.mpd     the same with the past
//   /live/<id>/<rendition>/init-<publication>-<incarnation>-<configuration>.mp4
//   /live/<id>/<rendition>/<media sequence>-<publication>-<incarnation>.m4s
//   /live/<id>/<rendition>/p<running number>-<publication>-<incarnation>.m4s      a part of a segment
//
// Of a ladder's rendition, which several writers may make one after the other: publication and incarnation
// in the names of segments and init segments are the source's, so that they are known before there is
// anything; the configuration is a hash of what the init segment is made of. Each of its segments is whole in
// one log at most. Parts are named by that log.
//
// Publications are 16 hexadecimal digits, so that no name is ever used for other bytes: numbers continue over
// all publications of a stream, and a stream whose past was lost begins with other publications. The
// incarnation is that of the log's writer: one that begins a log of the same publication again has the next.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "segment.hpp"

namespace millrace::packaging {

inline constexpr std::string_view kPlaylistName = "index.m3u8";
inline constexpr std::string_view kMultivariantPlaylistName = "master.m3u8";
inline constexpr std::string_view kManifestName = "manifest.mpd";
inline constexpr std::string_view kDvrPlaylistName = "dvr.m3u8";  // of the stream, and of each rendition
inline constexpr std::string_view kDvrManifestName = "dvr.mpd";

// "v0", "a0": the first video and audio track of every publication, always there. A further track has its
// number in the log less two, so that its name does not depend on which others are known yet: a stream of two
// pictures and two sounds has v0, a0, v1 and a2. Ladders add a dash and a name of their own ("v0-360p").
struct RenditionName {
  media::TrackKind kind = media::TrackKind::kVideo;
  std::uint8_t number = 0;
  std::string rung{};  // "360p": made from the source's; empty: the source's itself

  bool is_made() const { return !rung.empty(); }
  auto operator<=>(const RenditionName&) const = default;  // NOLINT(modernize-use-nullptr): false
};

// Of a video or audio track.
inline RenditionName rendition_name(media::TrackKind kind, std::uint8_t track) {
  const bool first = track == media::kVideoTrack || track == media::kAudioTrack;
  return {kind, static_cast<std::uint8_t>(first ? 0 : track - media::kDataTrack)};
}

// Of what a log of the role kRendition is; nullopt: no name of a ladder's rendition.
std::optional<RenditionName> parse_made_rendition(std::string_view text);

// The other way round: of the rendition's track in a log that has it.
inline std::uint8_t track_of(const RenditionName& name) {
  if (name.number != 0) return static_cast<std::uint8_t>(name.number + media::kDataTrack);
  return name.kind == media::TrackKind::kVideo ? media::kVideoTrack : media::kAudioTrack;
}

struct InitName {
  PublicationId publication_id{};
  std::uint32_t incarnation = 0;
  std::uint32_t configuration = 0;

  bool operator==(const InitName&) const = default;
};

struct SegmentName {
  PublicationId publication_id{};
  std::uint32_t incarnation = 0;
  std::uint64_t media_sequence = 0;

  bool operator==(const SegmentName&) const = default;
};

// number: Part::number, of the rendition's track in the publication's log.
struct PartName {
  PublicationId publication_id{};
  std::uint32_t incarnation = 0;
  std::uint32_t number = 0;

  bool operator==(const PartName&) const = default;
};

// As names have it: sixteen hexadecimal digits.
std::string publication_text(PublicationId publication_id);
std::string to_string(const RenditionName& name);
std::string to_string(const InitName& name);
std::string to_string(const SegmentName& name);
std::string to_string(const PartName& name);
// Names as DASH makes them (ISO/IEC 23009-1 5.3.9.4.4), of all segments whose media sequence has the same
// digits before its last nine. Those are part of the template: players keep numbers in 31 bits.
struct NameTemplate {
  std::string text;        // with "$Number$" or "$Number%09d$"
  std::uint64_t base = 0;  // a segment's number is its media sequence less this
};
NameTemplate name_template(const SegmentName& name);
// Exactly what to_string makes; nullopt for anything else.
std::optional<InitName> parse_init_name(std::string_view text);
std::optional<SegmentName> parse_segment_name(std::string_view text);
std::optional<PartName> parse_part_name(std::string_view text);

inline InitName init_name(const Segment& segment, const TrackSpan& span) {
  return {segment.publication_id, segment.incarnation, span.configuration};
}
inline SegmentName segment_name(const Segment& segment) {
  return {segment.publication_id, segment.incarnation, segment.media_sequence};
}
inline PartName part_name(const Segment& segment, std::uint32_t number) {
  return {segment.publication_id, segment.incarnation, number};
}

// The id of "/live/<id>.flv" or "/live/<id>/live.flv"; nullopt for anything else. A view into path.
std::optional<std::string_view> parse_flv_path(std::string_view path);

// "/live/<id>/<name>" and "/live/<id>/<rendition>/<name>" with a valid id, and the lists under /streams/;
// nullopt for anything else. Views into path.
struct StreamPath {
  std::string_view stream_id;
  std::string_view rendition;  // empty: of the stream as a whole
  std::string_view name;       // without a slash
  // Of a list by another name: how one comes from there to /live/<id>/. Else empty.
  std::string base{};

  bool is_playlist() const {
    return name == kPlaylistName || (rendition.empty() && name == kMultivariantPlaylistName);
  }
  bool is_manifest() const { return rendition.empty() && name == kManifestName; }
  bool is_dvr_playlist() const { return name == kDvrPlaylistName; }
  bool is_dvr_manifest() const { return rendition.empty() && name == kDvrManifestName; }
};
std::optional<StreamPath> parse_stream_path(std::string_view path);

}  // namespace millrace::packaging
