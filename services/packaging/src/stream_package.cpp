#include "stream_package.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>

#include "bandwidth.hpp"
#include "manifest/hls/media_playlist.hpp"
#include "manifest/hls/multivariant_playlist.hpp"

namespace millrace::packaging {
namespace {

constexpr std::size_t kMostProblemsTold = 16;
constexpr std::int64_t kMicroseconds = 1'000'000;

// Of the listed segments with the newest one's picture: whole frames by their times, so that a segment that
// is cut by the end of the sound does not count for less. 0: nothing can be told.
std::uint32_t measured_millihertz(const Listing& listing, std::uint32_t timescale) {
  const Segment& newest = listing.offered.back();
  std::uint64_t frames = 0;
  std::uint64_t ticks = 0;
  for (std::size_t i = listing.first_listed; i < listing.offered.size(); ++i) {
    const Segment& segment = listing.offered[i];
    const TrackSpan& span = segment.tracks[kVideo];
    if (segment.publication_id != newest.publication_id || span.samples == 0 ||
        span.configuration != newest.configurations[kVideo]) {
      continue;
    }
    frames += span.samples;
    ticks += static_cast<std::uint64_t>(span.last_dts - span.first_dts) + span.last_duration;
  }
  return ticks == 0 ? 0 : static_cast<std::uint32_t>(frames * 1000 * timescale / ticks);
}

// RFC 8216bis 4.4.6.2, from the transfer characteristics; players take what is not told for SDR.
std::string video_range(const std::optional<codecs::Colour>& colour) {
  constexpr std::uint8_t kPerceptualQuantizer = 16;
  constexpr std::uint8_t kHybridLogGamma = 18;
  if (colour && colour->transfer == kPerceptualQuantizer) return "PQ";
  if (colour && colour->transfer == kHybridLogGamma) return "HLG";
  return {};
}

}  // namespace

StreamPackage::StreamPackage(std::string stream_id, const WindowPolicy& policy)
    : stream_id_(std::move(stream_id)), window_segments_(policy.segments), index_(policy) {}

bool is_private(const StreamLogs& logs) {
  const auto newest = std::max_element(
      logs.logs.begin(), logs.logs.end(),
      [](const media::FoundLog& a, const media::FoundLog& b) { return a.info.epoch < b.info.epoch; });
  return newest != logs.logs.end() && newest->info.is_private;
}

StreamPackage::Update StreamPackage::update(const StreamLogs& logs, std::int64_t now_monotonic_us) {
  const auto is_secret = [](const media::FoundLog& log) { return log.info.is_private; };
  is_private_ = is_private(logs);
  if (is_private_ || std::none_of(logs.logs.begin(), logs.logs.end(), is_secret))
    return follow(logs, now_monotonic_us);
  StreamLogs open = logs;
  std::erase_if(open.logs, is_secret);
  return follow(open, now_monotonic_us);
}

StreamPackage::Update StreamPackage::follow(const StreamLogs& logs, std::int64_t now_monotonic_us) {
  Update update;
  forget_missing(logs);
  open_new(logs, update);
  std::size_t budget = kRecordsPerUpdate;
  for (const auto& log : index_.logs()) {
    const auto found = publications_.find(log->publication_id);
    if (found != publications_.end() && read_records(*log, found->second, budget, update)) update.more = true;
  }
  // Half of the past is no view: numbers would seem to step back to who saw the whole.
  if (update.more) return update;
  index_.trim();
  const Listing listing = index_.listing(now_monotonic_us);
  hold(listing);
  renew_view(listing, update);
  return update;
}

void StreamPackage::forget_missing(const StreamLogs& logs) {
  for (auto known = publications_.begin(); known != publications_.end();) {
    // Of an arena whose file was replaced nothing continues.
    const bool there = std::any_of(logs.logs.begin(), logs.logs.end(), [&](const media::FoundLog& log) {
      return log.info.publication_id == known->first && log.arena == known->second.arena;
    });
    if (!there) index_.forget(known->first);
    known = there ? std::next(known) : publications_.erase(known);
  }
}

void StreamPackage::open_new(const StreamLogs& logs, Update& update) {
  for (const auto& [arena, info] : logs.logs) {
    if (publications_.contains(info.publication_id)) continue;
    auto reader = arena->open_log(info.slot, info.publication_id, info.first);
    if (!reader) {
      if (reader.error().code != "media.not_found") problem(update, "open log: " + reader.error().message);
      continue;
    }
    Publication& publication = publications_[info.publication_id];
    publication.arena = arena;
    publication.log = std::make_shared<SharedLog>(std::move(*reader));
    index_.log(info.publication_id, info.epoch);
    std::erase(remembered_, info.publication_id);
    remembered_.push_back(info.publication_id);
    if (remembered_.size() > kRememberedPublications) remembered_.erase(remembered_.begin());
  }
}

// True when the budget ended before the log did.
bool StreamPackage::read_records(PublicationLog& log, Publication& publication, std::size_t& budget,
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
void StreamPackage::load_configurations(PublicationLog& log, Publication& publication,
                                        const media::LogReader& reader, Update& update) {
  for (std::uint32_t index = static_cast<std::uint32_t>(publication.descriptions.size());
       index < reader.configuration_count(); ++index) {
    const auto configuration = reader.configuration(index);
    if (!configuration) return;  // the log is going; its records will be told as gone
    TrackDescription description = describe(*configuration);
    if (!description.refusal.empty()) problem(update, description.refusal);
    log.segments.add_configuration(description.timing);
    publication.descriptions.push_back(std::move(description));
  }
}

// The reader fell behind what is retained: the segments are told anew from the oldest record on.
void StreamPackage::read_again(PublicationLog& log, Publication& publication, media::LogReader& reader) {
  LogSegments segments(log.publication_id);
  for (const TrackDescription& description : publication.descriptions)
    segments.add_configuration(description.timing);
  log.segments = std::move(segments);
  reader.seek(std::max(reader.info().first, reader.position() + 1));
}

// What is listed, what has just left the list, and what grows stays in the log as long as it allows.
void StreamPackage::hold(const Listing& listing) {
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

StreamPackage::Signature StreamPackage::signature_of(const Listing& listing) const {
  if (listing.offered.empty()) return {};
  const Segment& last = listing.offered.back();
  return {listing.offered.front().media_sequence,
          listing.offered.front().media_sequence + listing.first_listed,
          last.media_sequence,
          last.publication_id,
          listing.target_duration_seconds,
          listing.ended,
          is_private_};
}

void StreamPackage::renew_view(const Listing& listing, Update& update) {
  const Signature signature = signature_of(listing);
  if (signature == signature_) return;
  update.changed = true;
  const bool had_view = view_ != nullptr;
  for (std::size_t i = listing.first_listed; had_view && i < listing.offered.size(); ++i) {
    if (listing.offered[i].media_sequence > signature_.last) update.listed.push_back(listing.offered[i]);
  }
  signature_ = signature;
  view_ = listing.offered.empty() ? nullptr : make_view(listing);
  offered_.erase(offered_.begin(), view_ ? offered_.lower_bound(signature.first_offered) : offered_.end());
}

std::shared_ptr<const StreamView> StreamPackage::make_view(const Listing& listing) {
  auto view = std::make_shared<StreamView>();
  view->stream_id = stream_id_;
  view->target_duration_seconds = listing.target_duration_seconds;
  view->ended = listing.ended;
  view->is_private = is_private_;
  view->publications = remembered_;
  for (const Segment& segment : listing.offered) {
    view->offered.push_back(offer(segment));
    std::string name = to_string(init_name(segment));
    if (view->init_segments.contains(name)) continue;
    StoredText init = init_segment_of(segment, name);
    view->init_segments.emplace(std::move(name), std::move(init));
  }
  if (listing.first_listed < listing.offered.size()) {
    view->media_playlist = store_text(media_playlist(listing));
    view->multivariant_playlist = store_text(multivariant_playlist(listing));
  }
  return view;
}

std::shared_ptr<const OfferedSegment> StreamPackage::offer(const Segment& segment) {
  auto& offered = offered_[segment.media_sequence];
  const auto& log = publications_.at(segment.publication_id).log;
  if (!offered || offered->log() != log) offered = std::make_shared<const OfferedSegment>(segment, log);
  return offered;
}

StoredText StreamPackage::init_segment_of(const Segment& segment, const std::string& name) const {
  if (view_) {
    const auto known = view_->init_segments.find(name);
    if (known != view_->init_segments.end()) return known->second;
  }
  const Bytes bytes =
      init_segment(publications_.at(segment.publication_id).descriptions, segment.configurations);
  return store_text(std::string(as_text(bytes)));
}

std::string StreamPackage::media_playlist(const Listing& listing) const {
  hls::MediaPlaylist playlist;
  playlist.target_duration_seconds = listing.target_duration_seconds;
  playlist.media_sequence = listing.offered[listing.first_listed].media_sequence;
  playlist.ended = listing.ended;
  playlist.independent_segments = listing.independent;
  for (std::size_t i = listing.first_listed; i < listing.offered.size(); ++i) {
    const Segment& segment = listing.offered[i];
    hls::MediaSegment entry;
    entry.uri = to_string(segment_name(segment));
    entry.map_uri = to_string(init_name(segment));
    entry.duration_us = segment.duration_us;
    entry.program_date_time_us = segment.start_wall_us;
    entry.discontinuity_sequence = segment.discontinuity_sequence;
    playlist.segments.push_back(std::move(entry));
  }
  return hls::serialize(playlist);
}

std::string StreamPackage::multivariant_playlist(const Listing& listing) const {
  hls::Variant variant;
  variant.uri = kMediaPlaylistName;
  const Bandwidth told = bandwidth(std::span(listing.offered).subspan(listing.first_listed),
                                   listing.target_duration_seconds * kMicroseconds);
  variant.bandwidth = told.peak;
  variant.average_bandwidth = told.average;
  const Segment& newest = listing.offered.back();
  const auto& descriptions = publications_.at(newest.publication_id).descriptions;
  for (const auto& configuration : newest.configurations) {
    if (configuration) variant.codecs.push_back(descriptions[*configuration].codec);
  }
  if (const auto video = newest.configurations[kVideo]) {
    const TrackDescription& description = descriptions[*video];
    variant.width = description.width;
    variant.height = description.height;
    variant.video_range = video_range(description.track.colour);
    variant.frame_rate_millihertz =
        description.frames_per_second
            ? static_cast<std::uint32_t>(std::lround(*description.frames_per_second * 1000))
            : measured_millihertz(listing, description.timing.timescale);
  }
  return hls::serialize({{variant}});
}

void StreamPackage::problem(Update& update, std::string text) {
  if (told_.size() >= kMostProblemsTold || std::find(told_.begin(), told_.end(), text) != told_.end()) return;
  told_.push_back(text);
  update.problems.push_back(std::move(text));
}

}  // namespace millrace::packaging
