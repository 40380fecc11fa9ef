#include "segment_file.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "containers/mp4/fragment.hpp"
#include "containers/mp4/producer_reference_time.hpp"
#include "event_boxes.hpp"
#include "log_segments.hpp"
#include "media_path.hpp"
#include "track_configuration.hpp"

namespace millrace::packaging {
namespace {

using media::SampleRecord;

// One track's file in the making.
struct Collected {
  mp4::TrackRun run;
  std::int64_t last_dts = 0;
  WallTime wall{};  // of its first sample
  std::shared_ptr<SegmentFile> file;
};

// Generations are per block: one record of each block stands for all of them.
void watch(std::vector<SampleRecord>& watched, const SampleRecord& record) {
  for (const SampleRecord& known : watched) {
    if (known.block == record.block && known.generation == record.generation) return;
  }
  watched.push_back(record);
}

Collected begin_file(std::uint8_t track, std::int64_t first_dts, std::uint32_t samples) {
  Collected collected;
  collected.run.track_id = media::mp4_track_id(track);
  collected.run.base_decode_time = static_cast<std::uint64_t>(std::max<std::int64_t>(first_dts, 0));
  collected.run.samples.reserve(samples);
  collected.file = std::make_shared<SegmentFile>();
  collected.file->track = track;
  collected.file->regions.reserve(samples + 1);
  collected.file->regions.emplace_back();  // the header's place
  return collected;
}

void collect(Collected& collected, const media::LogReader::Sample& sample) {
  const SampleRecord& record = sample.record;
  auto& samples = collected.run.samples;
  if (samples.empty()) collected.wall = record.presented_wall;
  if (!samples.empty()) samples.back().duration = static_cast<std::uint32_t>(record.dts - collected.last_dts);
  collected.last_dts = record.dts;
  mp4::FragmentSample entry{};
  entry.size = record.size;
  entry.composition_offset = record.composition_offset;
  entry.key = media::is_sync(record.flags);
  entry.recovery = media::is_open_gop(record.flags);
  samples.push_back(entry);
  if (!sample.payload.empty()) collected.file->regions.push_back(sample.payload);
  collected.file->size += sample.payload.size();
  watch(collected.file->watched, record);
}

// files[i]: of spans[i].
bool collect_all(std::span<Collected> files, std::span<const TrackSpan* const> spans, const Segment& segment,
                 const media::LogReader& reader) {
  std::array<std::uint8_t, media::kMaxTracks> place{};  // in files, from 1
  for (std::size_t i = 0; i < files.size(); ++i) place.at(spans[i]->track) = std::uint8_t(i + 1);
  for (std::uint64_t sequence = segment.first_record; sequence < segment.end_record; ++sequence) {
    const auto sample = reader.at(sequence);
    if (!sample) return false;
    const std::uint8_t track = sample->record.track;
    const std::size_t found = track < place.size() ? place[track] : 0;
    if (found == 0 || sample->record.configuration != spans[found - 1]->configuration) continue;
    collect(files[found - 1], *sample);
  }
  for (std::size_t i = 0; i < files.size(); ++i) {
    auto& samples = files[i].run.samples;
    if (samples.size() != spans[i]->samples) return false;
    samples.back().duration = spans[i]->last_duration;
  }
  return true;
}

// begins: a segment. events: boxes of the messages in front of it.
std::shared_ptr<const SegmentFile> finish_file(Collected& collected, std::uint32_t number, bool begins,
                                               ByteView events, const std::shared_ptr<SharedLog>& log) {
  SegmentFile& file = *collected.file;
  file.header = media_header(number, begins, collected.run, collected.wall, events);
  file.regions.front() = file.header;
  file.size += file.header.size();
  file.log = log;
  return std::move(collected.file);
}

tl::unexpected<Error> too_large() {
  return fail("packaging.recycled", "the segment is larger than a file may be");
}
tl::unexpected<Error> incomplete() {
  return fail("packaging.recycled", "records of the segment are not in the log any more");
}

// False: not all of them are in the log any more.
bool write_events(std::span<const EventPlace> events, std::uint32_t timescale, const media::LogReader& reader,
                  ByteWriter& writer) {
  for (const EventPlace& place : events) {
    const auto sample = reader.at(place.record);
    if (!sample || !write_event(writer, place, sample->record, sample->payload, timescale) ||
        !reader.intact(sample->record))
      return false;
  }
  return true;
}

bool collect_part(Collected& file, const TrackSpan& span, const Part& part, const media::LogReader& reader) {
  for (std::uint64_t sequence = part.first_record; sequence < part.end_record; ++sequence) {
    const auto sample = reader.at(sequence);
    if (!sample) return false;
    if (sample->record.track == span.track && sample->record.configuration == span.configuration)
      collect(file, *sample);
  }
  if (file.run.samples.size() != part.samples) return false;
  file.run.samples.back().duration = part.last_duration;
  return true;
}

}  // namespace

Bytes media_header(std::uint32_t number, bool begins, const mp4::TrackRun& run, WallTime wall,
                   ByteView events) {
  ByteWriter before;
  mp4::write_producer_reference_time(before, {run.track_id, wall, run.base_decode_time});
  before.append(events);
  return begins ? mp4::segment_header(number, {&run, 1}, before.view())
                : mp4::fragment_header(number, {&run, 1}, before.view());
}

Result<SegmentFiles> assemble(const Segment& segment, const std::shared_ptr<SharedLog>& log) {
  std::vector<const TrackSpan*> spans;
  std::vector<Collected> collected;
  for (const TrackSpan& span : segment.tracks) {
    if (!span.parts.empty()) continue;
    if (span.payload_bytes > mp4::kMaxFragmentPayload) return too_large();
    spans.push_back(&span);
    collected.push_back(begin_file(span.track, span.first_dts, span.samples));
  }
  std::vector<ByteWriter> before(spans.size());
  const bool whole = log->with([&](const media::LogReader& reader) {
    for (std::size_t i = 0; i < spans.size(); ++i) {
      if (carries_events(segment, spans[i]->track) &&
          !write_events(segment.events, spans[i]->timescale, reader, before[i]))
        return false;
    }
    return collect_all(collected, spans, segment, reader);
  });
  if (!whole) return incomplete();
  SegmentFiles files;
  files.reserve(collected.size());
  const auto number = static_cast<std::uint32_t>(segment.media_sequence);
  for (std::size_t i = 0; i < collected.size(); ++i)
    files.push_back(finish_file(collected[i], number, true, before[i].view(), log));
  return files;
}

Result<std::shared_ptr<const SegmentFile>> assemble_part(const TrackSpan& span, std::size_t index,
                                                         const std::shared_ptr<SharedLog>& log) {
  const Part& part = span.parts.at(index);
  if (part.payload_bytes > mp4::kMaxFragmentPayload) return too_large();
  Collected file = begin_file(span.track, part.first_dts, part.samples);
  ByteWriter before;
  const bool whole = log->with([&](const media::LogReader& reader) {
    return write_events(part.events, span.timescale, reader, before) &&
           collect_part(file, span, part, reader);
  });
  if (!whole) return incomplete();
  return finish_file(file, part.number, index == 0, before.view(), log);
}

std::shared_ptr<const SegmentFile> join(SegmentFiles pieces) {
  auto whole = std::make_shared<SegmentFile>();
  whole->track = pieces.front()->track;
  whole->log = pieces.front()->log;
  for (const auto& piece : pieces) {
    whole->regions.insert(whole->regions.end(), piece->regions.begin(), piece->regions.end());
    whole->size += piece->size;
    for (const SampleRecord& record : piece->watched) watch(whole->watched, record);
  }
  whole->pieces = std::move(pieces);
  return whole;
}

std::shared_ptr<const SegmentFile> PartFiles::file(const TrackSpan& span, std::size_t index,
                                                   const std::shared_ptr<SharedLog>& log) {
  const std::lock_guard lock(mutex_);
  auto& file = files_[{span.track, index}];
  if (!file) {
    auto made = assemble_part(span, index, log);
    if (!made) return nullptr;
    file = std::move(*made);
  }
  return file->intact() ? file : nullptr;
}

OfferedSegment::OfferedSegment(Segment segment, std::shared_ptr<SharedLog> log,
                               std::shared_ptr<PartFiles> files)
    : segment_(std::move(segment)),
      etag_('"' + to_string(segment_name(segment_)) + '"'),
      log_(std::move(log)),
      part_files_(std::move(files)) {}

std::shared_ptr<const SegmentFile> OfferedSegment::file(std::uint8_t track) const {
  const TrackSpan* const span = segment_.track(track);
  if (span == nullptr) return nullptr;
  if (!span->parts.empty()) return joined(*span);
  const std::lock_guard lock(mutex_);
  if (files_.empty()) {
    auto made = assemble(segment_, log_);
    if (!made) return nullptr;
    files_ = std::move(*made);
  }
  for (const auto& file : files_) {
    if (file->track == track) return file->intact() ? file : nullptr;
  }
  return nullptr;
}

// Its headers are the parts': what is made again is a list of where its bytes are.
std::shared_ptr<const SegmentFile> OfferedSegment::joined(const TrackSpan& span) const {
  SegmentFiles pieces;
  for (std::size_t i = 0; i < span.parts.size(); ++i) {
    auto piece = part_files_->file(span, i, log_);
    if (!piece) return nullptr;
    pieces.push_back(std::move(piece));
  }
  return join(std::move(pieces));
}

std::shared_ptr<const SegmentFile> OfferedSegment::part_file(std::uint8_t track, std::size_t index) const {
  const TrackSpan* const span = segment_.track(track);
  return span != nullptr && index < span->parts.size() ? part_files_->file(*span, index, log_) : nullptr;
}

}  // namespace millrace::packaging
