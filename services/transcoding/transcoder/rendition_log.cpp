#include "rendition_log.hpp"

#include <algorithm>
#include <utility>

#include "base/clock.hpp"
#include "base/secret.hpp"

namespace millrace::transcoding {
namespace {

constexpr std::uint64_t kLeastGuaranteed = 1ULL << 20;

media::LogDescription describe(const media::LogInfo& source, const std::string& name,
                               std::uint32_t incarnation, const SourceNote& first) {
  media::LogDescription description;
  description.stream_id = source.stream_id;
  description.role = media::LogRole::kRendition;
  description.rendition = name;
  description.publication_id = PublicationId{random_u64()};
  description.origin_publication_id = source.publication_id;
  description.incarnation = incarnation;
  description.clock_domain = source.clock_domain;
  description.epoch = source.epoch;
  description.started_wall = source.started_wall;
  description.segment_target_ms = source.segment_target_ms;
  description.is_private = source.is_private;
  // Each of its segments begins with a key frame, whatever the source's do.
  description.numbers = media::StreamContinuation{.found = true,
                                                  .epoch = source.epoch,
                                                  .last_media_sequence = first.media_sequence - 1,
                                                  .last_discontinuity_sequence = first.discontinuity_sequence,
                                                  .segment_target_ms = source.segment_target_ms,
                                                  .target_duration_s = first.targets.target_duration_s,
                                                  .part_target_us = first.targets.part_target_us,
                                                  .first_dependent_segment = 0};
  return description;
}

}  // namespace

Inheritance inheritance_of(media::ArenaReader& arena, PublicationId origin, const std::string& name) {
  Inheritance found;
  for (const media::LogInfo& info : arena.logs(media::LogRole::kRendition)) {
    if (info.origin_publication_id != origin || info.rendition != name) continue;
    found.incarnation = std::max(found.incarnation, info.incarnation + 1);
    const Result<media::LogReader> log = arena.open_log(info.slot, info.publication_id, info.first);
    if (!log || info.committed == 0) continue;
    const auto newest = log->at(info.committed - 1);
    if (!newest || newest->record.media_sequence < found.media_sequence) continue;
    found.media_sequence = newest->record.media_sequence;
    found.discontinuity_sequence = newest->record.discontinuity_sequence;
    if (const auto configuration = log->configuration(newest->record.configuration))
      found.configuration = configuration->bytes;
  }
  return found;
}

RenditionLog::RenditionLog(media::ArenaWriter& arena, const media::LogInfo& source, std::string name,
                           Inheritance inheritance, std::int64_t keep_us)
    : arena_(arena),
      source_(source),
      name_(std::move(name)),
      inheritance_(std::move(inheritance)),
      keep_us_(keep_us) {}

bool RenditionLog::takes(const SourceNote& note) const {
  return writer_ || (note.first && note.media_sequence > inheritance_.media_sequence);
}

Result<void> RenditionLog::configure(publication::TrackFormat format, std::uint32_t peak_kbps) {
  const Bytes& known = inheritance_.configuration;
  differs_ = !writer_ && !known.empty() && known != format.configuration;
  kbps_ = peak_kbps;
  format_ = std::move(format);
  return writer_ ? writer_->configure(*format_) : Result<void>();
}

bool RenditionLog::may_differ_at(const SourceNote& note) const {
  return note.first &&
         (note.discontinuity || note.discontinuity_sequence > inheritance_.discontinuity_sequence);
}

Result<void> RenditionLog::begin(const SourceNote& first) {
  media::LogDescription description = describe(source_, name_, inheritance_.incarnation, first);
  const std::uint64_t bytes_a_second = std::uint64_t{kbps_} * 1000 / 8;
  description.retention.keep_us = keep_us_;
  description.retention.pinned_limit_us = 2 * keep_us_;
  description.retention.guaranteed_bytes =
      std::max(kLeastGuaranteed, bytes_a_second * static_cast<std::uint64_t>(keep_us_) / 2'000'000);
  Result<std::unique_ptr<media::LogWriter>> log = arena_.create_log(description);
  if (!log) return fail(log.error(), "log of " + name_);
  writer_.emplace(std::move(*log));
  targets_told_ = first.targets.target_duration_s != 0;
  const media::TrackConfiguration& track = format_->description;
  times_.emplace(RenditionTrack{track.track, track.kind == media::TrackKind::kVideo, track.timescale,
                                format_->samples_per_frame},
                 targets_told_ ? first.targets.part_target_us : 0);
  return writer_->configure(*format_);
}

// Those of the source are there before its record that begins the second segment.
void RenditionLog::store_targets(const SourceTargets& targets) {
  if (targets_told_ || targets.target_duration_s == 0) return;
  times_->fix_part_target(targets.part_target_us);
  writer_->set_part_target_us(targets.part_target_us);
  writer_->set_target_duration_s(targets.target_duration_s);
  targets_told_ = true;
}

Result<void> RenditionLog::write(const ffmpeg::CodedSample& coded, const SourceNote& note, std::int64_t dts,
                                 bool key) {
  if (!writer_) {
    if (differs_ && !may_differ_at(note)) return {};
    if (Result<void> begun = begin(note); !begun) return begun;
  }
  if (note.first) store_targets(note.targets);
  const media::SampleRecord record = times_->place(note, dts, monotonic_us());
  const media::TrackConfiguration& track = format_->description;
  const std::int64_t offset_ms = std::int64_t{record.composition_offset} * 1000 / track.timescale;
  const publication::Sample sample =
      writer_->sample_of(track.track, key, static_cast<std::int32_t>(offset_ms));
  const std::uint32_t size = coded.size();
  const Result<publication::Writer::Room> room = writer_->reserve_for(sample, size, record.wire_timestamp_ms);
  if (!room) return fail(room.error(), "sample of " + name_);
  coded.write(room->data + room->prefix_room);
  const Result<bool> committed = writer_->commit_placed(*room, sample, record);
  if (!committed) return fail(committed.error(), "sample of " + name_);
  if (!*committed) return fail("transcoding.no_prefix", "sample of " + name_);
  ++counters_.samples;
  counters_.bytes += size;
  return {};
}

void RenditionLog::finish(media::LogEnd reason, const SourceTargets& targets) {
  if (std::exchange(ended_, true) || !writer_) return;
  store_targets(targets);
  writer_->finish(reason);
}

}  // namespace millrace::transcoding
