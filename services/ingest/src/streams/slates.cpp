#include "streams/slates.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "base/secret.hpp"

namespace millrace::ingest {
namespace {

using publication::GapPieces;

// When the newest media of these logs of one stream came; the newest log is the last. nullopt: nothing is
// known of any.
std::optional<std::int64_t> last_media_us(media::ArenaReader& arena,
                                          std::vector<media::LogInfo>::reverse_iterator log,
                                          std::vector<media::LogInfo>::reverse_iterator end) {
  const std::string& stream_id = log->stream_id;
  for (; log != end && log->stream_id == stream_id; ++log) {
    if (log->committed == log->first_sequence) continue;
    const auto reader = arena.open_log(log->slot, log->publication_id, log->committed - 1);
    const auto newest = reader ? reader->at(log->committed - 1) : std::nullopt;
    return newest ? std::optional(newest->record.arrival_us) : std::nullopt;
  }
  return std::nullopt;
}

// Of one epoch, in whose order readers have them. Not by origin: a publication that sent nothing has an
// epoch, and its slate the origin of the one before.
std::uint32_t slates_of(const std::vector<media::LogInfo>& slates, std::string_view stream_id, Epoch epoch) {
  std::uint32_t count = 0;
  for (const media::LogInfo& slate : slates) {
    if (slate.stream_id == stream_id && slate.epoch == epoch) count = std::max(count, slate.incarnation + 1);
  }
  return count;
}

// Dates go on as in the log, whatever the wall clock has done meanwhile.
WallTime date_of(const media::LogInfo& log, const Moment& now) {
  return log.clock_offset_us == 0 ? now.wall : WallTime::from_us(now.monotonic_us + log.clock_offset_us);
}

}  // namespace

void Slates::publisher_left(const Left& left, const Moment& now) {
  {
    const std::lock_guard lock(mutex_);
    if (!policy_.enabled) return;
    note(left, now);
  }
  if (observer_) observer_();
}

void Slates::note(const Left& left, const Moment& now) {
  const auto present = present_.find(left.stream_id);
  const bool newest = present == present_.end() || present->second == left.publication_id;
  if (newest && present != present_.end()) present_.erase(present);
  auto known = entries_.find(left.stream_id);
  if (!left.may_return) {
    if (newest && known != entries_.end()) erase(known, media::LogEnd::kRevoked);
    return;
  }
  if (known == entries_.end()) {
    if (left.last_media_us == 0 || entries_.size() >= kMostStreams) return;
    known = entries_.try_emplace(left.stream_id).first;
  }
  Entry& entry = known->second;
  if (left.last_media_us != 0) {
    entry.left = left;
    entry.deadline_us = left.last_media_us + policy_.grace_us;
  }
  if (newest) {
    entry.numbers = arena_.continuation({.stream_id = left.stream_id});
    // A list has numbers when its target duration is known, and not before.
    entry.away = entry.numbers.found && entry.numbers.target_duration_s != 0;
    entry.began = now;
  }
  schedule(known);
}

bool Slates::publisher_comes(const std::string& stream_id, PublicationId publication_id,
                             const std::function<bool()>& make_log) {
  const std::lock_guard lock(mutex_);
  if (!make_log()) return false;
  if (!policy_.enabled) return true;
  present_[stream_id] = publication_id;
  const auto found = entries_.find(stream_id);
  if (found == entries_.end()) return true;
  finish(found->second, media::LogEnd::kTakenOver);
  found->second.away = false;
  schedule(found);
  return true;
}

void Slates::withdraw(std::string_view stream_id, LiveStreams::Which which) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(stream_id);
  if (found == entries_.end()) return;
  const Entry& entry = found->second;
  const bool meant =
      (which.publication_id == kNoPublication || which.publication_id == entry.left.publication_id) &&
      (which.up_to_epoch == kNoEpoch || entry.numbers.epoch <= which.up_to_epoch);
  if (meant) erase(found, media::LogEnd::kRevoked);
}

void Slates::schedule(const Entries::iterator& entry) {
  due_.erase({entry->second.scheduled_us, entry->first});
  entry->second.scheduled_us = due_us(entry->second);
  due_.emplace(entry->second.scheduled_us, entry->first);
}

void Slates::erase(const Entries::iterator& entry, media::LogEnd reason) {
  finish(entry->second, reason);
  due_.erase({entry->second.scheduled_us, entry->first});
  entries_.erase(entry);
}

