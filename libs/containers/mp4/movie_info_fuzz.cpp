// Any file may be asked about: within its bounds, and never beyond the file's end (memory_source fails then).
#include "containers/mp4/movie_info.hpp"
#include "containers/mp4/testing/memory.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace millrace;
  const auto info = mp4::read_movie_info(mp4::test::memory_source(ByteView(bytes, size)));
  if (!info && info.error().code != "mp4.moov") __builtin_trap();
  if (info && info->tracks.size() > mp4::kMaxInfoTracks) __builtin_trap();
  return 0;
}
