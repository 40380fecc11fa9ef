#include "media/configurations_in_force.hpp"

#include <utility>

#include "media/log_message.hpp"

namespace millrace::media {

namespace {

struct Newest {
  std::array<std::optional<std::uint32_t>, kMaxTracks> by_track;
  std::array<std::optional<std::uint32_t>, 2> annotations;  // of picture, of sound
};

Newest newest_of(const LogReader& log, std::uint32_t count) {
  Newest newest;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto configuration = log.configuration(i);
    if (!configuration || configuration->description.track >= kMaxTracks) continue;
    if (is_annotation(configuration->description)) {
      newest.annotations.at(log_message(configuration->message).type == LogMessage::kVideo ? 0 : 1) = i;
    } else {
      newest.by_track.at(configuration->description.track) = i;
    }
  }
  return newest;
}

}  // namespace

void ConfigurationsInForce::forget() {
  by_track_.fill(kNone);
  seen_ = 0;
}

std::optional<std::uint32_t> ConfigurationsInForce::of(std::uint8_t track) const {
  const std::uint32_t index = by_track_.at(track);
  return index == kNone ? std::nullopt : std::optional(index);
}

void ConfigurationsInForce::give(const TrackConfiguration& description) {
  if (!is_annotation(description)) by_track_.at(description.track) = description.index;
}

void ConfigurationsInForce::take(const LogReader& log, std::uint32_t index,
                                 std::vector<LogReader::Configuration>& given) {
  auto configuration = log.configuration(index);
  if (!configuration || configuration->description.track >= kMaxTracks) return;
  give(configuration->description);
  given.push_back(std::move(*configuration));
}

std::vector<LogReader::Configuration> ConfigurationsInForce::begin(const LogReader& log,
                                                                   const SampleRecord& first) {
  forget();
  seen_ = log.configuration_count();
  Newest newest = newest_of(log, seen_);
  for (const std::uint8_t track : {kVideoTrack, kAudioTrack}) {
    if (const auto in_force = configuration_in_force(first, track)) newest.by_track.at(track) = in_force;
  }
  std::vector<LogReader::Configuration> given;
  const auto take_some = [&](std::optional<std::uint32_t> index) {
    if (index) take(log, *index, given);
  };
  take_some(std::exchange(newest.by_track.at(kDataTrack), std::nullopt));
  for (const auto& annotation : newest.annotations) take_some(annotation);
  for (const auto& configuration : newest.by_track) take_some(configuration);
  return given;
}

std::vector<LogReader::Configuration> ConfigurationsInForce::before(const LogReader& log,
                                                                    const SampleRecord& next) {
  std::vector<LogReader::Configuration> given;
  // Those of picture and sound come with their records.
  for (const std::uint32_t count = log.configuration_count(); seen_ < count; ++seen_) {
    const auto configuration = log.configuration(seen_);
    if (configuration && configuration->description.kind == TrackKind::kData) take(log, seen_, given);
  }
  if (!knows(next)) take(log, next.configuration, given);
  return given;
}

}  // namespace millrace::media