void Slates::resume(media::ArenaReader& arena, const Moment& now) {
  std::vector<media::LogInfo> sources = arena.logs(media::LogRole::kSource);
  const std::vector<media::LogInfo> slates = arena.logs(media::LogRole::kSlate);
  for (auto log = sources.rbegin(); log != sources.rend();) {
    const auto media_us = last_media_us(arena, log, sources.rend());
    const bool may_return = log->end != media::LogEnd::kLive && log->end != media::LogEnd::kRevoked;
    if (may_return && media_us && now.monotonic_us - *media_us < policy_.grace_us)
      publisher_left(
          {log->stream_id, log->publication_id, log->is_private, *media_us,
           slates_of(slates, log->stream_id, arena_.continuation({.stream_id = log->stream_id}).epoch)},
          {now.monotonic_us, date_of(*log, now)});
    const std::string stream_id = log->stream_id;
    while (log != sources.rend() && log->stream_id == stream_id) ++log;
  }
}

std::int64_t Slates::due_us(const Entry& entry) const {
  if (!entry.away) return entry.deadline_us;
  return std::min(entry.deadline_us, entry.writer ? entry.writer->due_us() : first_piece_us(entry));
}

std::int64_t Slates::first_piece_us(const Entry& entry) {
  return entry.began.monotonic_us + GapPieces::of(entry.numbers).length_us;
}

// The log is made when there is something to write: who comes back at once meets no gap.
bool Slates::open(Entry& entry) {
  media::LogDescription description;
  description.stream_id = entry.left.stream_id;
  description.role = media::LogRole::kSlate;
  while (description.publication_id == kNoPublication)
    description.publication_id = PublicationId{random_u64()};
  description.origin_publication_id = entry.left.publication_id;
  description.incarnation = entry.left.incarnation++;
  description.epoch = entry.numbers.epoch;
  description.started_wall = entry.began.wall;
  description.is_private = entry.left.is_private;
  description.retention = policy_.retention;
  description.retention.guaranteed_bytes = description.retention.max_bytes = 0;  // an index and no bytes
  description.numbers = entry.numbers;
  auto log = arena_.create_log(description);
  if (!log) {
    log::warning("no slate for a stream whose publisher is away",
                 {{"stream", entry.left.stream_id}, {"message", log.error().message}});
    return false;
  }
  entry.slate = std::make_shared<LiveStream>();
  entry.slate->stream_id = description.stream_id;
  entry.slate->publication_id = description.publication_id;
  entry.slate->epoch = description.epoch;
  entry.slate->slot = (*log)->slot();
  entry.writer.emplace(std::move(*log), entry.began.monotonic_us, entry.began.wall);
  return true;
}

std::optional<NewRecords> Slates::write(Entry& entry, std::int64_t now_us) {
  if (!entry.away || due_us(entry) > now_us) return std::nullopt;
  const std::int64_t until_us = std::min(now_us, entry.deadline_us);
  if (!entry.writer && first_piece_us(entry) > until_us) return std::nullopt;
  if (!entry.writer && !open(entry)) {
    entry.away = false;
    return std::nullopt;
  }
  const std::uint64_t first = entry.writer->log().committed();
  const auto written = entry.writer->advance(until_us);
  if (!written) {
    log::warning("a slate can't go on",
                 {{"stream", entry.left.stream_id}, {"message", written.error().message}});
    finish(entry, media::LogEnd::kNoSpace);
    entry.away = false;
    return std::nullopt;
  }
  if (*written == 0) return std::nullopt;
  NewRecords records;
  records.stream = entry.slate;
  records.role = media::LogRole::kSlate;
  records.first_sequence = first;
  records.committed = entry.writer->log().committed();
  records.media_sequence = entry.writer->media_sequence();
  records.arrival_us = entry.writer->arrival_us();
  records.closed_parts = entry.writer->parts();
  return records;
}

std::vector<NewRecords> Slates::advance(std::int64_t now_us) {
  const std::lock_guard lock(mutex_);
  std::vector<NewRecords> all;
  while (!due_.empty() && due_.begin()->first <= now_us) {
    const auto entry = entries_.find(due_.begin()->second);
    if (auto records = write(entry->second, now_us)) all.push_back(std::move(*records));
    if (now_us >= entry->second.deadline_us) {
      erase(entry, media::LogEnd::kTimedOut);
    } else {
      schedule(entry);
    }
  }
  return all;
}

std::optional<std::int64_t> Slates::due_us() const {
  const std::lock_guard lock(mutex_);
  return due_.empty() ? std::nullopt : std::optional(due_.begin()->first);
}

std::size_t Slates::count() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count_if(entries_.begin(), entries_.end(),
                                                [](const auto& e) { return e.second.writer.has_value(); }));
}

void Slates::finish(Entry& entry, media::LogEnd reason) {
  if (entry.writer) entry.writer->finish(reason);
  entry.writer.reset();
  entry.slate.reset();
}

void Slates::stop() {
  const std::lock_guard lock(mutex_);
  policy_.enabled = false;
  for (auto& [stream_id, entry] : entries_) finish(entry, media::LogEnd::kDrained);
  due_.clear();
  entries_.clear();
  present_.clear();
}

}  // namespace millrace::ingest
