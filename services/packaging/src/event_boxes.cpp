#include "event_boxes.hpp"

#include <algorithm>

#include "containers/mp4/event_message.hpp"
#include "media/timed_event.hpp"

namespace millrace::packaging {
namespace {

// Ticks of the track; data has milliseconds, on the same timeline.
std::uint64_t event_time(const media::SampleRecord& record, const media::TimedEvent& event,
                         std::uint32_t timescale) {
  const std::int64_t ms = std::max<std::int64_t>(record.dts + event.delay_us / 1000, 0);
  return static_cast<std::uint64_t>(ms / media::kDataTimescale * timescale +
                                    ms % media::kDataTimescale * timescale / media::kDataTimescale);
}

std::uint32_t event_duration(const media::TimedEvent& event, std::uint32_t timescale) {
  constexpr std::uint64_t kUnknown = mp4::EventMessage::kUnknownDuration;
  const std::uint64_t ticks = event.splice.duration;
  if (ticks == 0) return static_cast<std::uint32_t>(kUnknown);
  const std::uint64_t whole = ticks / codecs::SpliceInfo::kTicks * timescale +
                              ticks % codecs::SpliceInfo::kTicks * timescale / codecs::SpliceInfo::kTicks;
  return static_cast<std::uint32_t>(std::min(whole, kUnknown));
}

}  // namespace

bool write_event(ByteWriter& writer, const EventPlace& place, const media::SampleRecord& record,
                 ByteView payload, std::uint32_t timescale) {
  media::EventReading read = media::read_timed_event(payload, media::encoder_timestamp_ms(record));
  if (!read.event) return false;
  media::TimedEvent& event = *read.event;
  const bool splice = event.kind == media::TimedEvent::Kind::kSplice;
  mp4::write_event_message(writer, {.scheme = std::string(splice ? mp4::kSpliceScheme : mp4::kId3Scheme),
                                    .value = {},
                                    .timescale = timescale,
                                    .presentation_time = event_time(record, event, timescale),
                                    .duration = event_duration(event, timescale),
                                    .id = place.id,
                                    .message = std::move(event.message)});
  return true;
}

}  // namespace millrace::packaging
