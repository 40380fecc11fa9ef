#include "manifest/hls/media_playlist.hpp"

#include <algorithm>

#include "base/clock.hpp"
#include "manifest/hls/text.hpp"

namespace millrace::hls {
namespace {

constexpr std::int64_t kMicroseconds = 1'000'000;
// More tags in a row than this say nothing more to any player; it bounds the text a wild number could cause.
constexpr std::uint64_t kMaxDiscontinuities = 64;

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

void append_attribute(std::string& out, std::string_view name, std::string_view text) {
  out += name;
  out += '"';
  append_clean(out, text);
  out += '"';
}

void append_part(std::string& out, const PartialSegment& part) {
  out += "#EXT-X-PART:DURATION=";
  append_seconds(out, part.duration_us);
  append_attribute(out, ",URI=", part.uri);
  if (part.independent && !part.gap) out += ",INDEPENDENT=YES";
  if (part.gap) out += ",GAP=YES";
  out += '\n';
}

void append_beginning(std::string& out, const MediaSegment& segment, const MediaSegment* before) {
  if (before != nullptr && segment.discontinuity_sequence > before->discontinuity_sequence) {
    const std::uint64_t steps = segment.discontinuity_sequence - before->discontinuity_sequence;
    for (std::uint64_t i = 0; i < std::min(steps, kMaxDiscontinuities); ++i) out += "#EXT-X-DISCONTINUITY\n";
  }
  const bool map_changed = before == nullptr || before->map_uri != segment.map_uri;
  if (map_changed && !segment.map_uri.empty()) append_map(out, segment.map_uri);
  if (segment.program_date_time) {
    out += "#EXT-X-PROGRAM-DATE-TIME:" + rfc3339(*segment.program_date_time) + '\n';
  }
}

void append_parts(std::string& out, const MediaSegment& segment) {
  for (const PartialSegment& part : segment.parts) append_part(out, part);
}

void append_segment(std::string& out, const MediaSegment& segment, const MediaSegment* before,
                    bool with_parts) {
  append_beginning(out, segment, before);
  if (with_parts) append_parts(out, segment);
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

// What EXT-X-GAP needs (RFC 8216bis 8), and EXT-X-SKIP: a list that has none may come to, and its version
// must not change; only one without older date ranges needs more.
std::uint32_t version(const MediaPlaylist& playlist, bool skips_date_ranges) {
  if (skips_date_ranges) return 10;
  return playlist.low_latency || playlist.can_skip_until_us > 0 ? 9 : 8;
}

void append_control(std::string& out, const LowLatency& control) {
  out += "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=";
  append_seconds(out, control.can_skip_until_us);
  out += ",CAN-SKIP-DATERANGES=YES,HOLD-BACK=";
  append_seconds(out, control.hold_back_us);
  out += ",PART-HOLD-BACK=";
  append_seconds(out, control.part_hold_back_us);
  out += "\n#EXT-X-PART-INF:PART-TARGET=";
  append_seconds(out, control.part_target_us);
  out += '\n';
}

// All date ranges are in every form, so that who skips has to be told of those alone that have gone.
void append_skip(std::string& out, std::size_t segments, const MediaPlaylist& playlist, Skip skip) {
  out += "#EXT-X-SKIP:SKIPPED-SEGMENTS=" + std::to_string(segments);
  if (skip == Skip::kDateRanges) {
    out += ",RECENTLY-REMOVED-DATERANGES=\"";
    for (const std::string& id : playlist.removed_date_ranges) {
      if (&id != &playlist.removed_date_ranges.front()) out += '\t';
      append_clean(out, id);
    }
    out += '"';
  }
  out += '\n';
}

void append_hint(std::string& out, std::string_view type, std::string_view uri) {
  if (uri.empty()) return;
  out += "#EXT-X-PRELOAD-HINT:TYPE=";
  out += type;
  append_attribute(out, ",URI=", uri);
  out += '\n';
}

void append_report(std::string& out, const RenditionReport& report) {
  append_attribute(out, "#EXT-X-RENDITION-REPORT:URI=", report.uri);
  out += ",LAST-MSN=" + std::to_string(report.last_media_sequence);
  if (report.last_part) out += ",LAST-PART=" + std::to_string(*report.last_part);
  out += '\n';
}

void append_edge(std::string& out, const LowLatency& edge, const MediaSegment* before) {
  if (edge.growing && !edge.growing->parts.empty()) {
    append_beginning(out, *edge.growing, before);
    append_parts(out, *edge.growing);
  }
  append_hint(out, "MAP", edge.hinted_map);
  append_hint(out, "PART", edge.hinted_part);
  for (const RenditionReport& report : edge.reports) append_report(out, report);
}

}  // namespace

std::uint32_t rounded_seconds(std::int64_t duration_us) {
  return static_cast<std::uint32_t>(
      std::max<std::int64_t>((duration_us + kMicroseconds / 2) / kMicroseconds, 1));
}

std::size_t skipped_segments(const MediaPlaylist& playlist) {
  const std::int64_t until_us =
      playlist.low_latency ? playlist.low_latency->can_skip_until_us : playlist.can_skip_until_us;
  if (until_us == 0 || playlist.ended) return 0;
  std::int64_t behind_us = 0;
  std::size_t kept = 0;
  while (kept < playlist.segments.size() && behind_us <= until_us)
    behind_us += playlist.segments[playlist.segments.size() - ++kept].duration_us;
  return playlist.segments.size() - kept;
}

std::string serialize(const MediaPlaylist& playlist, Skip skip) {
  const std::size_t skipped = skip == Skip::kNothing ? 0 : skipped_segments(playlist);
  std::string out;
  out.reserve(512 + playlist.segments.size() * 160);
  out += "#EXTM3U\n";
  append_tag(out, "#EXT-X-VERSION:", version(playlist, skipped > 0 && skip == Skip::kDateRanges));
  append_tag(out, "#EXT-X-TARGETDURATION:", target_duration(playlist));
  if (playlist.low_latency) {
    append_control(out, *playlist.low_latency);
  } else if (playlist.can_skip_until_us > 0) {
    out += "#EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL=";
    append_seconds(out, playlist.can_skip_until_us);
    out += '\n';
  }
  append_tag(out, "#EXT-X-MEDIA-SEQUENCE:", playlist.media_sequence);
  if (!playlist.segments.empty()) {
    append_tag(out, "#EXT-X-DISCONTINUITY-SEQUENCE:", playlist.segments.front().discontinuity_sequence);
  }
  if (playlist.for_good) out += "#EXT-X-PLAYLIST-TYPE:VOD\n";
  if (playlist.independent_segments) out += "#EXT-X-INDEPENDENT-SEGMENTS\n";
  if (skipped > 0) append_skip(out, skipped, playlist, skip);
  for (const DateRange& range : playlist.date_ranges) append_date_range(out, range);
  const MediaSegment* before = skipped > 0 ? &playlist.segments[skipped - 1] : nullptr;
  for (std::size_t i = skipped; i < playlist.segments.size(); ++i) {
    append_segment(out, playlist.segments[i], before, playlist.low_latency.has_value());
    before = &playlist.segments[i];
  }
  if (playlist.ended) {
    out += "#EXT-X-ENDLIST\n";
  } else if (playlist.low_latency) {
    append_edge(out, *playlist.low_latency, before);
  }
  return out;
}

}  // namespace millrace::hls
