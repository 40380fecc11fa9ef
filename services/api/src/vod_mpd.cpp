#include "vod_mpd.hpp"

#include <algorithm>
#include <cmath>

#include "manifest/dash/mpd.hpp"

namespace millrace::api {
namespace {

using Rendition = VodPresentation::Rendition;

constexpr std::int64_t kBufferUs = 2'000'000;

// The segments that a rendition has, one after the other.
struct Run {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool is_whole = true;  // without a gap
};

Run run_of(const VodPresentation& presentation, const Rendition& rendition) {
  Run run;
  while (!presentation.has_segment(rendition, run.begin)) ++run.begin;
  for (std::size_t number = run.begin; number < presentation.segments(); ++number)
    if (presentation.has_segment(rendition, number)) run.end = number + 1;
  for (std::size_t number = run.begin; number < run.end; ++number)
    run.is_whole = run.is_whole && presentation.has_segment(rendition, number);
  return run;
}

dash::SegmentTemplate segments_of(const VodPresentation& presentation, const Rendition& rendition,
                                  const Run& run) {
  dash::SegmentTemplate segments;
  segments.media = rendition.name + "/$Number$.m4s";
  segments.initialization = rendition.name + "/init.mp4";
  segments.timescale = presentation.track(rendition).track().timescale;
  segments.start_number = run.begin;
  // What is presented before 0 cannot be said in an MPD: it is left out of the times, not of the segments.
  std::int64_t begin = std::max<std::int64_t>(presentation.start_ticks(rendition), 0);
  segments.presentation_time_offset = static_cast<std::uint64_t>(begin);
  for (std::size_t number = run.begin; number < run.end; ++number) {
    begin = std::max(begin, presentation.segment_start_ticks(rendition, number));
    const std::int64_t end = std::max(presentation.segment_start_ticks(rendition, number + 1), begin + 1);
    segments.timeline.push_back({static_cast<std::uint64_t>(begin), static_cast<std::uint64_t>(end - begin)});
    begin = end;
  }
  return segments;
}

dash::AdaptationSet set_of(const VodPresentation& presentation, const Rendition& rendition, const Run& run) {
  const mp4::FinishedTrack& track = presentation.track(rendition);
  dash::Representation made;
  made.id = rendition.name;
  made.bandwidth = rendition.peak_bandwidth;
  made.codecs = rendition.codec;
  made.segments = segments_of(presentation, rendition, run);
  dash::AdaptationSet set;
  const bool is_video = presentation.is_video(rendition);
  set.id = static_cast<std::uint32_t>(rendition.number);
  set.content_type = is_video ? "video" : "audio";
  set.mime_type = is_video ? "video/mp4" : "audio/mp4";
  set.role = rendition.name.ends_with('0') && rendition.name.size() == 2 ? "main" : "alternate";
  set.starts_with_sync = presentation.is_independent(rendition);
  if (is_video) {
    made.width = track.track().width;
    made.height = track.track().height;
    made.frame_rate_millihertz = presentation.frame_rate_millihertz(rendition);
  } else {
    made.audio_sampling_rate = track.track().sample_rate;
    made.channels = track.track().channels;
  }
  set.representations.push_back(std::move(made));
  return set;
}

}  // namespace

std::string vod_mpd(const VodPresentation& presentation) {
  dash::Mpd mpd;
  mpd.dynamic = false;
  mpd.duration_us = presentation.end_us() - std::max<std::int64_t>(presentation.start_us(), 0);
  mpd.buffer_us = kBufferUs;
  mpd.longest_segment_us = presentation.longest_segment_us();
  dash::Period& period = mpd.periods.emplace_back();
  period.id = "0";
  for (const Rendition& rendition : presentation.renditions()) {
    const Run run = run_of(presentation, rendition);
    if (!run.is_whole) return {};
    period.sets.push_back(set_of(presentation, rendition, run));
  }
  return dash::serialize(mpd);
}

}  // namespace millrace::api
