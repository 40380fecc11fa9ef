// Whatever file a track is read from, all that is asked of it stays within the file and the bounds.
#include "containers/mp4/finished_track.hpp"
#include "containers/mp4/testing/memory.hpp"

namespace {

using namespace millrace;

void require(bool condition) {
  if (!condition) __builtin_trap();
}

void look_at(const mp4::FinishedTrack& track, std::uint64_t file_size) {
  const std::uint32_t end = track.samples();
  require(end > 0 && end <= mp4::kMaxSamples);
  const std::uint32_t some = std::min<std::uint32_t>(end, 4096);
  const mp4::TrackRun run = track.run(0, some);
  require(run.samples.size() == some);
  std::uint64_t bytes = 0;
  for (const mp4::FragmentSample& sample : run.samples) bytes += sample.size;
  for (const mp4::FileRange& range : track.bytes_of(0, some)) {
    require(range.offset <= file_size && range.size <= file_size - range.offset);
    bytes -= range.size;
  }
  require(bytes == 0);
  for (std::uint32_t sample = 0; sample < some; ++sample) {
    require(track.next_key(sample) >= sample && track.next_key(sample) <= end);
    require(track.first_at(track.decode_time(sample)) <= sample);
    (void)track.presentation_time(sample);
  }
  require(track.decode_time(0) >= 0);
  require(track.decode_time(end - 1) <= track.end());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto tracks = mp4::read_finished_tracks(mp4::test::memory_source(ByteView(bytes, size)));
  if (!tracks) {
    require(tracks.error().code.starts_with("mp4."));
    return 0;
  }
  require(!tracks->empty() && tracks->size() <= mp4::kMaxFinishedTracks);
  for (const mp4::FinishedTrack& track : *tracks) look_at(track, size);
  return 0;
}
