#include "manifest/hls/media_playlist.hpp"

#include <algorithm>

#include "base/clock.hpp"
#include "manifest/hls/text.hpp"

namespace millrace::hls {
namespace {

constexpr std::int64_t kMicroseconds = 1'000'000;
// More tags in a row than this say nothing more to any player; it bounds the text a wild number could cause.
constexpr std::uint64_t kMaxDiscontinuities = 64;

// Seconds with at least three and at most six decimals: "2.000", "2.002033".
void append_seconds(std::string& out, std::int64_t duration_us) {
  const std::int64_t us = std::max<std::int64_t>(duration_us, 1);
  std::string fraction = std::to_string(us % kMicroseconds);
  fraction.insert(0, 6 - fraction.size(), '0');
  while (fraction.size() > 3 && fraction.back() == '0') fraction.pop_back();
  out += std::to_string(us / kMicroseconds);
  out += '.';
  out += fraction;
}

void append_tag(std::string& out, std::string_view tag, std::uint64_t value) {
  out += tag;
  out += std::to_string(value);
  out += '\n';
}

void append_map(std::string& out, const std::string& uri) {
  out += "#EXT-X-MAP:URI=\"";
  append_clean(out, uri);
  out += "\"\n";
}

void append_segment(std::string& out, const MediaSegment& segment, const MediaSegment* before) {
  if (before != nullptr && segment.discontinuity_sequence > before->discontinuity_sequence) {
    const std::uint64_t steps = segment.discontinuity_sequence - before->discontinuity_sequence;
    for (std::uint64_t i = 0; i < std::min(steps, kMaxDiscontinuities); ++i) out += "#EXT-X-DISCONTINUITY\n";
  }
  const bool map_changed = before == nullptr || before->map_uri != segment.map_uri;
  if (map_changed && !segment.map_uri.empty()) append_map(out, segment.map_uri);
  if (segment.program_date_time) {
    out += "#EXT-X-PROGRAM-DATE-TIME:" + rfc3339(*segment.program_date_time) + '\n';
  }
  if (segment.gap) out += "#EXT-X-GAP\n";
  out += "#EXTINF:";
  append_seconds(out, segment.duration_us);
  out += ",\n";
  append_clean(out, segment.uri);
  out += '\n';
}

std::uint32_t target_duration(const MediaPlaylist& playlist) {
  std::uint32_t target = std::max<std::uint32_t>(playlist.target_duration_seconds, 1);
  for (const MediaSegment& segment : playlist.segments) {
    target = std::max(target, rounded_seconds(segment.duration_us));
  }
  return target;
}

}  // namespace

std::uint32_t rounded_seconds(std::int64_t duration_us) {
  return static_cast<std::uint32_t>(
      std::max<std::int64_t>((duration_us + kMicroseconds / 2) / kMicroseconds, 1));
}

std::string serialize(const MediaPlaylist& playlist) {
  std::string out;
  out.reserve(256 + playlist.segments.size() * 160);
  // What EXT-X-GAP needs (RFC 8216bis 8): a list that has none may come to, and its version must not change.
  out += "#EXTM3U\n#EXT-X-VERSION:8\n";
  append_tag(out, "#EXT-X-TARGETDURATION:", target_duration(playlist));
  append_tag(out, "#EXT-X-MEDIA-SEQUENCE:", playlist.media_sequence);
  if (!playlist.segments.empty()) {
    append_tag(out, "#EXT-X-DISCONTINUITY-SEQUENCE:", playlist.segments.front().discontinuity_sequence);
  }
  if (playlist.independent_segments) out += "#EXT-X-INDEPENDENT-SEGMENTS\n";
  const MediaSegment* before = nullptr;
  for (const MediaSegment& segment : playlist.segments) {
    append_segment(out, segment, before);
    before = &segment;
  }
  if (playlist.ended) out += "#EXT-X-ENDLIST\n";
  return out;
}

}  // namespace millrace::hls
