#include "ladder_logs.hpp"

#include <algorithm>
#include <utility>

#include "media/errors.hpp"

namespace millrace::packaging {
namespace {

constexpr std::int64_t kMicroseconds = 1'000'000;

const Segment* find(const LogSegments& segments, std::uint64_t media_sequence) {
  const auto& all = segments.complete();
  const auto found = std::lower_bound(
      all.begin(), all.end(), media_sequence,
      [](const Segment& segment, std::uint64_t number) { return segment.media_sequence < number; });
  return found != all.end() && found->media_sequence == media_sequence ? &*found : nullptr;
}

const Segment* growing(const LogSegments& segments, std::uint64_t media_sequence) {
  const Segment* const open = segments.growing();
  return open != nullptr && open->media_sequence == media_sequence ? open : nullptr;
}

// The last one that has been begun; 0: none.
std::uint64_t newest_number(const LogSegments& segments) {
  if (const Segment* const open = segments.growing()) return open->media_sequence;
  return segments.complete().empty() ? 0 : segments.complete().back().media_sequence;
}

const PublicationLog* find(const SegmentIndex& sources, PublicationId publication) {
  for (const auto& log : sources.logs()) {
    if (log->publication_id == publication) return log.get();
  }
  return nullptr;
}

}  // namespace

bool LadderLogs::read(const std::vector<media::FoundLog>& logs,
                      const std::function<bool(PublicationId)>& is_followed, std::size_t& budget,
                      ReadingNews& news) {
  forget_missing(logs, is_followed);
  open_new(logs, is_followed, news);
  bool more = false;
  for (auto& [id, made] : logs_) {
    if (read_log(made.log, made.followed, budget, news)) more = true;
    made.log.segments.keep(WindowPolicy::kMostSegments);
  }
  return more;
}

void LadderLogs::forget_missing(const std::vector<media::FoundLog>& logs,
                                const std::function<bool(PublicationId)>& is_followed) {
  std::erase_if(logs_, [&](const auto& known) {
    const bool there = std::any_of(logs.begin(), logs.end(), [&](const media::FoundLog& log) {
      return log.info.publication_id == known.first && log.arena == known.second.followed.arena;
    });
    return !there || !is_followed(known.second.origin);
  });
}

void LadderLogs::open_new(const std::vector<media::FoundLog>& logs,
                          const std::function<bool(PublicationId)>& is_followed, ReadingNews& news) {
  for (const auto& [arena, info] : logs) {
    const auto name = parse_made_rendition(info.rendition);
    if (!name || logs_.contains(info.publication_id) || !is_followed(info.origin_publication_id)) continue;
    auto reader = arena->open_log(info.slot, info.publication_id, info.first);
    if (!reader) {
      if (reader.error().code != media::errors::kNotFound)
        news.problems.push_back("open log of " + info.rendition + ": " + reader.error().message);
      continue;
    }
    PublicationLog log(info.publication_id, info.epoch, info.first_sequence, info.incarnation, false,
                       LogSegments::Numbers::kMayJump);
    FollowedLog followed{arena, std::make_shared<SharedLog>(std::move(*reader))};
    logs_.emplace(info.publication_id,
                  MadeLog{std::move(log), std::move(followed), info.origin_publication_id, *name});
  }
}

std::set<RenditionName> LadderLogs::names(const Listing& listing) const {
  std::set<RenditionName> names;
  for (const auto& [id, made] : logs_) {
    if (made.log.target_duration_s != 0 && !made.followed.descriptions.empty()) names.insert(made.name);
  }
  if (!plan_) return names;
  for (const PlannedRendition& each : plan_->renditions) {
    if (planned(each.name, listing) != nullptr) names.insert(each.name);
  }
  return names;
}

// What is planned is planned of the newest publication.
std::shared_ptr<const PlannedRendition> LadderLogs::planned(const RenditionName& name,
                                                            const Listing& listing) const {
  const std::size_t end = listing.media_end();
  if (!plan_ || end == 0 || listing.offered[end - 1].publication_id != plan_->publication_id) return nullptr;
  return {plan_, plan_->find(name)};
}

bool LadderLogs::is_planned_of(const Standing& made, const Segment& segment) const {
  if (!made.planned || segment.publication_id != plan_->publication_id) return false;
  const TrackSpan* const source = segment.track(track_of(made.name));
  return source != nullptr && source->configuration == made.planned->source_configuration;
}

bool LadderLogs::is_being_made() const {
  return std::any_of(logs_.begin(), logs_.end(),
                     [](const auto& entry) { return !entry.second.log.segments.ended(); });
}

void LadderLogs::follow(const Listing& listing, const SegmentIndex& sources, std::int64_t now_us) {
  standings_.clear();
  if (listing.offered.empty()) return said_.clear();
  hold(listing);
  const std::uint64_t first = listing.offered.front().media_sequence;
  for (auto& [name, said] : said_) {
    said.gaps.erase(said.gaps.begin(), said.gaps.lower_bound(first));
    said.promised.erase(said.promised.begin(), said.promised.lower_bound(first));
  }
  for (const RenditionName& name : names(listing))
    standings_.push_back(standing(name, listing, sources, now_us));
}

LadderLogs::Standing LadderLogs::standing(const RenditionName& name, const Listing& listing,
                                          const SegmentIndex& sources, std::int64_t now_us) {
  Standing made;
  made.name = name;
  made.planned = planned(name, listing);
  const std::int64_t target_us = std::int64_t{listing.target_duration_seconds} * kMicroseconds;
  if (made.planned != nullptr) {
    const MadeLog* const log = newest(name, plan_->publication_id);
    made.is_idle = log == nullptr || log->log.segments.ended() ||
                   now_us - log->log.segments.last_arrival_us() >= kLateTargets * target_us;
  }
  judge(made, listing, sources, now_us);
  find_growing(made, listing, now_us);
  made.differs = differs(made, listing);
  if (made.differs && !std::exchange(said_[name].differs, true))
    problems_.push_back(to_string(name) + " is not what was announced");
  return made;
}

// By the newest segment that is there, if it is of what was planned of.
bool LadderLogs::differs(const Standing& made, const Listing& listing) const {
  if (!made.planned) return false;
  for (std::size_t i = listing.offered.size(); i-- > 0;) {
    if (!made.whole[i]) continue;
    const TrackSpan* const source = listing.offered[i].track(track_of(made.name));
    if (source == nullptr || source->configuration != made.planned->source_configuration) return false;
    const auto own = share_of(made.name, listing.offered[i]);
    return own && listing.offered[i].publication_id == plan_->publication_id &&
           own->description->digest != made.planned->description->digest;
  }
  return false;
}

void LadderLogs::judge(Standing& made, const Listing& listing, const SegmentIndex& sources,
                       std::int64_t now_us) {
  const std::int64_t target_us = std::int64_t{listing.target_duration_seconds} * kMicroseconds;
  Said& said = said_[made.name];
  const std::size_t current = first_current(listing);
  for (std::size_t i = 0; i < listing.offered.size(); ++i) {
    const Segment& segment = listing.offered[i];
    const std::uint64_t number = segment.media_sequence;
    const State found = said.gaps.contains(number) ? State::kGap : state(made.name, segment, sources);
    const bool may_come = found == State::kMissing && is_planned_of(made, segment);
    const bool is_old = made.is_idle && now_us - segment.last_arrival_us >= kPromisedTargets * target_us;
    if (!may_come || (is_old && i < current)) said.promised.erase(number);
    if (may_come && i >= current && made.is_idle && !plan_->is_refused) said.promised.insert(number);
    made.whole.push_back(found == State::kWhole);
    made.promised.push_back(said.promised.contains(number));
    const bool coming =
        found == State::kMissing && !made.promised.back() && !is_late(made.name, segment, target_us, now_us);
    // A list has a segment at least.
    made.behind = coming && i > listing.first_listed ? made.behind + 1 : 0;
  }
  for (std::size_t i = 0; i < listing.offered.size() - made.behind; ++i) {
    if (!made.whole[i] && !made.promised[i]) said.gaps.insert(listing.offered[i].media_sequence);
  }
}

void LadderLogs::find_growing(Standing& made, const Listing& listing, std::int64_t now_us) const {
  const std::size_t end = listing.offered.size() - made.behind;
  const Segment* const grows = made.behind > 0   ? &listing.offered[end]
                               : listing.growing ? &*listing.growing
                                                 : nullptr;
  const MadeLog* const log = grows == nullptr ? nullptr : newest(made.name, grows->publication_id);
  if (log == nullptr || log->log.segments.ended()) return;
  const std::uint8_t track = track_of(made.name);
  const Segment* const open = log->log.segments.growing();
  if (const TrackSpan* const span = open == nullptr ? nullptr : open->track(track)) {
    made.growing = open->media_sequence;
    made.parts = span->parts.size();
  }
  // Hinted is what comes behind the list's end.
  const std::int64_t target_us = std::int64_t{listing.target_duration_seconds} * kMicroseconds;
  const bool at_work = now_us - log->log.segments.last_arrival_us() < kLateTargets * target_us;
  const bool at_end = open == nullptr || open->media_sequence + 1 >= grows->media_sequence;
  const auto number = log->log.segments.next_part(track);
  if (listing.part_target_us != 0 && number && at_work && at_end)
    made.next_part = PartName{log->log.publication_id, log->log.incarnation, *number};
}

bool LadderLogs::is_late(const RenditionName& name, const Segment& segment, std::int64_t target_us,
                         std::int64_t now_us) const {
  std::int64_t newest_us = 0;
  for (const auto& [id, made] : logs_) {
    if (is_of(made, name, segment) && !made.log.segments.ended())
      newest_us = std::max(newest_us, made.log.segments.last_arrival_us());
  }
  const bool at_work = newest_us != 0 && now_us - newest_us < kLateTargets * target_us;
  return !at_work && now_us - segment.last_arrival_us >= kLateTargets * target_us;
}

LadderLogs::State LadderLogs::state(const RenditionName& name, const Segment& segment,
                                    const SegmentIndex& sources) const {
  if (segment.is_gap) return State::kGap;
  bool passed = false;
  bool ended = true;
  for (const auto& [id, made] : logs_) {
    if (!is_of(made, name, segment)) continue;
    const LogSegments& segments = made.log.segments;
    if (whole(made, segment, sources) != nullptr) return State::kWhole;
    const std::uint64_t number = newest_number(segments);
    passed =
        passed || number > segment.media_sequence || (segments.ended() && number == segment.media_sequence);
    ended = ended && segments.ended();
  }
  const PublicationLog* const source = find(sources, segment.publication_id);
  const bool over = ended && source != nullptr && source->segments.ended();
  return passed || over ? State::kGap : State::kMissing;
}

// The last segment of a log that has ended is whole only if it is the source's last as well.
const Segment* LadderLogs::whole(const MadeLog& made, const Segment& segment,
                                 const SegmentIndex& sources) const {
  const LogSegments& segments = made.log.segments;
  const Segment* const found = find(segments, segment.media_sequence);
  if (found == nullptr || found->track(track_of(made.name)) == nullptr) return nullptr;
  if (!segments.ended() || found != &segments.complete().back()) return found;
  const PublicationLog* const source = find(sources, segment.publication_id);
  const bool is_last = source != nullptr && source->segments.ended() &&
                       newest_number(source->segments) == segment.media_sequence;
  return is_last && made.followed.end != media::LogEnd::kWriterLost ? found : nullptr;
}

const LadderLogs::MadeLog* LadderLogs::newest(const RenditionName& name, PublicationId origin) const {
  const MadeLog* found = nullptr;
  for (const auto& [id, made] : logs_) {
    if (made.origin != origin || made.name != name) continue;
    if (found == nullptr || made.log.incarnation > found->log.incarnation) found = &made;
  }
  return found;
}

void LadderLogs::hold(const Listing& listing) {
  const std::uint64_t first = listing.offered.front().media_sequence;
  for (auto& [id, made] : logs_) {
    std::optional<std::uint64_t> from = made.log.segments.growing_from();
    for (const Segment& segment : made.log.segments.complete()) {
      if (segment.media_sequence < first) continue;
      from = segment.first_record;
      break;
    }
    made.followed.log->with([&](media::LogReader& reader) { reader.hold(from.value_or(reader.position())); });
  }
}

void LadderLogs::add_renditions(const Listing& listing, std::vector<Rendition>& renditions) const {
  for (const Standing& standing : standings_) renditions.push_back(rendition(standing, listing));
  std::sort(renditions.begin(), renditions.end(),
            [](const Rendition& a, const Rendition& b) { return a.name < b.name; });
}

RenditionSegment LadderLogs::share(const MadeLog& made, const Segment& segment) const {
  const TrackSpan& span = *segment.track(track_of(made.name));
  return {span, made.followed.descriptions.at(span.configuration),
          std::make_shared<const MadeSegment>(MadeSegment{segment, made.followed.log})};
}

// Of the newest log that has something of it.
std::optional<RenditionSegment> LadderLogs::share_of(const RenditionName& name,
                                                     const Segment& segment) const {
  const MadeLog* newest = nullptr;
  const Segment* own = nullptr;
  for (const auto& [id, made] : logs_) {
    if (!is_of(made, name, segment) || (newest != nullptr && newest->log.incarnation > made.log.incarnation))
      continue;
    const Segment* found = find(made.log.segments, segment.media_sequence);
    if (found == nullptr) found = growing(made.log.segments, segment.media_sequence);
    if (found == nullptr || found->track(track_of(name)) == nullptr) continue;
    newest = &made;
    own = found;
  }
  return newest == nullptr ? std::nullopt : std::optional(share(*newest, *own));
}

// The part that was being written when the writer was killed has not been listed, and is not whole.
RenditionSegment LadderLogs::without_unfinished(RenditionSegment own) const {
  const auto log = logs_.find(own.made->segment.publication_id);
  const bool ended = log != logs_.end() && log->second.log.segments.ended();
  if (ended && !own.span.parts.empty()) own.span.parts.pop_back();
  return own;
}

Rendition LadderLogs::rendition(const Standing& standing, const Listing& listing) const {
  Rendition made;
  made.name = standing.name;
  made.behind = standing.behind;
  made.promised = standing.promised;
  made.is_idle = standing.is_idle;
  made.planned = standing.planned;
  const std::size_t end = listing.offered.size() - standing.behind;
  for (std::size_t i = 0; i < listing.offered.size(); ++i) {
    const Segment& segment = listing.offered[i];
    std::optional<RenditionSegment> own = share_of(standing.name, segment);
    made.segments.push_back(standing.whole[i] ? own : std::nullopt);
    if (!own || standing.whole[i] || i >= end) continue;
    if (standing.promised[i])
      made.begun = own;
    else
      made.cut_off.emplace(segment.media_sequence, without_unfinished(std::move(*own)));
  }
  const Segment* const grows = made.behind > 0   ? &listing.offered[made.end()]
                               : listing.growing ? &*listing.growing
                                                 : nullptr;
  if (grows != nullptr && standing.growing == grows->media_sequence)
    made.growing = share_of(standing.name, *grows);
  made.next_part = standing.next_part;
  const bool can_be_made =
      made.planned && !plan_->is_refused &&
      std::any_of(listing.offered.begin() + static_cast<std::ptrdiff_t>(first_current(listing)),
                  listing.offered.end(),
                  [&](const Segment& segment) { return is_planned_of(standing, segment); });
  made.current = !standing.differs && (has_something_current(made, listing) || can_be_made);
  return made;
}

}  // namespace millrace::packaging
