// Any file may be finished; what comes out must be readable, and hold as many samples as were announced.
#include "containers/mp4/testing/finished_file.hpp"
#include "containers/mp4/testing/memory.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace millrace;
  const ByteView input(bytes, size);
  (void)mp4::test::read_finished(input);
  mp4::Finished finished;
  const auto output = mp4::test::finish_bytes({bytes, bytes + size}, &finished);
  if (!output) {
    if (output.error().code.starts_with("test.") || output.error().code == "mp4.changed") __builtin_trap();
    return 0;
  }
  const auto tracks = mp4::test::read_finished(*output);
  if (!tracks) __builtin_trap();
  std::uint64_t samples = 0;
  for (const auto& track : *tracks) samples += track.samples.size();
  if (samples != finished.samples) __builtin_trap();
  return 0;
}
