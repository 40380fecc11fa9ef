#include "presentation.hpp"

#include <algorithm>
#include <optional>
#include <set>

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

Presentation::Update Presentation::update(const StreamLogs& logs, std::int64_t now_monotonic_us) {
  const auto is_secret = [](const media::FoundLog& log) { return log.info.is_private; };
  is_private_ = is_private(logs);
  if (is_private_ || std::none_of(logs.logs.begin(), logs.logs.end(), is_secret))
    return follow(logs, now_monotonic_us);
  StreamLogs open = logs;
  std::erase_if(open.logs, is_secret);
  return follow(open, now_monotonic_us);
}

Presentation::Update Presentation::follow(const StreamLogs& logs, std::int64_t now_monotonic_us) {
  Update update;
  forget_missing(logs);
  open_new(logs, update);
  std::size_t budget = kRecordsPerUpdate;
  for (const auto& log : index_.logs()) {
    const auto found = publications_.find(log->publication_id);
    if (found != publications_.end() && read_records(*log, found->second, budget, update)) update.more = true;
  }
  // Half of the past is not offered: numbers would seem to step back to who saw the whole.
  if (update.more) return update;
  index_.trim();
  Listing listing = index_.listing(now_monotonic_us);
  hold(listing);
  renew(std::move(listing), update);
  return update;
}

void Presentation::forget_missing(const StreamLogs& logs) {
  for (auto known = publications_.begin(); known != publications_.end();) {
    // Of an arena whose file was replaced nothing continues.
    const bool there = std::any_of(logs.logs.begin(), logs.logs.end(), [&](const media::FoundLog& log) {
      return log.info.publication_id == known->first && log.arena == known->second.arena;
    });
    if (!there) index_.forget(known->first);
    known = there ? std::next(known) : publications_.erase(known);
  }
}

void Presentation::open_new(const StreamLogs& logs, Update& update) {
  for (const auto& [arena, info] : logs.logs) {
    if (publications_.contains(info.publication_id)) continue;
    auto reader = arena->open_log(info.slot, info.publication_id, info.first);
    if (!reader) {
      if (reader.error().code != media::errors::kNotFound)
        problem(update, "open log: " + reader.error().message);
      continue;
    }
    Publication& publication = publications_[info.publication_id];
    publication.arena = arena;
    publication.log = std::make_shared<SharedLog>(std::move(*reader));
    index_.log(info.publication_id, info.epoch, info.first_sequence, info.incarnation);
    std::erase(remembered_, info.publication_id);
    remembered_.push_back(info.publication_id);
    if (remembered_.size() > kRememberedPublications) remembered_.erase(remembered_.begin());
  }
}

// True when the budget ended before the log did.
bool Presentation::read_records(PublicationLog& log, Publication& publication, std::size_t& budget,
                                Update& update) {
  return publication.log->with([&](media::LogReader& reader) {
    while (true) {
      const media::LogReader::Read read = reader.read();
      if (const auto* sample = std::get_if<media::LogReader::Sample>(&read)) {
        if (budget == 0) return true;
        --budget;
        load_configurations(log, publication, reader, update);
        log.segments.add(sample->record);
        reader.advance();
      } else if (std::holds_alternative<media::LogReader::Lagged>(read)) {
        if (budget == 0) return true;
        --budget;
        read_again(log, publication, reader);
      } else {
        if (std::holds_alternative<media::LogReader::Ended>(read)) log.segments.end();
        break;
      }
    }
    const media::LogInfo info = reader.info();
    log.target_duration_s = info.target_duration_s;
    log.first_dependent_segment = info.first_dependent_segment;
    log.pinned_limit_us = info.pinned_limit_us;
    log.segments.recycled_before(info.first);
    return false;
  });
}

// A configuration is in the log before the first record that refers to it.
void Presentation::load_configurations(PublicationLog& log, Publication& publication,
                                       const media::LogReader& reader, Update& update) {
  for (std::uint32_t index = static_cast<std::uint32_t>(publication.descriptions.size());
       index < reader.configuration_count(); ++index) {
    const auto configuration = reader.configuration(index);
    if (!configuration) return;  // the log is going; its records will be told as gone
    TrackDescription description = describe(*configuration);
    if (!description.refusal.empty()) problem(update, description.refusal);
    log.segments.add_configuration(description.timing);
    publication.descriptions.push_back(std::make_shared<const TrackDescription>(std::move(description)));
  }
}

// The reader fell behind what is retained: the segments are told anew from the oldest record on.
void Presentation::read_again(PublicationLog& log, Publication& publication, media::LogReader& reader) {
  LogSegments segments(log.publication_id, log.first_sequence, log.incarnation);
  for (const auto& description : publication.descriptions) segments.add_configuration(description->timing);
  log.segments = std::move(segments);
  reader.seek(std::max(reader.info().first, reader.position() + 1));
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
  return {listing.offered.front().media_sequence,
          listing.offered.front().media_sequence + listing.first_listed,
          last.media_sequence,
          last.publication_id,
          listing.target_duration_seconds,
          listing.ended,
          is_private_,
          rendition_names()};
}

void Presentation::renew(Listing listing, Update& update) {
  Signature signature = signature_of(listing);
  if (signature == signature_) return;
  update.changed = true;
  const bool had_offering = !offering_.listing.offered.empty();
  for (std::size_t i = listing.first_listed; had_offering && i < listing.offered.size(); ++i) {
    if (listing.offered[i].media_sequence > signature_.last) update.listed.push_back(listing.offered[i]);
  }
  offering_ = {};
  offering_.is_private = is_private_;
  for (const Segment& segment : listing.offered)
    offering_.logs.push_back(publications_.at(segment.publication_id).log);
  for (const RenditionName& name : signature.renditions)
    offering_.renditions.push_back(rendition(name, listing));
  offering_.listing = std::move(listing);
  signature_ = std::move(signature);
}

Rendition Presentation::rendition(const RenditionName& name, const Listing& listing) const {
  Rendition made;
  made.name = name;
  for (const Segment& segment : listing.offered) {
    const auto span = std::find_if(segment.tracks.begin(), segment.tracks.end(), [&](const TrackSpan& track) {
      return rendition_name(track.kind, track.track) == name;
    });
    made.segments.emplace_back();
    if (span == segment.tracks.end()) continue;
    const auto& descriptions = publications_.at(segment.publication_id).descriptions;
    made.segments.back() = RenditionSegment{*span, descriptions.at(span->configuration)};
  }
  made.current = std::any_of(made.segments.begin() + static_cast<std::ptrdiff_t>(first_current(listing)),
                             made.segments.end(), [](const auto& segment) { return segment.has_value(); });
  return made;
}

void Presentation::problem(Update& update, std::string text) {
  if (told_.size() >= kMostProblemsTold || std::find(told_.begin(), told_.end(), text) != told_.end()) return;
  told_.push_back(text);
  update.problems.push_back(std::move(text));
}

}  // namespace millrace::packaging
