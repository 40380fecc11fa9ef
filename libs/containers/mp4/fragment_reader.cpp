#include <algorithm>

#include "containers/mp4/box_reader.hpp"
#include "containers/mp4/fragment.hpp"
#include "containers/mp4/fragment_flags.hpp"

namespace millrace::mp4 {
namespace {

constexpr std::size_t kMaxRuns = 16;

struct TrackDefaults {
  std::uint32_t flags = 0;  // of tfhd
  std::uint32_t duration = 0;
  std::uint32_t sample_flags = 0;
};

// tfhd; false when it has fields we never write.
bool read_fragment_track_header(ByteView tfhd, TrackRun& run, TrackDefaults& defaults) {
  ByteReader reader(tfhd);
  defaults.flags = reader.u32() & 0xFFFFFF;
  run.track_id = reader.u32();
  if ((defaults.flags & ~(kDefaultBaseIsMoof | kDefaultDuration | kDefaultFlags)) != 0) return false;
  if ((defaults.flags & kDefaultDuration) != 0) defaults.duration = reader.u32();
  if ((defaults.flags & kDefaultFlags) != 0) defaults.sample_flags = reader.u32();
  return reader.ok() && (defaults.flags & kDefaultBaseIsMoof) != 0;
}

FragmentSample read_sample(ByteReader& reader, std::uint32_t fields, const TrackDefaults& defaults) {
  FragmentSample sample;
  sample.duration = (fields & kRunDuration) != 0 ? reader.u32() : defaults.duration;
  sample.size = reader.u32();
  const std::uint32_t flags = (fields & kRunFlags) != 0 ? reader.u32() : defaults.sample_flags;
  sample.key = (flags & kNonSync) == 0;
  sample.recovery = (flags & (kNonSync | kDependsOn)) == kRecoverySample;
  if ((fields & kRunCompositionOffset) != 0)
    sample.composition_offset = static_cast<std::int32_t>(reader.u32());
  return sample;
}

// trun; false when it is cut off or of another form.
bool read_run(ByteView trun, const TrackDefaults& defaults, TrackRun& run, std::uint32_t& data_offset) {
  constexpr std::uint32_t kKnown =
      kRunDataOffset | kRunDuration | kRunSize | kRunFlags | kRunCompositionOffset;
  constexpr std::uint32_t kNeeded = kRunDataOffset | kRunSize;
  ByteReader reader(trun);
  const bool version_one = reader.u8() == 1;
  const std::uint32_t fields = reader.u24();
  const std::uint32_t count = reader.u32();
  data_offset = reader.u32();
  if (!version_one || (fields & ~kKnown) != 0 || (fields & kNeeded) != kNeeded) return false;
  if (count > reader.remaining() / 4) return false;  // each sample states at least its size
  run.samples.reserve(count);
  for (std::uint32_t i = 0; i < count && reader.ok(); ++i)
    run.samples.push_back(read_sample(reader, fields, defaults));
  return reader.ok() && count > 0;
}

// False when there is a number that no track has.
bool read_description(ByteView traf, TrackRun& run) {
  const auto uuid = find_box(traf, {"uuid"});
  if (!uuid) return true;
  ByteReader reader(*uuid);
  const ByteView type = reader.take(kDescriptionUuid.size());
  if (!std::equal(type.begin(), type.end(), kDescriptionUuid.begin(), kDescriptionUuid.end())) return true;
  run.description = reader.u32();
  return reader.ok() && run.description != 0;
}

bool read_fragment_track(ByteView traf, TrackRun& run, std::uint32_t& data_offset) {
  const auto tfhd = find_box(traf, {"tfhd"});
  const auto tfdt = find_box(traf, {"tfdt"});
  const auto trun = find_box(traf, {"trun"});
  TrackDefaults defaults;
  if (!tfhd || !tfdt || !trun || !read_fragment_track_header(*tfhd, run, defaults) ||
      !read_description(traf, run)) {
    return false;
  }
  ByteReader time(*tfdt);
  if (time.u8() != 1) return false;
  time.skip(3);
  run.base_decode_time = time.u64();
  return time.ok() && read_run(*trun, defaults, run, data_offset);
}

// Times may be negative, as two's complement: a timeline need not begin at 0.
bool times_in_range(const TrackRun& run) {
  auto time = static_cast<std::int64_t>(run.base_decode_time);
  if (time < -kMaxDecodeTime) return false;
  for (const FragmentSample& sample : run.samples) {
    if (time > kMaxDecodeTime) return false;
    time += sample.duration;
  }
  return true;
}

}  // namespace

Result<FragmentHeader> read_fragment(ByteView moof) {
  FragmentHeader fragment;
  const auto mfhd = find_box(moof, {"mfhd"});
  if (!mfhd || mfhd->size() != 8) return fail("mp4.moof", "no fragment header");
  fragment.sequence_number = ByteReader(mfhd->subspan(4)).u32();
  const std::uint64_t header_size = moof.size() + 16;  // moof's own header and mdat's
  BoxReader reader(moof);
  while (const auto box = reader.next()) {
    if (box->type != four_cc("traf")) continue;
    TrackRun run;
    std::uint32_t data_offset = 0;
    if (fragment.runs.size() == kMaxRuns || !read_fragment_track(box->payload, run, data_offset) ||
        !times_in_range(run) || data_offset != header_size + fragment.payload_size) {
      return fail("mp4.moof", "a track fragment is damaged");
    }
    for (const FragmentSample& sample : run.samples) fragment.payload_size += sample.size;
    if (fragment.payload_size > kMaxFragmentPayload) return fail("mp4.moof", "the fragment is too large");
    fragment.runs.push_back(std::move(run));
  }
  if (!reader.ok() || fragment.runs.empty()) return fail("mp4.moof", "the fragment is damaged or empty");
  return fragment;
}

}  // namespace millrace::mp4
