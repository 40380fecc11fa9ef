#include <algorithm>

#include "containers/mp4/box_writer.hpp"
#include "containers/mp4/fragment.hpp"
#include "containers/mp4/fragment_flags.hpp"

namespace millrace::mp4 {
namespace {

std::uint32_t sample_flags(const FragmentSample& sample) {
  if (sample.key) return kKeySample;
  return sample.recovery ? kRecoverySample : kOtherSample;
}

// Which fields differ from sample to sample and stand in trun; what is the same for all stands once in tfhd.
std::uint32_t run_fields(const TrackRun& run) {
  const FragmentSample& first = run.samples.front();
  std::uint32_t fields = kRunDataOffset | kRunSize;
  for (const FragmentSample& sample : run.samples) {
    if (sample.duration != first.duration) fields |= kRunDuration;
    if (sample_flags(sample) != sample_flags(first)) fields |= kRunFlags;
    if (sample.composition_offset != 0) fields |= kRunCompositionOffset;
  }
  return fields;
}

void write_fragment_track_header(ByteWriter& writer, const TrackRun& run, std::uint32_t fields) {
  std::uint32_t flags = kDefaultBaseIsMoof;
  if ((fields & kRunDuration) == 0) flags |= kDefaultDuration;
  if ((fields & kRunFlags) == 0) flags |= kDefaultFlags;
  const Box tfhd(writer, "tfhd", 0, flags);
  writer.u32(run.track_id);
  if ((flags & kDefaultDuration) != 0) writer.u32(run.samples.front().duration);
  if ((flags & kDefaultFlags) != 0) writer.u32(sample_flags(run.samples.front()));
}

void write_decode_time(ByteWriter& writer, std::uint64_t time) {
  const Box tfdt(writer, "tfdt", 1, 0);
  writer.u64(time);
}

// Returns where data_offset stands, to be filled in when moof's size is known.
std::size_t write_run(ByteWriter& writer, const TrackRun& run, std::uint32_t fields) {
  const Box trun(writer, "trun", 1, fields);
  writer.u32(static_cast<std::uint32_t>(run.samples.size()));
  const std::size_t data_offset = writer.size();
  writer.u32(0);
  for (const FragmentSample& sample : run.samples) {
    if ((fields & kRunDuration) != 0) writer.u32(sample.duration);
    writer.u32(sample.size);
    if ((fields & kRunFlags) != 0) writer.u32(sample_flags(sample));
    if ((fields & kRunCompositionOffset) != 0) writer.i32(sample.composition_offset);
  }
  return data_offset;
}

std::size_t write_fragment_track(ByteWriter& writer, const TrackRun& run) {
  const Box traf(writer, "traf");
  const std::uint32_t fields = run_fields(run);
  write_fragment_track_header(writer, run, fields);
  write_decode_time(writer, run.base_decode_time);
  if (run.description != 1) {
    const Box uuid(writer, "uuid");
    writer.append(kDescriptionUuid);
    writer.u32(run.description);
  }
  return write_run(writer, run, fields);
}

// ISO/IEC 23009-1 6.3.4.2: "msdh" promises nothing of how the segment begins.
void write_segment_type(ByteWriter& writer) {
  const Box styp(writer, "styp");
  writer.text("msdh");
  writer.u32(0);  // minor_version
  writer.text("msdh");
}

void write_sequence_number(ByteWriter& writer, std::uint32_t sequence_number) {
  const Box mfhd(writer, "mfhd", 0, 0);
  writer.u32(sequence_number);
}

void write_fragment(ByteWriter& writer, std::uint32_t sequence_number, std::span<const TrackRun> runs) {
  std::vector<std::size_t> data_offsets;
  data_offsets.reserve(runs.size());
  const std::size_t begin = writer.size();
  {
    const Box moof(writer, "moof");
    write_sequence_number(writer, sequence_number);
    for (const TrackRun& run : runs) {
      if (!run.samples.empty()) data_offsets.push_back(write_fragment_track(writer, run));
    }
  }
  constexpr std::uint32_t kMdatHeader = 8;
  const auto header_size = static_cast<std::uint32_t>(writer.size() - begin) + kMdatHeader;
  std::uint32_t payload = 0;
  auto data_offset = data_offsets.begin();
  for (const TrackRun& run : runs) {
    if (run.samples.empty()) continue;
    writer.patch_u32(*data_offset++, header_size + payload);
    for (const FragmentSample& sample : run.samples) payload += sample.size;
  }
  writer.u32(kMdatHeader + payload);
  writer.text("mdat");
}

std::size_t expected_size(std::span<const TrackRun> runs) {
  std::size_t samples = 0;
  for (const TrackRun& run : runs) samples += run.samples.size();
  return 96 + runs.size() * 80 + samples * 16;
}

}  // namespace

Bytes fragment_header(std::uint32_t sequence_number, std::span<const TrackRun> runs, ByteView before) {
  ByteWriter writer(expected_size(runs) + before.size());
  writer.append(before);
  write_fragment(writer, sequence_number, runs);
  return writer.take();
}

Bytes segment_header(std::uint32_t sequence_number, std::span<const TrackRun> runs, ByteView before) {
  ByteWriter writer(expected_size(runs) + before.size());
  write_segment_type(writer);
  writer.append(before);
  write_fragment(writer, sequence_number, runs);
  return writer.take();
}

Bytes empty_segment(std::uint32_t sequence_number, std::uint32_t track_id, std::uint64_t decode_time) {
  ByteWriter writer(expected_size({}));
  write_segment_type(writer);
  {
    const Box moof(writer, "moof");
    write_sequence_number(writer, sequence_number);
    const Box traf(writer, "traf");
    {
      const Box tfhd(writer, "tfhd", 0, kDefaultBaseIsMoof);
      writer.u32(track_id);
    }
    write_decode_time(writer, decode_time);
  }
  { const Box mdat(writer, "mdat"); }
  return writer.take();
}

}  // namespace millrace::mp4
