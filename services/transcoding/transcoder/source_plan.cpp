#include "source_plan.hpp"

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/base64.hpp"
#include "errors.hpp"
#include "ffmpeg/errors.hpp"
#include "ffmpeg/sound.hpp"
#include "sound_line.hpp"

namespace millrace::transcoding {
namespace {

// Records behind the key frame that are read until a picture comes out.
constexpr std::uint64_t kMostRecords = 256;

bool has_track(const media::LogReader& log, std::uint8_t track) {
  for (std::uint32_t index = 0; index < log.configuration_count(); ++index) {
    const auto configuration = log.configuration(index);
    if (configuration && configuration->description.track == track) return true;
  }
  return false;
}

// The newest of the first sound.
std::optional<std::uint32_t> sound_of(const media::LogReader& log) {
  for (std::uint32_t index = log.configuration_count(); index-- > 0;) {
    const auto configuration = log.configuration(index);
    if (configuration && configuration->description.track == media::kAudioTrack &&
        configuration->description.kind == media::TrackKind::kAudio)
      return index;
  }
  return std::nullopt;
}

tl::unexpected<Error> not_yet(const char* what) {
  return fail(errors::kNotYet, what);
}

std::uint32_t millihertz(const FrameRate& rate) {
  constexpr std::uint64_t kThousandths = 1000;
  return static_cast<std::uint32_t>(rate.num * kThousandths / std::max(rate.den, 1U));
}

}  // namespace

Result<SourcePlanner> SourcePlanner::open(const media::FoundLog& source, LineSettings settings) {
  const media::LogInfo& info = source.info;
  Result<media::LogReader> log = source.arena->open_log(info.slot, info.publication_id, info.first);
  if (!log) return fail(log.error(), "the source's log");
  return SourcePlanner(source, std::move(*log), std::move(settings));
}

Result<SourcePlan> SourcePlanner::plan() {
  SourcePlan plan;
  plan.publication = source_.info.publication_id;
  if (log_.info().target_duration_s == 0) return not_yet("no segment of it is whole");
  if (has_track(log_, media::kVideoTrack)) {
    if (Result<void> planned = plan_pictures(plan); !planned) return tl::unexpected<Error>(planned.error());
  }
  if (Result<void> planned = plan_sound(plan); !planned) return tl::unexpected<Error>(planned.error());
  return plan;
}

Result<void> SourcePlanner::plan_pictures(SourcePlan& plan) {
  const SourceMeasure measure = measure_source(log_);
  plan.rates = {measure.most_kbps(), static_cast<std::uint32_t>(std::lround(measure.fps * 1000))};
  if (plan.rates.kbps == 0) return not_yet("its bit rate is not known");
  const Result<SourceShape> like = shape(fps_of(plan.rates));
  if (!like) return tl::unexpected<Error>(like.error());
  plan.picture = picture_;
  const Result<Plan> made = plan_renditions(describe(*like, plan.rates.kbps), settings_.ladder,
                                            settings_.limits, settings_.encoder);
  if (!made) return tl::unexpected<Error>(made.error());
  plan.left_out = made->left_out;
  for (const Rendition& rendition : made->renditions) {
    Result<PlannedTrack> planned = track(rendition);
    if (planned) planned->source_configuration = picture_;
    if (!planned) return tl::unexpected<Error>(planned.error());
    plan.tracks.push_back(std::move(*planned));
  }
  return {};
}

// Of the newest key frame.
Result<SourceShape> SourcePlanner::shape(double fps) {
  const auto key = log_.newest_key();
  const auto first = key ? log_.at(*key) : std::nullopt;
  if (!first || first->record.track != media::kVideoTrack) return not_yet("no picture of it is there");
  const auto configuration = log_.configuration(first->record.configuration);
  if (!configuration) return not_yet("its configuration is gone");
  ffmpeg::DecoderLimits limits;
  limits.max_pixels = static_cast<std::int64_t>(settings_.limits.max_source_pixels);
  Result<ffmpeg::Decoder> decoder =
      ffmpeg::Decoder::open(configuration->description, configuration->bytes, limits);
  if (!decoder) return tl::unexpected<Error>(decoder.error());
  for (std::uint64_t sequence = *key; sequence < *key + kMostRecords; ++sequence) {
    const auto sample = log_.at(sequence);
    if (!sample) break;
    if (sample->record.track != media::kVideoTrack) continue;
    if (sample->record.configuration != first->record.configuration) break;
    const Bytes payload(sample->payload.begin(), sample->payload.end());
    if (!log_.intact(sample->record)) break;
    const bool sent =
        decoder->send(payload, sample->record.dts + sample->record.composition_offset).has_value();
    Result<std::optional<ffmpeg::Frame>> frame = decoder->receive();
    if (!sent || !frame || !*frame) continue;
    picture_ = first->record.configuration;
    return shape_of(**frame, stated_rate(*configuration, fps));
  }
  return not_yet("no picture of it could be decoded");
}

Result<PlannedTrack> SourcePlanner::track(const Rendition& rendition) const {
  Result<publication::TrackFormat> format = format_of(rendition, settings_.encoder);
  if (!format) return tl::unexpected<Error>(format.error());
  return PlannedTrack{rendition.name, std::move(*format),  millihertz(rendition.frame_rate),
                      rendition.kbps, rendition.peak_kbps, 0};
}

// Where the source's is not what is passed through.
Result<void> SourcePlanner::plan_sound(SourcePlan& plan) const {
  const auto index = sound_of(log_);
  const auto configuration = index ? log_.configuration(*index) : std::nullopt;
  if (!configuration || configuration->description.codec == media::Codec::kAac) return {};
  Result<publication::TrackFormat> format = sound_format(configuration->description.channels);
  if (!format) {
    plan.left_out.push_back(std::string(SoundLine::kName) + ": " + format.error().message);
    return {};
  }
  const std::uint32_t kbps = sound_kbps(configuration->description.channels);
  plan.tracks.push_back({SoundLine::kName, std::move(*format), 0, kbps, kbps, *index});
  return {};
}

std::string plan_line(const SourcePlan& plan) {
  nlohmann::json tracks = nlohmann::json::array();
  for (const PlannedTrack& track : plan.tracks) {
    const media::TrackConfiguration& description = track.format.description;
    tracks.push_back({{"name", track.name},
                      {"kind", static_cast<int>(description.kind)},
                      {"codec", static_cast<int>(description.codec)},
                      {"timescale", description.timescale},
                      {"width", description.width},
                      {"height", description.height},
                      {"sample_rate", description.sample_rate},
                      {"channels", description.channels},
                      {"frame_rate_mhz", track.frame_rate_mhz},
                      {"kbps", track.kbps},
                      {"peak_kbps", track.peak_kbps},
                      {"source_configuration", track.source_configuration},
                      {"codecs", track.format.codec},
                      {"configuration", encode_hex(track.format.configuration)}});
  }
  const nlohmann::json object = {{"publication", number_of(plan.publication)},
                                 {"source_kbps", plan.rates.kbps},
                                 {"source_millifps", plan.rates.millifps},
                                 {"picture", plan.picture},
                                 {"left_out", plan.left_out},
                                 {"tracks", tracks}};
  return object.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

}  // namespace millrace::transcoding
