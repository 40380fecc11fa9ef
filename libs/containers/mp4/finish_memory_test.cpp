// Finishing takes as much memory for a day as for a minute: counted by this program's own operator new.
#include <gtest/gtest.h>
#include <malloc.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <new>

#include "containers/mp4/finish.hpp"
#include "containers/mp4/init_segment.hpp"
#include "containers/mp4/testing/streams.hpp"

namespace {

std::atomic<std::size_t> in_use{0};
std::atomic<std::size_t> peak{0};

}  // namespace

void* operator new(std::size_t size) {
  void* const pointer = std::malloc(size);
  if (pointer == nullptr) throw std::bad_alloc();
  const std::size_t now = in_use += ::malloc_usable_size(pointer);
  if (now > peak) peak = now;
  return pointer;
}
void operator delete(void* pointer) noexcept {
  if (pointer != nullptr) in_use -= ::malloc_usable_size(pointer);
  std::free(pointer);
}
void operator delete(void* pointer, std::size_t /*size*/) noexcept {
  operator delete(pointer);
}

namespace millrace::mp4 {
namespace {

// A file that repeats one fragment of a picture and its sound; never in memory.
struct Repeated {
  Bytes init = init_segment(std::array{test::video_track(), test::audio_track()});
  Bytes fragment = test::fragments(1, 0, 0);
  std::uint64_t count = 0;

  FileSource source() const {
    return {init.size() + count * fragment.size(),
            [this](std::uint64_t offset, std::span<std::uint8_t> into) -> Result<void> {
              for (std::uint8_t& byte : into) {
                byte =
                    offset < init.size() ? init[offset] : fragment[(offset - init.size()) % fragment.size()];
                ++offset;
              }
              return {};
            }};
  }
};

std::size_t peak_of(std::uint64_t fragments) {
  Repeated file;
  file.count = fragments;
  const FileSource source = file.source();
  const std::size_t before = in_use;
  peak = before;
  const auto finished = finish(source, {{}, [](std::uint64_t, ByteView) -> Result<void> { return {}; }});
  EXPECT_TRUE(finished);
  EXPECT_EQ(finished ? finished->samples : 0, fragments * (5 + test::kAudioPerGroup));
  return peak - before;
}

TEST(FinishMemory, DoesNotGrowWithTheFile) {
  const std::size_t usual = peak_of(2'000);
  const std::size_t large = peak_of(40'000);
  EXPECT_LT(large, usual + (64U << 10));
  std::printf("peak of %zu samples: %zu bytes; of %zu: %zu bytes\n", std::size_t{2'000 * 14}, usual,
              std::size_t{40'000 * 14}, large);
}

}  // namespace
}  // namespace millrace::mp4
