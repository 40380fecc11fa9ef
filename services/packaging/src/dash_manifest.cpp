#include "dash_manifest.hpp"

#include <algorithm>
#include <cmath>

#include "containers/mp4/event_message.hpp"
#include "dash_listed.hpp"
#include "dash_shares.hpp"
#include "manifest/dash/mpd.hpp"
#include "media/segment_rule.hpp"
#include "server_time.hpp"
#include "track_labels.hpp"

namespace millrace::packaging {
namespace {

constexpr std::int64_t kMicroseconds = 1'000'000;
constexpr std::int64_t kMilliseconds = 1'000;
// As far behind the live edge as a playlist's clients are (RFC 8216 6.3.3), for players learn of a segment as
// late.
constexpr std::int64_t kDelayTargets = 3;
constexpr std::uint32_t kReferenceId = 0;
// How much further back than what is listed players may be where nobody publishes: while they stand at its
// end the clock goes on, and what they have to learn next comes after a segment of a gap, or the end's being
// known (kEndToldTargets), and with their next look at the MPD. dash.js leaves what it plays where that falls
// out of timeShiftBufferDepth, and never sees the end.
constexpr std::int64_t kStandingTargets = WindowPolicy::kEndToldTargets + 2;
// They may go a little slower or faster to stay where they are to be.
constexpr std::uint32_t kSlowestPermille = 960;
constexpr std::uint32_t kFastestPermille = 1040;

std::uint64_t ticks(std::int64_t time_us, std::int64_t timescale) {
  return static_cast<std::uint64_t>(
      std::max<std::int64_t>(time_us / kMicroseconds * timescale +
                                 (time_us % kMicroseconds * timescale + kMicroseconds / 2) / kMicroseconds,
                             0));
}

std::uint64_t ticks_of_ns(std::int64_t time_ns, std::int64_t timescale) {
  constexpr std::int64_t kNanoseconds = 1'000'000'000;
  return static_cast<std::uint64_t>(time_ns / kNanoseconds * timescale +
                                    (time_ns % kNanoseconds * timescale + kNanoseconds / 2) / kNanoseconds);
}

InitName init_of(const Offering& offering, const Share& share) {
  const auto& segments = offering.listing.offered;
  return share.newest ? init_name(segments[*share.newest], share.segment(*share.newest))
                      : init_name(segments[share.begin], *share.rendition->planned);
}

dash::SegmentTemplate segment_template(const Offering& offering, const ListedPeriod& period,
                                       const Share& share) {
  const Segment& first = offering.listing.offered[share.begin];
  const std::string path = to_string(share.rendition->name) + '/';
  dash::SegmentTemplate segments;
  const NameTemplate names = name_template(segment_name(first));
  segments.media = path + names.text;
  segments.initialization = path + to_string(init_of(offering, share));
  segments.timescale = share.description().timing.timescale;
  segments.presentation_time_offset = ticks(period.time_us, segments.timescale);
  segments.start_number = first.media_sequence - names.base;
  if (period.grid_ns == 0) {
    segments.timeline = timeline(share);
    return segments;
  }
  const std::int64_t part_us = offering.listing.part_target_us;
  segments.start_number = period.first_segment - names.base;
  segments.presentation_time_offset = ticks(period.time_us, segments.timescale);
  segments.duration = ticks_of_ns(period.grid_ns, segments.timescale);
  segments.availability_time_offset_us = std::max<std::int64_t>(period.grid_ns / 1000 - part_us, 0);
  if (period.has_end) segments.end_number = period.end_segment - 1 - names.base;
  return segments;
}

dash::Representation representation(const Offering& offering, const ListedPeriod& period,
                                    const Share& share) {
  const TrackDescription& description = share.description();
  dash::Representation made;
  made.id = to_string(share.rendition->name);
  const auto known = period.bandwidth.find(share.rendition->name);
  made.bandwidth = known == period.bandwidth.end() ? 0 : known->second;
  if (const auto& planned = share.rendition->planned)
    made.bandwidth = std::max<std::uint64_t>(made.bandwidth, planned->most.peak);
  made.codecs = description.codec;
  if (share.rendition->is_video()) {
    made.width = description.width;
    made.height = description.height;
    made.frame_rate_millihertz = frame_rate_millihertz(share);
  } else {
    made.audio_sampling_rate = description.track.sample_rate;
    made.channels = description.track.channels;
  }
  made.segments = segment_template(offering, period, share);
  if (period.grid_ns == 0) return made;
  // Dates are arrivals, a Period's start the first one's.
  made.reference_time =
      dash::ProducerReferenceTime{kReferenceId, period.start, made.segments.presentation_time_offset};
  made.resync_ticks = ticks(offering.listing.part_target_us, made.segments.timescale);
  return made;
}

// ISO/IEC 23001-8 of ITU-T H.273's code points. Players that do not know them must not show PQ as something
// else; the others look right without (DVB-DASH 5.2.5).
void describe_colour(const std::optional<codecs::Colour>& colour, dash::AdaptationSet& set) {
  if (!colour) return;
  const char* const name = video_range(colour) == "PQ" ? "EssentialProperty" : "SupplementalProperty";
  const auto add = [&](const char* scheme, unsigned value) {
    constexpr unsigned kUnspecified = 2;
    if (value != kUnspecified) set.descriptors.push_back({name, scheme, std::to_string(value)});
  };
  add("urn:mpeg:mpegB:cicp:ColourPrimaries", colour->primaries);
  add("urn:mpeg:mpegB:cicp:TransferCharacteristics", colour->transfer);
  add("urn:mpeg:mpegB:cicp:MatrixCoefficients", colour->matrix);
}

// SCTE 214-1 7.8: "CC1=und;CC3=und", "1=lang:und". Nobody tells us a language.
void describe_captions(const Offering& offering, dash::AdaptationSet& set) {
  constexpr std::string_view kService = "SERVICE";
  std::string channels;
  std::string services;
  for (const std::string& name : captions(offering)) {
    const bool service = name.starts_with(kService);
    std::string& list = service ? services : channels;
    if (!list.empty()) list += ';';
    list += service ? name.substr(kService.size()) + "=lang:und" : name + "=und";
  }
  if (!channels.empty())
    set.descriptors.push_back({"Accessibility", "urn:scte:dash:cc:cea-608:2015", channels});
  if (!services.empty())
    set.descriptors.push_back({"Accessibility", "urn:scte:dash:cc:cea-708:2015", services});
}

// Declared as long as there may be events: players look for none that the MPD did not tell of before.
void declare_events(dash::AdaptationSet& set) {
  for (const std::string_view scheme : {mp4::kId3Scheme, mp4::kSpliceScheme})
    set.descriptors.push_back({"InbandEventStream", std::string(scheme)});
}

// The same codec in the same sample entry, the same colours, in whatever range.
bool same_kind(const Share& one, const Share& other) {
  const auto family = [](const Share& share) {
    return share.description().codec.substr(0, share.description().codec.find('.'));
  };
  const auto colours = [](const Share& share) {
    codecs::Colour colour = share.description().track.colour.value_or(codecs::Colour{});
    colour.full_range = false;
    return colour;
  };
  return family(one) == family(other) && colours(one) == colours(other);
}

// Numbers of a set are its first rendition's, the same in all Periods.
dash::AdaptationSet make_set(const Offering& offering, const Share& share, bool first,
                             std::vector<std::string>& labels) {
  constexpr std::uint32_t kKinds = 2;
  constexpr std::uint32_t kMadeSets = 1000;  // beyond all tracks
  const Rendition& rendition = *share.rendition;
  dash::AdaptationSet set;
  const bool video = rendition.is_video();
  set.id = 1 + kKinds * rendition.name.number + (video ? 0 : 1) + (rendition.is_made() ? kMadeSets : 0);
  set.content_type = video ? "video" : "audio";
  set.mime_type = set.content_type + "/mp4";
  set.language = share.description().language;
  if (!video || !share.description().name.empty()) set.label = rendition_label(rendition, labels);
  if (video) describe_colour(share.description().track.colour, set);
  if (video && rendition.name.number == 0) describe_captions(offering, set);
  set.role = first ? "main" : "alternate";
  set.starts_with_sync = is_independent(offering, rendition);
  return set;
}

// Of the Period before, whose renditions are decoded with the same init segments: the buffer goes on.
std::string continued(const Offering& offering, const DashPeriod* before, const Share& share) {
  if (before == nullptr || share.begin == 0) return {};
  const auto& last = share.rendition->segments[share.begin - 1];
  const bool same = last && before->holds(offering.listing.offered[share.begin - 1]) &&
                    last->description == share.described();
  return same ? before->id : std::string();
}

// The set that a player may change into it from, nullptr: none.
dash::AdaptationSet* switching_set(const Offering& offering, const Share& share,
                                   const std::vector<Share>& leaders,
                                   std::vector<dash::AdaptationSet>& made) {
  if (!share.rendition->is_video()) return nullptr;
  for (std::size_t i = 0; i < leaders.size(); ++i) {
    if (leaders[i].rendition->is_video() && same_kind(leaders[i], share) &&
        is_switching_set(offering, *leaders[i].rendition, *share.rendition))
      return &made[i];
  }
  return nullptr;
}

std::vector<dash::AdaptationSet> sets(const Offering& offering, const ListedPeriod& period,
                                      const DashPeriod* before, const std::vector<Share>& found) {
  std::vector<dash::AdaptationSet> made;
  std::vector<Share> leaders;  // of the sets, in their order
  std::vector<std::string> labels;
  bool any_picture = false;
  bool any_sound = false;
  for (const Share& share : found) {
    const bool video = share.rendition->is_video();
    bool& any = video ? any_picture : any_sound;
    if (dash::AdaptationSet* const set = switching_set(offering, share, leaders, made)) {
      set->segments_aligned = true;
      set->representations.push_back(representation(offering, period, share));
      continue;
    }
    made.push_back(make_set(offering, share, !any, labels));
    leaders.push_back(share);
    made.back().continues = continued(offering, before, share);
    // The sound carries them while the picture is silent (log_segments.hpp).
    if (share.rendition->name.number == 0 && !share.rendition->is_made()) declare_events(made.back());
    any = true;
    made.back().representations.push_back(representation(offering, period, share));
  }
  return made;
}

void describe_time(const Offering& offering, const std::vector<ListedPeriod>& periods, dash::Mpd& mpd) {
  const Listing& listing = offering.listing;
  const std::int64_t target_us = std::int64_t{listing.target_duration_seconds} * kMicroseconds;
  const std::size_t last = last_place(offering, periods.back());
  std::size_t first = listing.first_described();
  while (first < last && !periods.front().holds(listing.offered[first])) ++first;
  const Extent begin = extent(offering, periods.front(), first);
  const Extent end = extent(offering, periods.back(), last);
  // First the end, then that nothing is to come: dash.js takes nothing but the type from a static MPD that
  // follows a dynamic one.
  mpd.dynamic = !listing.long_ended;
  // Not a tick too early: dash.js pauses there, before the last picture is over.
  if (listing.ended) mpd.duration_us = (end.end_us + kMilliseconds - 1) / kMilliseconds * kMilliseconds;
  // Also gaps, and what is not listed yet behind them: neither time steps back when the publisher returns.
  for (std::size_t i = first; i < listing.offered.size(); ++i)
    mpd.publish_time =
        std::max(mpd.publish_time, listing.offered[i].start_wall + listing.offered[i].duration_us);
  mpd.update_period_us = std::max(target_us / 2, kMicroseconds);
  mpd.buffer_us = target_us;
  mpd.time_shift_us = std::max(end.end_us, mpd.publish_time.us()) - begin.begin_us;
  const bool away = listing.offered.back().is_gap;
  const bool all_listed = last + 1 == listing.offered.size();
  if (!listing.goes_on() || !all_listed) mpd.time_shift_us += kStandingTargets * target_us;
  if (!listing.goes_on() && !away) mpd.time_shift_us += listing.grace_us;
  mpd.presentation_delay_us = kDelayTargets * target_us;
  mpd.longest_segment_us = media::longest_segment_us(listing.target_duration_seconds);
  mpd.time_url = time_url(offering.stream_id);
}

// Of players that take the newest Period by its grid.
void describe_latency(const Listing& listing, dash::Mpd& mpd) {
  const std::int64_t delay_us = latency_us(listing);
  const auto ms = [](std::int64_t us) { return static_cast<std::uint32_t>(us / 1000); };
  mpd.presentation_delay_us = delay_us;
  mpd.buffer_us = std::int64_t{listing.part_target_us};
  mpd.service =
      dash::ServiceDescription{.target_ms = ms(delay_us),
                               .least_ms = ms(delay_us / 2),
                               .most_ms = ms(kDelayTargets * listing.target_duration_seconds * kMicroseconds),
                               .slowest_permille = kSlowestPermille,
                               .fastest_permille = kFastestPermille,
                               .reference_id = kReferenceId};
}

// What the presentation begins with, in microseconds since 1970: 0 of what is dynamic, whose times are dates.
// Of a recording the first Period begins with the first segment that there is.
std::int64_t begin_at_zero(const Offering& offering, std::vector<ListedPeriod>& periods) {
  const Listing& listing = offering.listing;
  if (!listing.long_ended || !offering.is_recording) return 0;
  std::size_t first = listing.first_listed;
  while (!periods.front().holds(listing.offered[first])) ++first;
  DashPeriod& period = periods.front();
  const std::int64_t begin_us = extent(offering, period, first).begin_us;
  period.time_us += begin_us - period.start.us();
  period.start = WallTime::from_us(begin_us);
  return begin_us;
}

}  // namespace

std::string dash_manifest(const Offering& offering, const DashPeriods& periods, ManifestForm form) {
  const Listing& listing = offering.listing;
  // A stream whose publisher was away had one, whatever is left of it. What has ended does not get longer.
  const bool begins = !listing.ended && std::none_of(listing.offered.begin(), listing.offered.end(),
                                                     [](const Segment& segment) { return segment.is_gap; });
  if (!offering.is_listed() || (begins && !periods.shown())) return {};
  std::vector<ListedPeriod> listed = listed_periods(offering, periods, form);
  if (listed.empty()) return {};
  const std::int64_t begin_us = begin_at_zero(offering, listed);
  dash::Mpd mpd;
  describe_time(offering, listed, mpd);
  if (mpd.duration_us) *mpd.duration_us -= begin_us;
  if (listed.back().grid_ns != 0) describe_latency(listing, mpd);
  const DashPeriod* before = nullptr;
  for (const ListedPeriod& period : listed) {
    mpd.periods.push_back({period.id, period.start.us() - begin_us,
                           sets(offering, period, before, shares(offering, period)), period.length_us});
    before = &period;
  }
  return dash::serialize(mpd);
}

}  // namespace millrace::packaging
