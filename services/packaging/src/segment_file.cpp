#include "segment_file.hpp"

#include <algorithm>

#include "containers/mp4/fragment.hpp"
#include "media_path.hpp"
#include "track_configuration.hpp"

namespace millrace::packaging {
namespace {

using media::SampleRecord;

struct Collected {
  std::array<mp4::TrackRun, kTracks> runs;
  std::array<std::vector<ByteView>, kTracks> payloads;
  std::array<std::int64_t, kTracks> last_dts{};
  std::vector<SampleRecord> watched;
};

// Generations are per block: one record of each block stands for all of them.
void watch(std::vector<SampleRecord>& watched, const SampleRecord& record) {
  for (const SampleRecord& known : watched) {
    if (known.block == record.block && known.generation == record.generation) return;
  }
  watched.push_back(record);
}

void collect(Collected& collected, const media::LogReader::Sample& sample) {
  const SampleRecord& record = sample.record;
  mp4::TrackRun& run = collected.runs[record.track];
  if (run.samples.empty()) {
    run.track_id = media::mp4_track_id(record.track);
    run.base_decode_time = static_cast<std::uint64_t>(std::max<std::int64_t>(record.dts, 0));
  } else {
    run.samples.back().duration = static_cast<std::uint32_t>(record.dts - collected.last_dts[record.track]);
  }
  collected.last_dts[record.track] = record.dts;
  mp4::FragmentSample entry{};
  entry.size = record.size;
  entry.composition_offset = record.composition_offset;
  entry.key = media::is_sync(record.flags);
  entry.recovery = media::is_open_gop(record.flags);
  run.samples.push_back(entry);
  collected.payloads[record.track].push_back(sample.payload);
  watch(collected.watched, record);
}

bool collect_all(Collected& collected, const Segment& segment, const media::LogReader& reader) {
  for (std::uint64_t sequence = segment.first_record; sequence < segment.end_record; ++sequence) {
    const auto sample = reader.at(sequence);
    if (!sample) return false;
    const std::uint8_t track = sample->record.track;
    if (track >= kTracks || segment.tracks[track].samples == 0) continue;
    if (sample->record.configuration == segment.tracks[track].configuration) collect(collected, *sample);
  }
  for (std::size_t track = 0; track < kTracks; ++track) {
    auto& samples = collected.runs[track].samples;
    if (samples.size() != segment.tracks[track].samples) return false;
    if (!samples.empty()) samples.back().duration = segment.tracks[track].last_duration;
  }
  return true;
}

}  // namespace

Result<std::shared_ptr<const SegmentFile>> assemble(const Segment& segment, std::shared_ptr<SharedLog> log) {
  Collected collected;
  const bool whole =
      log->with([&](const media::LogReader& reader) { return collect_all(collected, segment, reader); });
  if (!whole || segment.payload_bytes > mp4::kMaxFragmentPayload) {
    return fail("packaging.recycled", "records of the segment are not in the log any more");
  }
  auto file = std::make_shared<SegmentFile>();
  std::vector<mp4::TrackRun> runs;
  for (mp4::TrackRun& run : collected.runs) {
    if (!run.samples.empty()) runs.push_back(std::move(run));
  }
  file->header = mp4::fragment_header(static_cast<std::uint32_t>(segment.media_sequence), runs);
  file->parts.push_back(file->header);
  for (const auto& payloads : collected.payloads) {
    for (const ByteView payload : payloads) {
      if (!payload.empty()) file->parts.push_back(payload);
    }
  }
  for (const ByteView part : file->parts) file->size += part.size();
  file->watched = std::move(collected.watched);
  file->log = std::move(log);
  return file;
}

OfferedSegment::OfferedSegment(const Segment& segment, std::shared_ptr<SharedLog> log)
    : segment_(segment), etag_('"' + to_string(segment_name(segment)) + '"'), log_(std::move(log)) {}

std::shared_ptr<const SegmentFile> OfferedSegment::file() const {
  const std::lock_guard lock(mutex_);
  if (!file_) {
    auto made = assemble(segment_, log_);
    if (!made) return nullptr;
    file_ = std::move(*made);
  }
  return file_->intact() ? file_ : nullptr;
}

}  // namespace millrace::packaging
