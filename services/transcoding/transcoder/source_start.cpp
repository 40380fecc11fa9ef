#include "source_start.hpp"

namespace millrace::transcoding {
namespace {

constexpr std::int64_t kTimescale = 90'000;
constexpr std::int64_t kHoldBackTargets = 3;
// A successor that is further behind than this leaves the rest out: nobody is there any more.
constexpr std::int64_t kPatienceTargets = 6;
constexpr std::uint32_t kUnfixedTargetSeconds = 2;

// The picture; sound where none was announced.
std::optional<media::TrackConfiguration> leading_track(const media::LogReader& log) {
  std::optional<media::TrackConfiguration> sound;
  for (std::uint32_t index = 0; index < log.configuration_count(); ++index) {
    const auto configuration = log.configuration(index);
    if (!configuration || configuration->description.timescale == 0) continue;
    if (configuration->description.track == media::kVideoTrack) return configuration->description;
    if (configuration->description.track == media::kAudioTrack) sound = configuration->description;
  }
  return sound;
}

}  // namespace

SourcePlaces source_places(const media::LogReader& log) {
  SourcePlaces found;
  const std::optional<media::TrackConfiguration> leading = leading_track(log);
  if (!leading) return found;
  const media::LogInfo info = log.info();
  std::uint64_t last = 0;
  for (std::uint64_t sequence = info.first; sequence < info.committed; ++sequence) {
    const auto sample = log.at(sequence);
    if (!sample || sample->record.track != leading->track) continue;
    const media::SampleRecord& record = sample->record;
    // What stands before the oldest record is not known: it may be in the middle of its segment.
    const bool known = last != 0 || info.first == info.first_sequence;
    const bool begins = record.media_sequence != last && known;
    const bool key = (record.flags & media::kSampleKey) != 0;
    const bool sound = leading->kind == media::TrackKind::kAudio;
    last = record.media_sequence;
    found.newest_dts = record.dts * kTimescale / leading->timescale;
    // Each frame of sound is a key frame: those that begin segments are enough.
    if (begins || (key && !sound))
      found.places.push_back({sequence, record.media_sequence, found.newest_dts, begins, key});
  }
  return found;
}

std::optional<SourceStart> start_at(std::span<const SourcePlace> places, std::uint64_t media_sequence) {
  std::optional<std::uint64_t> key;
  for (const SourcePlace& place : places) {
    if (place.key) key = place.sequence;
    if (place.begins && key && place.media_sequence >= media_sequence)
      return SourceStart{*key, place.media_sequence};
  }
  return std::nullopt;
}

std::optional<SourceStart> choose_start(std::span<const SourcePlace> places, std::int64_t newest_dts,
                                        std::uint32_t target_duration_s, std::uint64_t written) {
  const std::int64_t target =
      std::int64_t{target_duration_s == 0 ? kUnfixedTargetSeconds : target_duration_s} * kTimescale;
  const auto is_behind = [&](const SourcePlace& place, std::int64_t targets) {
    return newest_dts - place.dts >= targets * target;
  };
  std::optional<std::uint64_t> key;
  std::optional<SourceStart> first;
  std::optional<SourceStart> start;
  for (const SourcePlace& place : places) {
    if (place.key) key = place.sequence;
    if (!place.begins || !key || place.media_sequence <= written) continue;
    const SourceStart here{*key, place.media_sequence};
    if (written != 0 && !first && !is_behind(place, kPatienceTargets)) return here;
    if (!first) first = here;
    if (is_behind(place, kHoldBackTargets)) start = here;
  }
  if (!start) start = first;
  return start;
}

}  // namespace millrace::transcoding
