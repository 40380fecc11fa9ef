// Damages an arena file as the input says (offset, value pairs) and uses it: a reader first, then a writer.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/bytes.hpp"
#include "media/arena_damage.hpp"

namespace {

using namespace millrace;
using namespace millrace::media;

struct Bench {
  testing::ScratchDirectory directory;
  ArenaConfig config = testing::small_arena(directory.path(), 64);
  Bytes good = testing::arena_to_damage(directory.path(), config);
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Bench bench;
  Bytes file = bench.good;
  ByteReader input(ByteView(data, size));
  while (input.remaining() >= 5) {
    const std::uint32_t place = input.u32() % file.size();
    file[place] = input.u8();
  }
  testing::write_file(arena_path(bench.config.directory, bench.config.name), file);
  if (!testing::read_and_take_over(bench.config)) std::abort();
  return 0;
}
