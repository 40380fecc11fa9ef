#include "presentation.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "media/errors.hpp"

namespace millrace::packaging {
namespace {

constexpr std::size_t kMostProblemsTold = 16;

}  // namespace

bool is_private(const StreamLogs& logs) {
  const auto newest = std::max_element(
      logs.logs.begin(), logs.logs.end(),
      [](const media::FoundLog& a, const media::FoundLog& b) { return media::comes_before(a.info, b.info); });
  return newest != logs.logs.end() && newest->info.is_private;
}

bool was_closed(const StreamLogs& logs) {
  const media::LogInfo* newest = nullptr;
  for (const auto* const series : {&logs.logs, &logs.slates}) {
    for (const media::FoundLog& log : *series)
      if (newest == nullptr || log.info.epoch >= newest->epoch) newest = &log.info;
  }
  return newest != nullptr && newest->end == media::LogEnd::kRevoked;
}

Presentation::Update Presentation::update(const StreamLogs& logs, std::int64_t now_monotonic_us) {
  const auto is_secret = [](const media::FoundLog& log) { return log.info.is_private; };
  const bool is_private_now = is_private(logs);
  // What was said of breaks was for others.
  if (std::exchange(is_private_, is_private_now) != is_private_now) date_ranges_ = {};
  if (is_private_ || std::none_of(logs.logs.begin(), logs.logs.end(), is_secret))
    return follow(logs, now_monotonic_us);
  StreamLogs open = logs;
  std::erase_if(open.logs, is_secret);
  std::erase_if(open.slates, is_secret);
  std::erase_if(open.renditions, is_secret);
  return follow(open, now_monotonic_us);
}

Presentation::Update Presentation::follow(const StreamLogs& logs, std::int64_t now_monotonic_us) {
  Update update;
  forget_missing(logs);
  open_new(logs.logs, update);
  open_new(logs.slates, update);
  update.more = read(logs.renditions, update);
  // Half of the past is not offered: numbers would seem to step back to who saw the whole.
  if (update.more) return update;
  index_.trim();
  Listing listing = index_.listing(now_monotonic_us);
  hold(listing);
  ladder_.follow(listing, index_, now_monotonic_us);
  for (std::string& text : ladder_.take_problems()) problem(update, std::move(text));
  renew(std::move(listing), update);
  return update;
}

// True when there is more.
bool Presentation::read(const std::vector<media::FoundLog>& made, Update& update) {
  std::size_t budget = kRecordsPerUpdate;
  bool more = false;
  ReadingNews news;
  for (const auto& log : index_.logs()) {
    const auto found = publications_.find(log->publication_id);
    if (found != publications_.end() && read_log(*log, found->second, budget, news)) more = true;
  }
  const auto is_followed = [this](PublicationId id) { return publications_.contains(id); };
  if (ladder_.read(made, is_followed, budget, news)) more = true;
  for (std::string& text : news.problems) problem(update, std::move(text));
  update.events = news.events;
  update.refused_events = news.refused_events;
  return more;
}

void Presentation::forget_missing(const StreamLogs& logs) {
  for (auto known = publications_.begin(); known != publications_.end();) {
    // Of an arena whose file was replaced nothing continues.
    const auto is_it = [&](const media::FoundLog& log) {
      return log.info.publication_id == known->first && log.arena == known->second.arena;
    };
    const bool there = std::any_of(logs.logs.begin(), logs.logs.end(), is_it) ||
                       std::any_of(logs.slates.begin(), logs.slates.end(), is_it);
    if (!there) index_.forget(known->first);
    known = there ? std::next(known) : publications_.erase(known);
  }
}

void Presentation::open_new(const std::vector<media::FoundLog>& logs, Update& update) {
  for (const auto& [arena, info] : logs) {
    if (publications_.contains(info.publication_id)) continue;
    auto reader = arena->open_log(info.slot, info.publication_id, info.first);
    if (!reader) {
      if (reader.error().code != media::errors::kNotFound)
        problem(update, "open log: " + reader.error().message);
      continue;
    }
    publications_[info.publication_id] = {arena, std::make_shared<SharedLog>(std::move(*reader))};
    index_.log(info.publication_id, info.epoch, info.first_sequence, info.incarnation,
               info.role == media::LogRole::kSlate);
  }
}

// What is listed, what has just left the list, and what grows stays in the log as long as it allows.
void Presentation::hold(const Listing& listing) {
  for (const auto& log : index_.logs()) {
    const auto found = publications_.find(log->publication_id);
    if (found == publications_.end()) continue;
    std::optional<std::uint64_t> from = log->segments.growing_from();
    for (const Segment& segment : listing.offered) {
      if (segment.publication_id != log->publication_id) continue;
      from = segment.first_record;
      break;
    }
    found->second.log->with([&](media::LogReader& reader) { reader.hold(from.value_or(reader.position())); });
  }
}

// The first picture and the first sound have a list whether or not there is such a track: one that has gone
// leaves a list of gaps to who plays it, also where only a packaging from before a restart had seen it.
std::vector<RenditionName> Presentation::rendition_names() const {
  std::set<RenditionName> names = {{media::TrackKind::kVideo, 0}, {media::TrackKind::kAudio, 0}};
  for (const auto& [id, publication] : publications_) {
    for (const auto& description : publication.descriptions) {
      const TrackTiming& timing = description->timing;
      if (timing.usable) names.insert(rendition_name(timing.kind, timing.track));
    }
  }
  return {names.begin(), names.end()};
}

Presentation::Signature Presentation::signature_of(const Listing& listing) const {
  if (listing.offered.empty()) return {};
  const Segment& last = listing.offered.back();
  Signature signature{.first_offered = listing.offered.front().media_sequence,
                      .first_listed = listing.offered.front().media_sequence + listing.first_listed,
                      .last = last.media_sequence,
                      .publication = last.publication_id,
                      .target_duration = listing.target_duration_seconds,
                      .part_target_us = listing.part_target_us,
                      .ended = listing.ended,
                      .long_ended = listing.long_ended,
                      .is_private = is_private_,
                      .renditions = rendition_names(),
                      .ladder = ladder_.standings()};
  if (!listing.growing) return signature;
  signature.growing = listing.growing->publication_id;
  signature.growing_tracks = listing.growing->tracks.size();
  for (const TrackSpan& span : listing.growing->tracks) signature.growing_parts += span.parts.size();
  signature.growing_parts += listing.growing->gap_parts.size();
  return signature;
}

void Presentation::renew(Listing listing, Update& update) {
  Signature signature = signature_of(listing);
  if (signature == signature_) return;
  update.changed = true;
  add_news(listing, update);
  auto offering = std::make_shared<Offering>();
  offering->stream_id = stream_id_;
  offering->is_private = is_private_;
  date_ranges_.update(listing);
  offering->date_ranges = date_ranges_.listed();
  offering->removed_date_ranges = date_ranges_.removed();
  for (const Segment& segment : listing.offered)
    offering->logs.push_back(publications_.at(segment.publication_id).log);
  if (listing.growing) offering->growing_log = publications_.at(listing.growing->publication_id).log;
  for (const RenditionName& name : signature.renditions)
    offering->renditions.push_back(rendition(name, listing));
  ladder_.add_renditions(listing, offering->renditions);
  offering->listing = std::move(listing);
  offering_ = std::move(offering);
  signature_ = std::move(signature);
}

// Of what the first offering has, nothing is news: it was there before.
void Presentation::add_news(const Listing& listing, Update& update) {
  Update unheard;
  Update& heard = offering_->listing.offered.empty() ? unheard : update;
  for (std::size_t i = listing.first_listed; i < listing.offered.size(); ++i) {
    const Segment& segment = listing.offered[i];
    if (segment.media_sequence <= signature_.last || segment.is_gap) continue;
    heard.listed.push_back(segment);
    add_closed_parts(segment, heard);
  }
  if (listing.growing) add_closed_parts(*listing.growing, heard);
}

void Presentation::add_closed_parts(const Segment& segment, Update& update) {
  if (told_publication_ != segment.publication_id) told_part_ = {};
  told_publication_ = segment.publication_id;
  for (const TrackSpan& span : segment.tracks) {
    for (const Part& part : span.parts) {
      if (part.number <= told_part_.at(span.track)) continue;
      told_part_.at(span.track) = part.number;
      update.parts_closed_us.push_back(part.closed_us);
    }
  }
}

Rendition Presentation::rendition(const RenditionName& name, const Listing& listing) const {
  Rendition made;
  made.name = name;
  const Segment* before = nullptr;
  for (const Segment& segment : listing.offered) {
    made.segments.push_back(share(segment, name, before));
    if (!segment.is_gap) before = &segment;  // a track is not silent where there is nothing at all
  }
  if (listing.growing) made.growing = share(*listing.growing, name, before);
  // Of a track that was silent nothing is hinted: it may be back too late for this segment.
  if (listing.growing && listing.part_target_us != 0) {
    const bool expected = before != nullptr && has_track(*before, name) && !has_track(*listing.growing, name);
    if (made.growing || expected) made.next_part = next_part(name);
  }
  made.current = has_something_current(made, listing);
  return made;
}

// Whether a track that was silent is back in time for this segment is the log's to say, and the same when
// it is read again: what its list has shown as a gap by then stays one.
std::optional<RenditionSegment> Presentation::share(const Segment& segment, const RenditionName& name,
                                                    const Segment* before) const {
  if (!has_track(segment, name)) return std::nullopt;
  const TrackSpan* const span = segment.track(track_of(name));
  if (span->parts_missed > 0 && before != nullptr && !has_track(*before, name)) return std::nullopt;
  const auto& descriptions = publications_.at(segment.publication_id).descriptions;
  return RenditionSegment{*span, descriptions.at(span->configuration), {}};
}

std::optional<PartName> Presentation::next_part(const RenditionName& name) const {
  const PublicationLog& newest = *index_.logs().back();
  const std::uint8_t track = track_of(name);
  const auto& descriptions = publications_.at(newest.publication_id).descriptions;
  const bool has_track = std::any_of(descriptions.begin(), descriptions.end(), [&](const auto& description) {
    return description->timing.usable && description->timing.kind == name.kind &&
           description->timing.track == track;
  });
  const auto number = newest.segments.next_part(track);
  if (!has_track || !number) return std::nullopt;
  return PartName{newest.publication_id, newest.incarnation, *number};
}

void Presentation::problem(Update& update, std::string text) {
  if (told_.size() >= kMostProblemsTold || std::find(told_.begin(), told_.end(), text) != told_.end()) return;
  told_.push_back(text);
  update.problems.push_back(std::move(text));
}

}  // namespace millrace::packaging
