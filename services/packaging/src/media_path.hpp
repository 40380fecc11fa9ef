// The names under which a stream's parts are fetched, made and read in one place. Pure.
//
//   /live/<id>.flv          /live/<id>/live.flv
//   /live/<id>/index.m3u8   /live/<id>/master.m3u8
//   /live/<id>/<media sequence>-<publication>.m4s
//   /live/<id>/init-<publication>-<video configuration>-<audio configuration>.mp4      "x": no such track
//
// Publications are 16 hexadecimal digits, so that no name is ever used for other bytes: numbers continue over
// all publications of a stream, and a stream whose past was lost begins with other publications.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "segment.hpp"

namespace millrace::packaging {

inline constexpr std::string_view kMediaPlaylistName = "index.m3u8";
inline constexpr std::string_view kMultivariantPlaylistName = "master.m3u8";

struct InitName {
  std::uint64_t publication_id = 0;
  std::array<std::optional<std::uint32_t>, kTracks> configurations;

  bool operator==(const InitName&) const = default;
};

struct SegmentName {
  std::uint64_t publication_id = 0;
  std::uint64_t media_sequence = 0;
};

std::string to_string(const InitName& name);
std::string to_string(const SegmentName& name);
// Exactly what to_string makes; nullopt for anything else.
std::optional<InitName> parse_init_name(std::string_view text);
std::optional<SegmentName> parse_segment_name(std::string_view text);

inline InitName init_name(const Segment& segment) {
  return {segment.publication_id, segment.configurations};
}
inline SegmentName segment_name(const Segment& segment) {
  return {segment.publication_id, segment.media_sequence};
}

// The id of "/live/<id>.flv" or "/live/<id>/live.flv"; nullopt for anything else. A view into path.
std::optional<std::string_view> parse_flv_path(std::string_view path);

// "/live/<id>/<name>" with a valid id; nullopt for anything else. Views into path.
struct StreamPath {
  std::string_view stream_id;
  std::string_view name;
};
std::optional<StreamPath> parse_stream_path(std::string_view path);

}  // namespace millrace::packaging
