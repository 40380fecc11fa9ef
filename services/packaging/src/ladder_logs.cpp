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

std::set<RenditionName> LadderLogs::names() const {
  std::set<RenditionName> names;
  for (const auto& [id, made] : logs_) {
    if (made.log.target_duration_s != 0 && !made.followed.descriptions.empty()) names.insert(made.name);
  }
  return names;
}

bool LadderLogs::is_being_made() const {
  return std::any_of(logs_.begin(), logs_.end(),
                     [](const auto& entry) { return !entry.second.log.segments.ended(); });
}

void LadderLogs::follow(const Listing& listing, const SegmentIndex& sources, std::int64_t now_us) {
  standings_.clear();
  if (listing.offered.empty()) return gaps_.clear();
  hold(listing);
  const std::uint64_t first = listing.offered.front().media_sequence;
  for (auto& [name, numbers] : gaps_) numbers.erase(numbers.begin(), numbers.lower_bound(first));
  for (const RenditionName& name : names()) standings_.push_back(standing(name, listing, sources, now_us));
}

LadderLogs::Standing LadderLogs::standing(const RenditionName& name, const Listing& listing,
                                          const SegmentIndex& sources, std::int64_t now_us) {
  Standing made;
  made.name = name;
  const std::int64_t target_us = std::int64_t{listing.target_duration_seconds} * kMicroseconds;
  std::set<std::uint64_t>& gaps = gaps_[name];
  for (std::size_t i = 0; i < listing.offered.size(); ++i) {
    const Segment& segment = listing.offered[i];
    State found = gaps.contains(segment.media_sequence) ? State::kGap
                                                        : state(name, segment, sources, target_us, now_us);
    made.whole.push_back(found == State::kWhole);
    // A list has a segment at least.
    made.behind = found == State::kComing && i > listing.first_listed ? made.behind + 1 : 0;
  }
  const std::size_t end = listing.offered.size() - made.behind;
  for (std::size_t i = 0; i < end; ++i) {
    if (!made.whole[i]) gaps.insert(listing.offered[i].media_sequence);
  }
  const Segment* const grows = made.behind > 0   ? &listing.offered[end]
                               : listing.growing ? &*listing.growing
                                                 : nullptr;
  const MadeLog* const log = grows == nullptr ? nullptr : newest(name, grows->publication_id);
  if (log == nullptr || log->log.segments.ended()) return made;
  const std::uint8_t track = track_of(name);
  const Segment* const open = growing(log->log.segments, grows->media_sequence);
  if (const TrackSpan* const span = open == nullptr ? nullptr : open->track(track)) {
    made.growing = open->media_sequence;
    made.parts = span->parts.size();
  }
  const bool at_work = now_us - log->log.segments.last_arrival_us() < kLateTargets * target_us;
  const auto number = log->log.segments.next_part(track);
  if (listing.part_target_us != 0 && number && at_work)
    made.next_part = PartName{log->log.publication_id, log->log.incarnation, *number};
  return made;
}

LadderLogs::State LadderLogs::state(const RenditionName& name, const Segment& segment,
                                    const SegmentIndex& sources, std::int64_t target_us,
                                    std::int64_t now_us) const {
  if (segment.is_gap) return State::kGap;
  bool passed = false;
  bool ended = true;
  std::int64_t newest_us = 0;
  for (const auto& [id, made] : logs_) {
    if (!is_of(made, name, segment)) continue;
    const LogSegments& segments = made.log.segments;
    if (whole(made, segment, sources) != nullptr) return State::kWhole;
    const std::uint64_t number = newest_number(segments);
    passed =
        passed || number > segment.media_sequence || (segments.ended() && number == segment.media_sequence);
    ended = ended && segments.ended();
    newest_us = std::max(newest_us, segments.last_arrival_us());
  }
  const PublicationLog* const source = find(sources, segment.publication_id);
  const bool over = ended && source != nullptr && source->segments.ended();
  const bool at_work = !ended && now_us - newest_us < kLateTargets * target_us;
  const bool late = !at_work && now_us - segment.last_arrival_us >= kLateTargets * target_us;
  return passed || over || late ? State::kGap : State::kComing;
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
  const std::size_t end = listing.offered.size() - standing.behind;
  for (std::size_t i = 0; i < listing.offered.size(); ++i) {
    const Segment& segment = listing.offered[i];
    std::optional<RenditionSegment> own = share_of(standing.name, segment);
    made.segments.push_back(standing.whole[i] ? own : std::nullopt);
    if (own && !standing.whole[i] && i < end)
      made.cut_off.emplace(segment.media_sequence, without_unfinished(std::move(*own)));
  }
  if (standing.growing != 0) {
    const Segment& grows = made.behind > 0 ? listing.offered[made.end()] : *listing.growing;
    made.growing = share_of(standing.name, grows);
  }
  made.next_part = standing.next_part;
  made.current = has_something_current(made, listing);
  return made;
}

}  // namespace millrace::packaging
