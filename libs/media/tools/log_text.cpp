#include "media/tools/log_text.hpp"

#include <array>
#include <cstdio>

#include "base/clock.hpp"
#include "media/log_names.hpp"
#include "media/track_label.hpp"

namespace millrace::media {
namespace {

std::string flag_names(std::uint16_t flags) {
  std::string names;
  if ((flags & kSampleKey) != 0) names += 'K';
  if ((flags & kSampleSegmentStart) != 0) names += 'S';
  if ((flags & kSampleDiscontinuity) != 0) names += 'D';
  if ((flags & kSampleRepaired) != 0) names += 'R';
  if ((flags & kSampleRecovery) != 0) names += 'P';
  if ((flags & kSampleRefresh) != 0) names += 'r';
  if ((flags & kSampleNoVideoYet) != 0) names += 'v';
  if ((flags & kSampleNoAudioYet) != 0) names += 'a';
  if ((flags & kSampleGap) != 0) names += 'G';
  if ((flags & kSampleSegmentEnd) != 0) names += 'E';
  return names.empty() ? "-" : names;
}

const char* name_of(Codec codec) {
  switch (codec) {
    case Codec::kNone:
      return "none";
    case Codec::kH264:
      return "h264";
    case Codec::kH265:
      return "h265";
    case Codec::kAv1:
      return "av1";
    case Codec::kVp9:
      return "vp9";
    case Codec::kAac:
      return "aac";
    case Codec::kOpus:
      return "opus";
    case Codec::kMp3:
      return "mp3";
    case Codec::kFlac:
      return "flac";
    case Codec::kAc3:
      return "ac3";
    case Codec::kEac3:
      return "eac3";
    case Codec::kData:
      return "data";
  }
  return "unknown";
}

}  // namespace

std::string hex(PublicationId id) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(number_of(id)));
  return text.data();
}

nlohmann::json describe(const LogInfo& info) {
  return {{"stream", info.stream_id},
          {"role", to_string(info.role)},
          {"rendition", info.rendition},
          {"publication", hex(info.publication_id)},
          {"origin", hex(info.origin_publication_id)},
          {"incarnation", info.incarnation},
          {"epoch", number_of(info.epoch)},
          {"slot", number_of(info.slot)},
          {"state", name_of(info.end)},
          {"started", rfc3339(info.started_wall)},
          {"first", info.first},
          {"committed", info.committed},
          {"target_duration_s", info.target_duration_s},
          {"part_target_us", info.part_target_us}};
}

nlohmann::json describe(const std::string& arena, const LogInfo& info) {
  nlohmann::json object = describe(info);
  object["arena"] = arena;
  return object;
}

nlohmann::json describe(const SampleRecord& record) {
  return {{"sequence", record.sequence},
          {"track", record.track},
          {"flags", flag_names(record.flags)},
          {"dts", record.dts},
          {"composition_offset", record.composition_offset},
          {"wire_timestamp_ms", record.wire_timestamp_ms},
          {"size", record.size},
          {"segment", record.media_sequence},
          {"discontinuity", record.discontinuity_sequence},
          {"configuration", record.configuration},
          {"part", record.part},
          {"gap_us", record.gap_us},
          {"arrival_us", record.arrival_us},
          {"origin_arrival_us", record.origin_arrival_us},
          {"presented", rfc3339(record.presented_wall)},
          {"block", record.block},
          {"generation", record.generation},
          {"offset", record.offset}};
}

nlohmann::json describe(const TrackConfiguration& configuration) {
  return {{"configuration", configuration.index},
          {"track", configuration.track},
          {"codec", name_of(configuration.codec)},
          {"timescale", configuration.timescale},
          {"size", configuration.size},
          {"width", configuration.width},
          {"height", configuration.height},
          {"sample_rate", configuration.sample_rate},
          {"channels", configuration.channels},
          {"language", language_of(configuration.label)},
          {"name", name_of(configuration.label)},
          {"hdr", !hdr_of(configuration.picture).empty()},
          {"from_segment", configuration.media_sequence}};
}

}  // namespace millrace::media
