#include "manifest/dash/mpd.hpp"

#include <algorithm>

#include "base/clock.hpp"
#include "manifest/dash/xml_writer.hpp"

namespace millrace::dash {
namespace {

constexpr std::int64_t kMicroseconds = 1'000'000;
constexpr std::string_view kNamespace = "urn:mpeg:dash:schema:mpd:2011";
constexpr std::string_view kLiveProfile = "urn:mpeg:dash:profile:isoff-live:2011";
constexpr std::string_view kRoles = "urn:mpeg:dash:role:2011";
constexpr std::string_view kChannels = "urn:mpeg:dash:23003:3:audio_channel_configuration:2011";
constexpr std::string_view kContinuity = "urn:mpeg:dash:period-continuity:2015";
constexpr std::string_view kHttpTime = "urn:mpeg:dash:utc:http-iso:2014";

// Seconds with no more decimals than are needed: "2", "1.666667".
std::string seconds_text(std::int64_t duration_us) {
  const std::int64_t us = std::max<std::int64_t>(duration_us, 0);
  std::string text = std::to_string(us / kMicroseconds);
  if (us % kMicroseconds == 0) return text;
  std::string fraction = std::to_string(us % kMicroseconds);
  fraction.insert(0, 6 - fraction.size(), '0');
  while (fraction.back() == '0') fraction.pop_back();
  return text + '.' + fraction;
}

std::string permille_text(std::uint32_t permille) {
  return seconds_text(std::int64_t{permille} * 1000);
}

// FrameRateType: whole, or a fraction. Encoders of 24, 30 and 60 Hz pictures for television divide by 1.001.
std::string frame_rate_text(std::uint32_t millihertz) {
  if (millihertz % 1000 == 0) return std::to_string(millihertz / 1000);
  const std::uint32_t whole = (millihertz + 999) / 1000;
  if ((whole * 1'000'000ULL + 500) / 1001 == millihertz) return std::to_string(whole * 1000) + "/1001";
  return std::to_string(millihertz) + "/1000";
}

void descriptor(XmlWriter& xml, std::string_view name, std::string_view scheme, std::string_view value) {
  XmlElement element(xml, name);
  element.attribute("schemeIdUri", scheme);
  if (!value.empty()) element.attribute("value", value);
}

void write_timeline(XmlWriter& xml, const std::vector<TimelineSegment>& timeline) {
  const XmlElement element(xml, "SegmentTimeline");
  std::optional<std::uint64_t> expected;
  for (std::size_t i = 0; i < timeline.size();) {
    const TimelineSegment& first = timeline[i];
    std::size_t end = i + 1;
    std::uint64_t next = first.time + first.duration;
    while (end < timeline.size() && timeline[end].duration == first.duration && timeline[end].time == next) {
      next += first.duration;
      ++end;
    }
    XmlElement run(xml, "S");
    if (expected != first.time) run.attribute("t", first.time);
    run.attribute("d", first.duration);
    if (end - i > 1) run.attribute("r", static_cast<std::uint64_t>(end - i - 1));
    expected = next;
    i = end;
  }
}

void write_template(XmlWriter& xml, const SegmentTemplate& segments) {
  XmlElement element(xml, "SegmentTemplate");
  element.attribute("timescale", std::uint64_t{segments.timescale});
  if (segments.presentation_time_offset != 0)
    element.attribute("presentationTimeOffset", segments.presentation_time_offset);
  if (segments.duration != 0) element.attribute("duration", segments.duration);
  element.attribute("startNumber", segments.start_number);
  if (segments.end_number) element.attribute("endNumber", *segments.end_number);
  if (segments.availability_time_offset_us > 0) {
    element.attribute("availabilityTimeOffset", seconds_text(segments.availability_time_offset_us));
    element.attribute("availabilityTimeComplete", "false");
  }
  element.attribute("initialization", segments.initialization);
  element.attribute("media", segments.media);
  if (segments.duration == 0) write_timeline(xml, segments.timeline);
}

void write_reference_time(XmlWriter& xml, const ProducerReferenceTime& reference, std::string_view time_url) {
  XmlElement element(xml, "ProducerReferenceTime");
  element.attribute("id", std::uint64_t{reference.id});
  element.attribute("inband", "true");
  element.attribute("type", "encoder");
  element.attribute("wallClockTime", rfc3339(reference.wall));
  element.attribute("presentationTime", reference.presentation_time);
  if (!time_url.empty()) descriptor(xml, "UTCTiming", kHttpTime, time_url);
}

void write_representation(XmlWriter& xml, const Representation& representation, std::string_view time_url) {
  XmlElement element(xml, "Representation");
  element.attribute("id", representation.id);
  element.attribute("bandwidth", representation.bandwidth);
  element.attribute("codecs", representation.codecs);
  if (representation.width != 0 && representation.height != 0) {
    element.attribute("width", std::uint64_t{representation.width});
    element.attribute("height", std::uint64_t{representation.height});
  }
  if (representation.frame_rate_millihertz != 0)
    element.attribute("frameRate", frame_rate_text(representation.frame_rate_millihertz));
  if (representation.audio_sampling_rate != 0)
    element.attribute("audioSamplingRate", std::uint64_t{representation.audio_sampling_rate});
  if (representation.channels != 0)
    descriptor(xml, "AudioChannelConfiguration", kChannels, std::to_string(representation.channels));
  if (representation.reference_time) write_reference_time(xml, *representation.reference_time, time_url);
  if (representation.resync_ticks != 0) {
    XmlElement resync(xml, "Resync");
    resync.attribute("type", std::uint64_t{0});
    resync.attribute("dT", representation.resync_ticks);
  }
  write_template(xml, representation.segments);
}

// The schema has elements in an order by their names.
void write_descriptors(XmlWriter& xml, const AdaptationSet& set, std::string_view name) {
  for (const Descriptor& one : set.descriptors) {
    if (one.name == name) descriptor(xml, one.name, one.scheme, one.value);
  }
}

void write_set(XmlWriter& xml, const AdaptationSet& set, std::string_view time_url) {
  XmlElement element(xml, "AdaptationSet");
  element.attribute("id", std::uint64_t{set.id});
  element.attribute("contentType", set.content_type);
  element.attribute("mimeType", set.mime_type);
  if (!set.language.empty()) element.attribute("lang", set.language);
  if (set.segments_aligned) element.attribute("segmentAlignment", "true");
  if (set.starts_with_sync) element.attribute("startWithSAP", std::uint64_t{1});
  write_descriptors(xml, set, "EssentialProperty");
  if (!set.continues.empty()) descriptor(xml, "SupplementalProperty", kContinuity, set.continues);
  write_descriptors(xml, set, "SupplementalProperty");
  write_descriptors(xml, set, "InbandEventStream");
  if (!set.label.empty()) {
    const XmlElement label(xml, "Label");
    xml.text(set.label);
  }
  write_descriptors(xml, set, "Accessibility");
  if (!set.role.empty()) descriptor(xml, "Role", kRoles, set.role);
  for (const Representation& representation : set.representations)
    write_representation(xml, representation, time_url);
}

void write_service(XmlWriter& xml, const ServiceDescription& service) {
  XmlElement element(xml, "ServiceDescription");
  element.attribute("id", std::uint64_t{0});
  {
    XmlElement latency(xml, "Latency");
    if (service.reference_id) latency.attribute("referenceId", std::uint64_t{*service.reference_id});
    latency.attribute("target", std::uint64_t{service.target_ms});
    if (service.most_ms != 0) latency.attribute("max", std::uint64_t{service.most_ms});
    if (service.least_ms != 0) latency.attribute("min", std::uint64_t{service.least_ms});
  }
  if (service.slowest_permille == 1000 && service.fastest_permille == 1000) return;
  XmlElement rate(xml, "PlaybackRate");
  rate.attribute("max", permille_text(service.fastest_permille));
  rate.attribute("min", permille_text(service.slowest_permille));
}

void write_attributes(XmlElement& element, const Mpd& mpd) {
  element.attribute("xmlns", kNamespace);
  element.attribute("profiles", kLiveProfile);
  element.attribute("type", mpd.dynamic ? "dynamic" : "static");
  if (mpd.dynamic) {
    element.attribute("availabilityStartTime", rfc3339(mpd.availability_start));
    element.attribute("publishTime", rfc3339(mpd.publish_time));
    element.attribute("minimumUpdatePeriod", duration_text(mpd.update_period_us));
    element.attribute("timeShiftBufferDepth", duration_text(mpd.time_shift_us));
    element.attribute("suggestedPresentationDelay", duration_text(mpd.presentation_delay_us));
  }
  if (mpd.duration_us) element.attribute("mediaPresentationDuration", duration_text(*mpd.duration_us));
  element.attribute("minBufferTime", duration_text(mpd.buffer_us));
  if (mpd.longest_segment_us > 0)
    element.attribute("maxSegmentDuration", duration_text(mpd.longest_segment_us));
}

}  // namespace

std::string duration_text(std::int64_t duration_us) {
  return "PT" + seconds_text(duration_us) + 'S';
}

std::string serialize(const Mpd& mpd) {
  XmlWriter xml;
  {
    XmlElement element(xml, "MPD");
    write_attributes(element, mpd);
    if (mpd.service) write_service(xml, *mpd.service);
    for (const Period& period : mpd.periods) {
      XmlElement part(xml, "Period");
      part.attribute("id", period.id);
      part.attribute("start", duration_text(period.start_us));
      if (period.duration_us > 0) part.attribute("duration", duration_text(period.duration_us));
      for (const AdaptationSet& set : period.sets) write_set(xml, set, mpd.time_url);
    }
    if (mpd.dynamic && !mpd.time_url.empty()) descriptor(xml, "UTCTiming", kHttpTime, mpd.time_url);
  }
  return xml.take();
}

}  // namespace millrace::dash
