#include "source_measure.hpp"

#include <optional>

#include "rtmp/media_message.hpp"

namespace millrace::transcoding {
namespace {

constexpr std::int64_t kTimescale = 90'000;
constexpr std::int64_t kMost = 10 * kTimescale;
constexpr std::int64_t kLeast = kTimescale;

// Of the newest onMetaData.
std::uint32_t stated_kbps(const media::LogReader& log) {
  for (std::uint32_t index = log.configuration_count(); index-- > 0;) {
    const auto configuration = log.configuration(index);
    if (!configuration || configuration->description.codec != media::Codec::kData) continue;
    const Result<rtmp::DataMessage> message = rtmp::parse_data_message(configuration->bytes);
    if (message && message->metadata && message->metadata->video_kbps)
      return static_cast<std::uint32_t>(*message->metadata->video_kbps);
  }
  return 0;
}

}  // namespace

SourceMeasure measure_source(const media::LogReader& log) {
  const media::LogInfo info = log.info();
  std::optional<media::SampleRecord> newest;
  std::uint64_t bytes = 0;
  std::uint64_t pictures = 0;
  std::int64_t length = 0;
  for (std::uint64_t sequence = info.committed; sequence-- > info.first;) {
    const auto sample = log.at(sequence);
    if (!sample) break;
    if (sample->record.track != media::kVideoTrack) continue;
    if (!newest) {
      newest = sample->record;
      continue;
    }
    // What stands behind a break, or is another picture, says nothing of the time before it.
    if (sample->record.discontinuity_sequence != newest->discontinuity_sequence ||
        sample->record.configuration != newest->configuration)
      break;
    length = newest->dts - sample->record.dts;
    bytes += sample->record.size;
    ++pictures;
    if (length >= kMost) break;
  }
  SourceMeasure measure;
  measure.stated_kbps = stated_kbps(log);
  if (length < kLeast) return measure;
  const double seconds = static_cast<double>(length) / kTimescale;
  constexpr double kBitsPerKbit = 1000;
  measure.kbps = static_cast<std::uint32_t>(static_cast<double>(bytes) * 8 / kBitsPerKbit / seconds);
  measure.fps = static_cast<double>(pictures) / seconds;
  measure.seconds = seconds;
  return measure;
}

}  // namespace millrace::transcoding
