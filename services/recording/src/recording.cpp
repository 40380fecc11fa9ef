#include "recording.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/clock.hpp"
#include "catalogue.hpp"
#include "errors.hpp"
#include "file_io.hpp"
#include "media/errors.hpp"
#include "media/mp4_track.hpp"
#include "recordings/private_mark.hpp"

namespace millrace::recording {
namespace {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

// Did the encoder mean to end? Then its file is complete; else it may come back.
bool meant_to_end(media::LogEnd reason) {
  return reason == media::LogEnd::kUnpublished || reason == media::LogEnd::kRevoked;
}

// What a file is named after that begins in the middle of the publication.
WallTime begin_of(const media::LogReader& log, const media::LogInfo& info) {
  const auto read = log.read();
  const auto* const sample = std::get_if<media::LogReader::Sample>(&read);
  return sample != nullptr ? sample->record.presented_wall : info.started_wall;
}

}  // namespace

Result<Recording> Recording::open(
    media::ArenaReader& arena, const media::LogInfo& info, std::string directory, RecordingLimits limits,
    const std::function<std::optional<Handover>(std::int64_t first_arrival_us)>& predecessor) {
  auto files = find_publication(directory, info.stream_id, info.publication_id);
  if (!files) return tl::unexpected(files.error());
  const std::uint64_t next = std::max(files->next_sequence, info.first_sequence);
  const bool begun = next > info.first_sequence;
  auto log = arena.open_log(info.slot, info.publication_id, next);
  if (!log && log.error().code != media::errors::kNotFound) return tl::unexpected(log.error());
  const Journal fresh{info.publication_id, next, begun && log ? begin_of(*log, info) : info.started_wall};
  std::optional<FoundPart>& part = files->unfinished;
  Recording recording(info, std::move(directory),
                      part ? Recorder(part->content.resume, limits) : Recorder(fresh, limits));
  if (part) {
    auto file = PartFile::resume(recording.directory_, part->stem, part->content);
    if (!file) return tl::unexpected(file.error());
    recording.file_ = std::move(*file);
    recording.announced_begun_.push_back(part->stem);
  }
  recording.announced_complete_ = std::move(files->complete);
  recording.written_ = next;
  if (log) recording.log_ = std::move(*log);
  if (predecessor && !begun && !recording.file_ && recording.log_) {
    if (auto handover = predecessor(recording.first_arrival_us())) recording.take_over(std::move(*handover));
  }
  return recording;
}

// Of the first sample; now where none has come yet.
std::int64_t Recording::first_arrival_us() const {
  const auto read = log_->read();
  const auto* const sample = std::get_if<media::LogReader::Sample>(&read);
  return sample != nullptr ? sample->record.arrival_us : monotonic_us();
}

void Recording::take_over(Handover handover) {
  if (!handover.file) return;
  Recorder own = std::move(recorder_);
  recorder_ = std::move(handover.recorder);
  file_ = std::move(handover.file);
  if (recorder_.continue_as(info_.publication_id, info_.first_sequence)) {
    announced_begun_.push_back(file_->stem());
    return;
  }
  announced_complete_.push_back(file_->stem());
  file_.reset();
  recorder_ = std::move(own);
}

// Before the first sample: whether all tracks fit is known, and a file does not get the one track's sound
// when the other's picture has changed. What an encoder took back before its first sample counts for nothing.
void Recording::refuse_changed_tracks(const media::SampleRecord& first) {
  std::array<std::optional<std::uint32_t>, media::kMaxTracks> begins_with;
  for (std::uint32_t i = 0; i < log_->configuration_count(); ++i) {
    const auto configuration = log_->configuration(i);
    if (configuration && configuration->description.media_sequence == 0)
      begins_with.at(configuration->description.track) = i;
  }
  for (const std::uint8_t track : {media::kVideoTrack, media::kAudioTrack})
    begins_with.at(track) = media::configuration_in_force(first, track);
  bool changed = false;
  for (const auto& configuration : begins_with) {
    const mp4::Track* const track = configuration ? track_of(*configuration) : nullptr;
    changed = changed || (track != nullptr && recorder_.differs(*track));
  }
  if (changed) recorder_.end_for_continuation(info_.started_wall, waiting_);
}

std::optional<Recording::Handover> Recording::hand_over(std::int64_t first_arrival_us,
                                                        std::int64_t grace_us) {
  if (!waiting_for_return_ || !file_ || !waiting_.empty() || recorder_.waiting()) return std::nullopt;
  if (first_arrival_us - recorder_.journal().arrival_us > grace_us) return std::nullopt;
  waiting_for_return_ = false;
  return Handover{std::move(recorder_), std::exchange(file_, std::nullopt)};
}

bool Recording::waits_for_return(std::int64_t monotonic_us, const ReturnPolicy& policy) const {
  if (policy.grace_us <= 0 || meant_to_end(end_reason_) || !log_ || !(file_ || !waiting_.empty()))
    return false;
  const std::int64_t waited_us = monotonic_us - recorder_.journal().arrival_us;
  return waited_us < (policy.awaited ? 2 : 1) * policy.grace_us;
}

Progress Recording::step(std::int64_t monotonic_us, const ReturnPolicy& policy) {
  Progress progress;
  progress.begun = std::exchange(announced_begun_, {});
  progress.complete = std::exchange(announced_complete_, {});
  if (!perform(monotonic_us, progress)) return progress;
  if (!over_ || waiting_for_return_) read_log(monotonic_us, policy, progress);
  const bool performed = perform(monotonic_us, progress);
  hold_unwritten();
  if (!performed) return progress;
  if (file_) {
    if (auto synced = file_->sync(monotonic_us, false); !synced) progress.failure = synced.error();
  }
  progress.ended = over_ && !waiting_for_return_;
  return progress;
}

Progress Recording::suspend(std::int64_t monotonic_us) {
  Progress progress;
  progress.begun = std::exchange(announced_begun_, {});
  progress.complete = std::exchange(announced_complete_, {});
  recorder_.flush(waiting_);
  if (!perform(monotonic_us, progress)) return progress;
  if (file_) {
    if (auto synced = file_->sync(monotonic_us, true); !synced) progress.failure = synced.error();
  }
  return progress;
}

void Recording::read_log(std::int64_t monotonic_us, const ReturnPolicy& policy, Progress& progress) {
  std::uint64_t bytes = 0;
  bool at_end = !log_ || over_;
  over_ = over_ || !log_;
  while (!at_end && bytes < kStepBytes) {
    std::visit(Overloaded{[&](const media::LogReader::Sample& sample) {
                            bytes += sample.payload.size() + sizeof sample.record;
                            if (take_sample(sample, progress)) log_->advance();
                          },
                          [&](media::LogReader::Nothing) { at_end = true; },
                          [&](media::LogReader::Ended ended) {
                            at_end = over_ = true;
                            end_reason_ = ended.reason;
                          },
                          [&](media::LogReader::Lagged lagged) {
                            count_lost(lagged.next_key, progress);
                            log_->seek(lagged.next_key);
                          }},
               log_->read());
  }
  progress.more = !at_end;
  if (over_) {
    recorder_.flush(waiting_);
    waiting_for_return_ = waits_for_return(monotonic_us, policy);
    if (!waiting_for_return_) recorder_.end(waiting_);
  } else if (recorder_.due(monotonic_us)) {
    recorder_.flush(waiting_);
  }
}

// False when the bytes were recycled while they were copied: the next read says how to go on.
bool Recording::take_sample(const media::LogReader::Sample& sample, Progress& progress) {
  if (recorder_.continuing()) refuse_changed_tracks(sample.record);
  const mp4::Track* const track = track_of(sample.record.configuration);
  Bytes payload;
  if (track != nullptr || is_for_players(sample))
    payload.assign(sample.payload.begin(), sample.payload.end());
  if (!log_->intact(sample.record)) return false;
  count_lost(sample.record.sequence, progress);  // the log's first records may be gone before it was opened
  if (track != nullptr && recorder_.needs_lead_in(sample.record, *track))
    recorder_.lead_in(*track, lead_in_of(sample.record, *track), waiting_);
  recorder_.add(sample.record, track, std::move(payload), waiting_);
  return true;
}

// The pictures of the track from its last key frame on, up to next. None: the log no longer has them all,
// they are of another configuration, or too long or large.
std::vector<Recorder::LeadInPicture> Recording::lead_in_of(const media::SampleRecord& next,
                                                           const mp4::Track& track) const {
  const std::int64_t earliest =
      next.dts + next.composition_offset - kMostLeadInSeconds * std::int64_t{track.timescale};
  std::vector<Recorder::LeadInPicture> pictures;  // newest first
  std::uint64_t bytes = 0;
  const std::uint64_t end =
      next.sequence - std::min(next.sequence - info_.first_sequence, kMostLeadInRecords);
  for (std::uint64_t sequence = next.sequence; sequence > end;) {
    const auto sample = log_->at(--sequence);
    if (!sample) return {};
    const media::SampleRecord& record = sample->record;
    if (record.track != next.track) continue;
    bytes += sample->payload.size();
    if (record.configuration != next.configuration || record.dts < earliest || bytes > kMostLeadInBytes)
      return {};
    pictures.push_back({record, {sample->payload.begin(), sample->payload.end()}});
    if (!log_->intact(record)) return {};
    if ((record.flags & media::kSampleKey) == 0) continue;
    std::reverse(pictures.begin(), pictures.end());
    return pictures;
  }
  return {};
}

// Of data messages nothing else is kept: packaging derives the same from the recording as from the log.
bool Recording::is_for_players(const media::LogReader::Sample& sample) {
  if (sample.record.track != media::kDataTrack || sample.payload.size() > media::kMaxEventMessage)
    return false;
  const auto read = media::read_timed_event(sample.payload, media::encoder_timestamp_ms(sample.record));
  return read.event && events_.take(sample.record.media_sequence, read.event->kind);
}

const mp4::Track* Recording::track_of(std::uint32_t configuration) {
  if (configuration >= log_->configuration_count()) return nullptr;
  if (tracks_.size() <= configuration) tracks_.resize(configuration + 1);
  auto& known = tracks_[configuration];
  if (!known) {
    const auto found = log_->configuration(configuration);
    if (!found) return nullptr;
    auto described = media::mp4_track(found->description, found->bytes);
    // What is not recorded: data, and what a file could not say how to decode.
    known = described ? std::optional(std::move(described->track)) : std::nullopt;
  }
  return *known ? &**known : nullptr;
}

void Recording::count_lost(std::uint64_t next_sequence, Progress& progress) {
  const std::uint64_t from = recorder_.next_sequence();
  if (next_sequence <= from) return;
  progress.lost_samples += next_sequence - from;
  recorder_.skip_to(next_sequence, waiting_);
}

bool Recording::perform(std::int64_t monotonic_us, Progress& progress) {
  std::size_t done = 0;
  for (; done < waiting_.size() && !progress.failure; ++done) {
    if (const auto* const next = std::get_if<Append>(&waiting_[done])) {
      if (auto appended = append(*next, progress); !appended) {
        progress.failure = appended.error();
        break;
      }
    } else {
      close_file(monotonic_us, progress);
      if (progress.failure) break;
    }
  }
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(done));
  return !progress.failure;
}

