#include "bandwidth.hpp"

#include <algorithm>

namespace millrace::packaging {
namespace {

// Container bytes of a segment: a trun entry per sample, the boxes around each fragment.
constexpr std::uint64_t kBytesPerSample = 16;
constexpr std::uint64_t kBytesPerFragment = 300;

struct Run {
  std::uint64_t bytes = 0;
  std::int64_t duration_us = 0;

  void add(const TrackSpan& segment) {
    const std::uint64_t fragments = std::max<std::uint64_t>(segment.parts.size(), 1);
    bytes += segment.payload_bytes + segment.samples * kBytesPerSample + fragments * kBytesPerFragment;
    duration_us += segment.duration_us;
  }
  std::uint64_t bits_per_second() const {
    constexpr double kMicroseconds = 1e6;
    const double seconds = static_cast<double>(std::max<std::int64_t>(duration_us, 1)) / kMicroseconds;
    return static_cast<std::uint64_t>(static_cast<double>(bytes) * 8 / seconds);
  }
};

}  // namespace

Bandwidth bandwidth(std::span<const TrackSpan> segments, std::int64_t target_duration_us) {
  Run all;
  std::uint64_t peak = 0;
  for (std::size_t first = 0; first < segments.size(); ++first) {
    all.add(segments[first]);
    Run run;
    for (const TrackSpan& segment : segments.subspan(first)) {
      run.add(segment);
      if (run.duration_us * 2 > target_duration_us * 3) break;
      if (run.duration_us * 2 >= target_duration_us) peak = std::max(peak, run.bits_per_second());
    }
  }
  const std::uint64_t average = all.bits_per_second();
  return {peak == 0 ? average : peak, average};
}

}  // namespace millrace::packaging
