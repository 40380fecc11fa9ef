#include "vod_mpd.hpp"

#include <algorithm>
#include <cmath>

#include "manifest/dash/mpd.hpp"

namespace millrace::api {
namespace {

using Rendition = VodPresentation::Rendition;

constexpr std::int64_t kBufferUs = 2'000'000;

// The segments that a rendition has of a range, one after the other: numbers [begin, end).
struct Run {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool is_whole = true;  // it has all of them
};

Run run_of(const VodPresentation& presentation, const Rendition& rendition, VodPresentation::Range range) {
  Run run{range.begin, range.begin};
  while (run.begin < range.end && !presentation.has_segment(rendition, run.begin)) ++run.begin;
  for (std::size_t number = run.begin; number < range.end; ++number)
    if (presentation.has_segment(rendition, number)) run.end = number + 1;
  for (std::size_t number = run.begin; number < run.end; ++number)
    run.is_whole = run.is_whole && presentation.has_segment(rendition, number);
  return run;
}

// The next one that the rendition has, or the end.
std::size_t next_of(const VodPresentation& presentation, const Rendition& rendition, std::size_t number,
                    const Run& run) {
  ++number;
  while (number < run.end && !presentation.has_segment(rendition, number)) ++number;
  return number;
}

// A timeline counts its segments without a gap. Where a track pauses they are named by their times instead,
// and the one before the pause lasts until the track goes on, as its last sample does.
dash::SegmentTemplate segments_of(const VodPresentation& presentation, const Rendition& rendition,
                                  const Run& run, std::size_t first) {
  dash::SegmentTemplate segments;
  segments.media = rendition.name + (run.is_whole ? "/$Number$.m4s" : "/at-$Time$.m4s");
  segments.initialization = rendition.name + "/init.mp4";
  segments.timescale = presentation.track(rendition).track().timescale;
  segments.start_number = run.begin;
  segments.presentation_time_offset =
      static_cast<std::uint64_t>(std::max<std::int64_t>(presentation.cut_ticks(rendition, first), 0));
  std::int64_t begin = presentation.listed_ticks(rendition, run.begin);
  for (std::size_t number = run.begin; number < run.end;) {
    const std::size_t next = next_of(presentation, rendition, number, run);
    begin = std::max(begin, presentation.listed_ticks(rendition, number));
    const std::int64_t end = std::max(presentation.segment_start_ticks(rendition, next), begin + 1);
    segments.timeline.push_back({static_cast<std::uint64_t>(begin), static_cast<std::uint64_t>(end - begin)});
    begin = end;
    number = next;
  }
  return segments;
}

dash::AdaptationSet set_of(const VodPresentation& presentation, const Rendition& rendition, const Run& run,
                           std::size_t first) {
  const mp4::FinishedTrack& track = presentation.track(rendition);
  dash::Representation made;
  made.id = rendition.name;
  made.bandwidth = rendition.peak_bandwidth;
  made.codecs = rendition.codec;
  made.segments = segments_of(presentation, rendition, run, first);
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

std::string vod_mpd(const VodPresentation& presentation, VodPresentation::Range range) {
  dash::Mpd mpd;
  mpd.dynamic = false;
  mpd.duration_us =
      presentation.cut_us(range.end) - std::max<std::int64_t>(presentation.cut_us(range.begin), 0);
  mpd.buffer_us = kBufferUs;
  mpd.longest_segment_us = presentation.longest_segment_us();
  dash::Period& period = mpd.periods.emplace_back();
  period.id = "0";
  for (const Rendition& rendition : presentation.renditions()) {
    const Run run = run_of(presentation, rendition, range);
    if (run.begin < run.end) period.sets.push_back(set_of(presentation, rendition, run, range.begin));
  }
  for (const dash::AdaptationSet& set : period.sets) {
    const dash::SegmentTemplate& segments = set.representations.front().segments;
    for (const dash::TimelineSegment& segment : segments.timeline)
      mpd.longest_segment_us = std::max(
          mpd.longest_segment_us,
          static_cast<std::int64_t>(static_cast<double>(segment.duration) * 1e6 / segments.timescale));
  }
  return dash::serialize(mpd);
}

}  // namespace millrace::api