Result<void> Recording::append(const Append& append, Progress& progress) {
  if (!file_) {
    auto file = PartFile::create(directory_, info_.stream_id, append.journal.started_wall);
    if (!file) return tl::unexpected(file.error());
    file_ = std::move(*file);
    progress.begun.push_back(file_->stem());
  }
  if (auto marked = mark_private(); !marked) return marked;
  const std::uint64_t before = file_->size();
  auto appended = file_->append(append, recorded_piece(append.records));
  if (!appended) {
    if (appended.error().code == recording::errors::kGone) file_.reset();
    return appended;
  }
  written_ = append.journal.next_sequence;
  ++progress.fragments;
  progress.samples += append.samples;
  progress.bytes += file_->size() - before;
  return {};
}

// What lists are made of when the log has let go of it. Configurations stay in the log as long as it is
// there.
media::RecordedPiece Recording::recorded_piece(const std::vector<media::RecordedSample>& records) {
  media::RecordedPiece piece;
  if (!log_ || records.empty()) return piece;
  const media::LogInfo info = log_->info();
  // The slot may have become another log's since.
  if (info.publication_id == info_.publication_id) {
    info_.target_duration_s = info.target_duration_s;
    info_.part_target_us = info.part_target_us;
    info_.first_dependent_segment = info.first_dependent_segment;
  }
  piece.log = {info_.publication_id,         info_.incarnation,       info_.is_private,
               info_.first_sequence,         info_.target_duration_s, info_.part_target_us,
               info_.first_dependent_segment};
  std::set<std::uint32_t> used;
  for (const media::RecordedSample& sample : records) {
    if (sample.in_file) used.insert(sample.record.configuration);
  }
  for (const std::uint32_t index : used) {
    auto found = log_->configuration(index);
    if (found) piece.configurations.push_back({found->description, std::move(found->bytes)});
  }
  piece.samples = records;
  return piece;
}

// Before the file has anything of it: whoever serves the file looks for the mark.
Result<void> Recording::mark_private() {
  if (!info_.is_private || marked_ == file_->stem()) return {};
  const auto mark = open_file(directory_ + "/" + recordings::private_mark(file_->stem()), O_WRONLY | O_CREAT);
  if (!mark) return tl::unexpected(mark.error());
  if (auto synced = sync_directory(directory_); !synced) return synced;
  marked_ = file_->stem();
  return {};
}

// What was read but is not in a file yet is still needed: by the next process, if this one is killed.
void Recording::hold_unwritten() {
  if (!log_) return;
  const bool unwritten = recorder_.waiting() || !waiting_.empty();
  log_->hold(unwritten ? written_ : log_->position());
}

void Recording::close_file(std::int64_t monotonic_us, Progress& progress) {
  if (!file_) return;
  if (auto synced = file_->sync(monotonic_us, true); !synced) {
    progress.failure = synced.error();
    return;
  }
  progress.complete.push_back(file_->stem());
  file_.reset();
}

}  // namespace millrace::recording
