// What it costs to make the files of a segment of a media log, all its tracks together: segment_bench.
// Records are read and headers written; no media is touched. The least of many rounds.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <limits>

#include "stream_package.hpp"
#include "test_publisher.hpp"

namespace {

using namespace millrace;
using namespace millrace::packaging;

constexpr int kRounds = 2000;
constexpr int kGroups = 12;

}  // namespace

int main() {
  ScratchDirectory directory;
  const auto arena = make_arena(directory.path());
  if (!arena) return 1;
  TestPublisher publisher(*arena, {});
  publisher.groups(kGroups);
  publisher.frame(0);
  std::shared_ptr<media::ArenaReader> reader =
      media::ArenaReader::open(directory.path(), "ingest", "segment_bench").value();
  StreamPackage package("s1", {});
  package.update({sources(reader)}, 0);
  const OfferedSegment& offered = *package.view()->offered.front();
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  for (int round = 0; round < kRounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    const auto files = assemble(offered.segment(), offered.log());
    const auto end = std::chrono::steady_clock::now();
    if (!files) return 1;
    least = std::min(least, std::chrono::duration_cast<std::chrono::nanoseconds>(end - begin).count());
  }
  std::uint64_t samples = 0;
  for (const TrackSpan& span : offered.segment().tracks) samples += span.samples;
  const double per_sample =
      static_cast<double>(least) / static_cast<double>(std::max<std::uint64_t>(samples, 1));
  std::printf(
      "[{\"measure\": \"files of a segment, made once\", \"value\": %.1f, \"unit\": \"ns per sample\", "
      "\"note\": \"%llu samples in %zu files\"}]\n",
      per_sample, static_cast<unsigned long long>(samples), offered.segment().tracks.size());
}
