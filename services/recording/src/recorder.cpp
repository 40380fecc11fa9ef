#include "recorder.hpp"

#include <algorithm>
#include <utility>

#include "containers/mp4/init_segment.hpp"
#include "parameter_sets.hpp"

namespace millrace::recording {
namespace {

// Until two samples of a track show it: a frame of 30 a second, an AAC frame.
std::uint32_t nominal_duration(const mp4::Track& track) {
  constexpr std::uint32_t kAacFrame = 1024;
  return track.type == mp4::TrackType::kAudio ? kAacFrame : std::max(1U, track.timescale / 30);
}

const mp4::Track* find_track(const std::vector<mp4::Track>& tracks, std::uint32_t id) {
  const auto found =
      std::find_if(tracks.begin(), tracks.end(), [&](const mp4::Track& track) { return track.id == id; });
  return found == tracks.end() ? nullptr : &*found;
}

constexpr std::int64_t kMicroseconds = 1'000'000;

// In two steps, so that no time overflows. Rounds towards zero.
std::int64_t rescale(std::int64_t value, std::int64_t from, std::int64_t to) {
  return value / from * to + value % from * to / from;
}

}  // namespace

void TrackEnd::add(std::int64_t dts, std::int32_t composition_offset, std::uint32_t sample_duration) {
  last_dts = dts;
  presented = std::max(presented, dts + composition_offset);
  duration = sample_duration;
}

std::int64_t TrackEnd::end() const {
  return std::max(last_dts, presented) + duration;
}

Recorder::Recorder(ResumePoint resume, RecordingLimits limits)
    : journal_(resume.journal),
      limits_(limits),
      tracks_(std::move(resume.tracks)),
      fragments_(resume.fragments),
      ends_(std::move(resume.ends)),
      publications_(resume.publications),
      begin_us_(resume.begin_us),
      file_bytes_(resume.bytes) {}

bool Recorder::differs(const mp4::Track& track) const {
  const mp4::Track* const known = find_track(tracks_, track.id);
  if (known == nullptr) return false;
  mp4::Track copy = *known;
  return !mp4::take_description(copy, track);
}

bool Recorder::continue_as(PublicationId publication_id, std::uint64_t next_sequence) {
  if (publications_ >= kMaxPublications) return false;
  ++publications_;
  journal_.publication_id = publication_id;
  journal_.next_sequence = next_sequence_ = next_sequence;
  records_.clear();
  continuing_ = true;
  return true;
}

void Recorder::end_for_continuation(WallTime started_wall, std::vector<FileAction>& out) {
  end(out);
  continuing_ = false;
  journal_.started_wall = started_wall;
  journal_.shift_us = 0;
}

// Where in the file the publication's times go: as long behind the last sample as it arrived after it, never
// before the end of what is there.
void Recorder::place_continuation(const media::SampleRecord& record, const mp4::Track& track) {
  continuing_ = false;
  journal_.shift_us = 0;
  std::int64_t end_us = 0;
  std::int64_t last_us = 0;
  for (const mp4::Track& known : tracks_) {
    const auto found = ends_.find(known.id);
    if (found == ends_.end()) continue;
    end_us = std::max(end_us, rescale(found->second.end(), known.timescale, kMicroseconds) + 1);
    last_us = std::max(last_us, rescale(found->second.last_dts, known.timescale, kMicroseconds));
  }
  if (ends_.empty()) return;
  const std::int64_t away_us = std::max<std::int64_t>(record.arrival_us - journal_.arrival_us, 0);
  journal_.shift_us =
      std::max(end_us, last_us + away_us) - rescale(record.dts, track.timescale, kMicroseconds);
}

bool Recorder::fragment_ends_before(const media::SampleRecord& record) const {
  return !waiting_.empty() &&
         (record.media_sequence != waiting_segment_ || waiting_bytes_ >= limits_.fragment.bytes ||
          record.arrival_us - waiting_since_us_ >= limits_.fragment.duration_us);
}

std::int64_t Recorder::time_us(std::int64_t dts, const mp4::Track& track) const {
  return rescale(dts, track.timescale, kMicroseconds) + journal_.shift_us;
}

bool Recorder::is_beyond(const FileLimits& limits, std::int64_t time_us) const {
  if (!begin_us_) return false;
  return (limits.duration_us > 0 && time_us - *begin_us_ >= limits.duration_us) ||
         (limits.bytes > 0 && file_bytes_ + waiting_bytes_ >= limits.bytes);
}

// At a key frame of the first picture, at a recovery point where none came for an eighth of the limit; at a
// sound where there is no picture, or it has stopped.
bool Recorder::file_ends_before(const media::SampleRecord& record, const mp4::Track& track) const {
  constexpr std::int64_t kPictureHasStoppedUs = 2'000'000;
  const FileLimits& limits = limits_.file;
  const std::int64_t now_us = time_us(record.dts, track);
  if (continuing_ || !is_beyond(limits, now_us)) return false;
  const auto picture = std::find_if(tracks_.begin(), tracks_.end(), [](const mp4::Track& known) {
    return known.type == mp4::TrackType::kVideo;
  });
  if (picture == tracks_.end()) return true;
  if (track.type == mp4::TrackType::kVideo) {
    const FileLimits patience{limits.duration_us / 8 * 9, limits.bytes / 8 * 9};
    const bool key = (record.flags & media::kSampleKey) != 0;
    return track.id == picture->id && key && (media::is_sync(record.flags) || is_beyond(patience, now_us));
  }
  const auto ends = ends_.find(picture->id);
  return ends == ends_.end() ||
         now_us - rescale(ends->second.last_dts, picture->timescale, kMicroseconds) > kPictureHasStoppedUs;
}

// A run has one sample description.
bool Recorder::description_changes(const mp4::Track& track) const {
  const auto run = waiting_.find(track.id);
  const mp4::Track* const known = find_track(tracks_, track.id);
  return run != waiting_.end() && known != nullptr &&
         run->second.run.description != mp4::find_description(*known, track);
}

void Recorder::add(const media::SampleRecord& record, const mp4::Track* track, Bytes payload,
                   std::vector<FileAction>& out) {
  if (track != nullptr) {
    if (file_ends_before(record, *track)) {
      end(out);
      journal_.started_wall = record.presented_wall;
    } else if (fragment_ends_before(record) || description_changes(*track)) {
      flush(out);
    }
    const std::uint32_t description = take_track(record, *track, out);
    if (continuing_) place_continuation(record, *track);
    remember(record, true);
    append_sample(record, *track, description, std::move(payload));
  } else {
    remember(record, false, std::move(payload));
  }
  next_sequence_ = record.sequence + 1;
}

bool Recorder::needs_lead_in(const media::SampleRecord& record, const mp4::Track& track) const {
  return track.type == mp4::TrackType::kVideo && (record.flags & media::kSampleKey) == 0 && !continuing_ &&
         find_track(tracks_, track.id) == nullptr;
}

// The journal stays as it is: whoever reads it goes on with the next record, and knows by it which fragments
// these are.
void Recorder::lead_in(const mp4::Track& track, std::vector<LeadInPicture> pictures,
                       std::vector<FileAction>& out) {
  if (pictures.empty()) return;
  flush(out);
  tracks_.push_back(track);
  tracks_changed_ = true;
  const std::int64_t arrival_us = journal_.arrival_us;
  const auto begin_us = begin_us_;
  const auto write = [&] {
    journal_.arrival_us = arrival_us;
    begin_us_ = begin_us;
    Append append = take_waiting();
    append.samples = 0;
    out.emplace_back(std::move(append));
  };
  for (LeadInPicture& picture : pictures) {
    append_sample(picture.record, track, 1, std::move(picture.payload));
    if (waiting_bytes_ >= limits_.fragment.bytes) write();
  }
  if (!waiting_.empty()) write();
}

void Recorder::remember(const media::SampleRecord& record, bool in_file, Bytes data) {
  if (waiting_.empty() && records_.size() >= kMostRecords) records_.clear();
  if (records_.empty()) data_bytes_ = 0;
  if (data.size() > kMostDataBytes - data_bytes_) return;
  data_bytes_ += data.size();
  records_.push_back({record, in_file, 0, 0, std::move(data)});
}

std::uint32_t Recorder::take_track(const media::SampleRecord& record, const mp4::Track& track,
                                   std::vector<FileAction>& out) {
  const auto known = std::find_if(tracks_.begin(), tracks_.end(),
                                  [&](const mp4::Track& other) { return other.id == track.id; });
  if (known != tracks_.end()) {
    if (const std::uint32_t number = mp4::find_description(*known, track); number != 0) return number;
    if (const auto added = mp4::take_description(*known, track)) {
      tracks_changed_ = true;
      return *added;
    }
    end(out);
    journal_.started_wall = record.presented_wall;
  }
  tracks_.push_back(track);
  tracks_changed_ = true;
  return 1;
}

void Recorder::append_sample(const media::SampleRecord& record, const mp4::Track& track,
                             std::uint32_t description, Bytes payload) {
  const bool key = (record.flags & media::kSampleKey) != 0;
  // Players of the fragments know the first description only.
  if (key && mp4::sample_descriptions(*find_track(tracks_, track.id)) > 1) {
    Insertion inserted;
    payload = with_parameter_sets(track, std::move(payload), &inserted);
    records_.back().inserted_at = inserted.at;
    records_.back().inserted_bytes = inserted.bytes;
  }
  if (waiting_.empty()) {
    waiting_segment_ = record.media_sequence;
    waiting_since_us_ = record.arrival_us;
  }
  Run& run = waiting_[track.id];
  run.run.description = description;
  const auto known = ends_.find(track.id);
  const std::int64_t wanted = record.dts + rescale(journal_.shift_us, kMicroseconds, track.timescale);
  // A track that begins earlier than the one that placed its publication may not begin within the one before.
  const std::int64_t earliest = known == ends_.end() ? 0 : known->second.last_dts + 1;
  const std::int64_t dts = std::max(wanted, earliest);
  const auto composition_offset = static_cast<std::int32_t>(
      record.composition_offset - (track.type == mp4::TrackType::kVideo ? dts - wanted : 0));
  if (run.payloads.empty()) {
    run.run.track_id = track.id;
    run.run.base_decode_time = static_cast<std::uint64_t>(dts);
  } else {
    const std::int64_t duration = std::clamp<std::int64_t>(dts - known->second.last_dts, 1, 0xFFFFFFFF);
    run.run.samples.back().duration = last_duration_[track.id] = static_cast<std::uint32_t>(duration);
  }
  ends_[track.id].add(dts, composition_offset, 0);
  if (!begin_us_) begin_us_ = rescale(dts, track.timescale, kMicroseconds);
  journal_.arrival_us = record.arrival_us;
  run.run.samples.push_back({.duration = 0,
                             .size = static_cast<std::uint32_t>(payload.size()),
                             .composition_offset = composition_offset,
                             .key = media::is_sync(record.flags),
                             .recovery = media::is_open_gop(record.flags)});
  waiting_bytes_ += payload.size();
  run.payloads.push_back(std::move(payload));
}

// The next sample would show how long the last one lasts. Until it comes the one before has to do; finishing
// goes by the times at which fragments begin.
void Recorder::end_last_sample(Run& run, std::uint32_t track_id) {
  const auto known = last_duration_.find(track_id);
  const mp4::Track* const track = find_track(tracks_, track_id);
  run.run.samples.back().duration = known != last_duration_.end() ? known->second : nominal_duration(*track);
  ends_[track_id].duration = run.run.samples.back().duration;
}

void Recorder::flush(std::vector<FileAction>& out) {
  if (waiting_.empty()) return;
  const Journal before = journal_;
  journal_.next_sequence = next_sequence_;
  Append append = take_waiting();
  append.before = before;
  append.records = std::exchange(records_, {});
  out.emplace_back(std::move(append));
}

// As a fragment, with the journal as it is.
Append Recorder::take_waiting() {
  Append append;
  append.before = append.journal = journal_;
  append.init = mp4::init_segment(tracks_);
  append.init_changed = tracks_changed_;
  std::vector<mp4::TrackRun> runs;
  append.pieces.emplace_back();
  for (auto& [track_id, run] : waiting_) {
    end_last_sample(run, track_id);
    append.samples += static_cast<std::uint32_t>(run.payloads.size());
    std::move(run.payloads.begin(), run.payloads.end(), std::back_inserter(append.pieces));
    runs.push_back(std::move(run.run));
  }
  append.pieces.front() = mp4::fragment_header(++fragments_, runs);
  append.pieces.push_back(write_journal(journal_));
  for (const Bytes& piece : append.pieces) file_bytes_ += piece.size();
  waiting_.clear();
  waiting_bytes_ = 0;
  tracks_changed_ = false;
  return append;
}

void Recorder::skip_to(std::uint64_t sequence, std::vector<FileAction>& out) {
  flush(out);
  next_sequence_ = std::max(next_sequence_, sequence);
}

void Recorder::end(std::vector<FileAction>& out) {
  flush(out);
  out.emplace_back(EndFile{});
  tracks_.clear();
  ends_.clear();
  publications_ = 1;
  last_duration_.clear();
  fragments_ = 0;
  begin_us_.reset();
  file_bytes_ = 0;
}

bool Recorder::due(std::int64_t monotonic_us) const {
  return !waiting_.empty() && monotonic_us - waiting_since_us_ >= limits_.fragment.duration_us;
}

}  // namespace millrace::recording
