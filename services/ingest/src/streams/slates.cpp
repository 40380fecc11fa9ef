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

std::uint32_t slates_of(const std::vector<media::LogInfo>& slates, PublicationId publication_id) {
  std::uint32_t count = 0;
  for (const media::LogInfo& slate : slates) {
    if (slate.origin_publication_id == publication_id) count = std::max(count, slate.incarnation + 1);
  }
  return count;
}

}  // namespace

void Slates::publisher_left(const Left& left, const Moment& now) {
  const media::StreamContinuation numbers = arena_.continuation({.stream_id = left.stream_id});
  {
    const std::lock_guard lock(mutex_);
    if (!policy_.enabled) return;
    const auto known = entries_.find(left.stream_id);
    if (known == entries_.end() && (left.last_media_us == 0 || entries_.size() >= kMostStreams)) return;
    Entry& entry = entries_[left.stream_id];
    if (left.last_media_us != 0) {
      entry.left = left;
      entry.deadline_us = left.last_media_us + policy_.grace_us;
    }
    // A list has numbers when its target duration is known, and not before.
    entry.away = numbers.found && numbers.target_duration_s != 0;
    entry.began = now;
    entry.numbers = numbers;
  }
  if (observer_) observer_();
}

void Slates::publisher_came(std::string_view stream_id) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(stream_id);
  if (found == entries_.end()) return;
  finish(found->second, media::LogEnd::kTakenOver);
  found->second.away = false;
}

void Slates::resume(media::ArenaReader& arena, const Moment& now) {
  std::vector<media::LogInfo> sources = arena.logs(media::LogRole::kSource);
  const std::vector<media::LogInfo> slates = arena.logs(media::LogRole::kSlate);
  for (auto log = sources.rbegin(); log != sources.rend();) {
    const auto media_us = last_media_us(arena, log, sources.rend());
    const bool may_return = log->end != media::LogEnd::kLive && log->end != media::LogEnd::kRevoked;
    if (may_return && media_us && now.monotonic_us - *media_us < policy_.grace_us)
      publisher_left({log->stream_id, log->publication_id, log->is_private, *media_us,
                      slates_of(slates, log->publication_id)},
                     now);
    const std::string stream_id = log->stream_id;
    while (log != sources.rend() && log->stream_id == stream_id) ++log;
  }
}

std::int64_t Slates::due_us(const Entry& entry) const {
  if (!entry.away) return entry.deadline_us;
  const std::int64_t piece_us = entry.writer
                                    ? entry.writer->due_us()
                                    : entry.began.monotonic_us + GapPieces::of(entry.numbers).length_us;
  return std::min(entry.deadline_us, piece_us);
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
  if (!entry.writer && !open(entry)) {
    entry.away = false;
    return std::nullopt;
  }
  const std::uint64_t first = entry.writer->log().committed();
  const auto written = entry.writer->advance(std::min(now_us, entry.deadline_us));
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
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    if (auto records = write(entry->second, now_us)) all.push_back(std::move(*records));
    const bool over = now_us >= entry->second.deadline_us;
    if (over) finish(entry->second, media::LogEnd::kTimedOut);
    entry = over ? entries_.erase(entry) : std::next(entry);
  }
  return all;
}

std::optional<std::int64_t> Slates::due_us() const {
  const std::lock_guard lock(mutex_);
  std::optional<std::int64_t> due;
  for (const auto& [stream_id, entry] : entries_) due = std::min(due.value_or(INT64_MAX), due_us(entry));
  return due;
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
  entries_.clear();
}

}  // namespace millrace::ingest
