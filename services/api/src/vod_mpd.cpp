#include "vod_mpd.hpp"

#include <algorithm>
#include <cmath>

#include "manifest/dash/mpd.hpp"

namespace millrace::api {
namespace {

using Rendition = VodPresentation::Rendition;

constexpr std::int64_t kBufferUs = 2'000'000;
constexpr std::size_t kMostPeriods = 256;

// Segments [begin, end).
struct Run {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// From the first one that a rendition has to the last one.
Run run_of(const VodPresentation& presentation, const Rendition& rendition) {
  Run run;
  while (!presentation.has_segment(rendition, run.begin)) ++run.begin;
  for (std::size_t number = run.begin; number < presentation.segments(); ++number)
    if (presentation.has_segment(rendition, number)) run.end = number + 1;
  return run;
}

bool has_all(const VodPresentation& presentation, const Rendition& rendition, const Run& run) {
  for (std::size_t number = run.begin; number < run.end; ++number)
    if (!presentation.has_segment(rendition, number)) return false;
  return true;
}

// Whether the renditions that have something in the segment are the same in the one before.
bool has_the_same(const VodPresentation& presentation, std::size_t number) {
  return std::all_of(
      presentation.renditions().begin(), presentation.renditions().end(), [&](const Rendition& rendition) {
        return presentation.has_segment(rendition, number) == presentation.has_segment(rendition, number - 1);
      });
}

// One Period; where a track pauses while others go on several, in each of which every track has all or
// nothing: no timeline can be without something in between.
std::vector<Run> periods_of(const VodPresentation& presentation) {
  const bool whole = std::all_of(presentation.renditions().begin(), presentation.renditions().end(),
                                 [&](const Rendition& rendition) {
                                   return has_all(presentation, rendition, run_of(presentation, rendition));
                                 });
  if (whole) return {{0, presentation.segments()}};
  std::vector<Run> runs = {{0, 1}};
  for (std::size_t number = 1; number < presentation.segments(); ++number) {
    if (!has_the_same(presentation, number)) runs.push_back({number, number});
    runs.back().end = number + 1;
  }
  return runs;
}

// period: where its times begin. run: what the rendition has of it.
dash::SegmentTemplate segments_of(const VodPresentation& presentation, const Rendition& rendition,
                                  const Run& period, const Run& run) {
  dash::SegmentTemplate segments;
  segments.media = rendition.name + "/$Number$.m4s";
  segments.initialization = rendition.name + "/init.mp4";
  segments.timescale = presentation.track(rendition).track().timescale;
  segments.start_number = run.begin;
  // What is presented before 0 cannot be said in an MPD: it is left out of the times, not of the segments.
  std::int64_t begin = std::max<std::int64_t>(presentation.cut_ticks(rendition, period.begin), 0);
  segments.presentation_time_offset = static_cast<std::uint64_t>(begin);
  for (std::size_t number = run.begin; number < run.end; ++number) {
    begin = std::max(begin, presentation.segment_start_ticks(rendition, number));
    const std::int64_t end = std::max(presentation.segment_start_ticks(rendition, number + 1), begin + 1);
    segments.timeline.push_back({static_cast<std::uint64_t>(begin), static_cast<std::uint64_t>(end - begin)});
    begin = end;
  }
  return segments;
}

dash::AdaptationSet set_of(const VodPresentation& presentation, const Rendition& rendition, const Run& period,
                           const Run& run) {
  const mp4::FinishedTrack& track = presentation.track(rendition);
  dash::Representation made;
  made.id = rendition.name;
  made.bandwidth = rendition.peak_bandwidth;
  made.codecs = rendition.codec;
  made.segments = segments_of(presentation, rendition, period, run);
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
  const std::vector<Run> periods = periods_of(presentation);
  if (periods.size() > kMostPeriods) return {};
  const std::int64_t start_us = std::max<std::int64_t>(presentation.start_us(), 0);
  for (const Run& run : periods) {
    dash::Period& period = mpd.periods.emplace_back();
    period.id = std::to_string(run.begin);
    period.start_us = std::max<std::int64_t>(presentation.cut_us(run.begin) - start_us, 0);
  }
  for (const Rendition& rendition : presentation.renditions()) {
    const Run all = run_of(presentation, rendition);
    for (std::size_t i = 0; i < periods.size(); ++i) {
      const Run own{std::max(periods[i].begin, all.begin), std::min(periods[i].end, all.end)};
      if (own.begin >= own.end || !presentation.has_segment(rendition, own.begin)) continue;
      mpd.periods[i].sets.push_back(set_of(presentation, rendition, periods[i], own));
    }
  }
  return dash::serialize(mpd);
}

}  // namespace millrace::api
