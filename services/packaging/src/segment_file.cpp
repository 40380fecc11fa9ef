#include "segment_file.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "containers/mp4/fragment.hpp"
#include "media_path.hpp"
#include "track_configuration.hpp"

namespace millrace::packaging {
namespace {

using media::SampleRecord;

// One track's file in the making.
struct Collected {
  mp4::TrackRun run;
  std::int64_t last_dts = 0;
  std::shared_ptr<SegmentFile> file;
};

// Generations are per block: one record of each block stands for all of them.
void watch(std::vector<SampleRecord>& watched, const SampleRecord& record) {
  for (const SampleRecord& known : watched) {
    if (known.block == record.block && known.generation == record.generation) return;
  }
  watched.push_back(record);
}

Collected begin_file(const TrackSpan& span) {
  Collected collected;
  collected.run.track_id = media::mp4_track_id(span.track);
  collected.run.base_decode_time = static_cast<std::uint64_t>(std::max<std::int64_t>(span.first_dts, 0));
  collected.run.samples.reserve(span.samples);
  collected.file = std::make_shared<SegmentFile>();
  collected.file->track = span.track;
  collected.file->parts.reserve(span.samples + 1);
  collected.file->parts.emplace_back();  // the header's place
  return collected;
}

void collect(Collected& collected, const media::LogReader::Sample& sample) {
  const SampleRecord& record = sample.record;
  auto& samples = collected.run.samples;
  if (!samples.empty()) samples.back().duration = static_cast<std::uint32_t>(record.dts - collected.last_dts);
  collected.last_dts = record.dts;
  mp4::FragmentSample entry{};
  entry.size = record.size;
  entry.composition_offset = record.composition_offset;
  entry.key = media::is_sync(record.flags);
  entry.recovery = media::is_open_gop(record.flags);
  samples.push_back(entry);
  if (!sample.payload.empty()) collected.file->parts.push_back(sample.payload);
  collected.file->size += sample.payload.size();
  watch(collected.file->watched, record);
}

bool collect_all(std::span<Collected> files, const Segment& segment, const media::LogReader& reader) {
  std::array<std::uint8_t, media::kMaxTracks> place{};  // in files, from 1
  for (std::size_t i = 0; i < files.size(); ++i) place.at(segment.tracks[i].track) = std::uint8_t(i + 1);
  for (std::uint64_t sequence = segment.first_record; sequence < segment.end_record; ++sequence) {
    const auto sample = reader.at(sequence);
    if (!sample) return false;
    const std::uint8_t track = sample->record.track;
    const std::size_t found = track < place.size() ? place[track] : 0;
    if (found == 0 || sample->record.configuration != segment.tracks[found - 1].configuration) continue;
    collect(files[found - 1], *sample);
  }
  for (std::size_t i = 0; i < files.size(); ++i) {
    auto& samples = files[i].run.samples;
    if (samples.size() != segment.tracks[i].samples) return false;
    samples.back().duration = segment.tracks[i].last_duration;
  }
  return true;
}

std::shared_ptr<const SegmentFile> finish_file(Collected& collected, const Segment& segment,
                                               const std::shared_ptr<SharedLog>& log) {
  SegmentFile& file = *collected.file;
  file.header = mp4::segment_header(static_cast<std::uint32_t>(segment.media_sequence), {&collected.run, 1});
  file.parts.front() = file.header;
  file.size += file.header.size();
  file.log = log;
  return std::move(collected.file);
}

}  // namespace

Result<std::vector<std::shared_ptr<const SegmentFile>>> assemble(const Segment& segment,
                                                                 const std::shared_ptr<SharedLog>& log) {
  std::vector<Collected> collected;
  collected.reserve(segment.tracks.size());
  for (const TrackSpan& span : segment.tracks) {
    if (span.payload_bytes > mp4::kMaxFragmentPayload)
      return fail("packaging.recycled", "the segment is larger than a file may be");
    collected.push_back(begin_file(span));
  }
  const bool whole =
      log->with([&](const media::LogReader& reader) { return collect_all(collected, segment, reader); });
  if (!whole) return fail("packaging.recycled", "records of the segment are not in the log any more");
  std::vector<std::shared_ptr<const SegmentFile>> files;
  files.reserve(collected.size());
  for (Collected& made : collected) files.push_back(finish_file(made, segment, log));
  return files;
}

OfferedSegment::OfferedSegment(Segment segment, std::shared_ptr<SharedLog> log)
    : segment_(std::move(segment)),
      etag_('"' + to_string(segment_name(segment_)) + '"'),
      log_(std::move(log)) {}

std::shared_ptr<const SegmentFile> OfferedSegment::file(std::uint8_t track) const {
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

}  // namespace millrace::packaging
