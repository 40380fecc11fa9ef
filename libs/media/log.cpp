#include "media/log.hpp"

#include <algorithm>
#include <fstream>
#include <functional>
#include <tuple>

namespace millrace::media {
namespace {

constexpr std::int64_t kNumberUs = 500'000;  // the shortest segment target there is
constexpr std::uint64_t kDiscontinuitiesAnEpoch = 256;

// FNV-1a of the kernel's random id of this boot; where there is none every machine is taken for one.
std::uint64_t hash_of_boot() {
  constexpr std::uint64_t kBasis = 0xCBF29CE484222325ULL;
  constexpr std::uint64_t kPrime = 0x100000001B3ULL;
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string text;
  std::getline(file, text);
  std::uint64_t hash = kBasis;
  for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * kPrime;
  return std::max<std::uint64_t>(hash, 1);
}

}  // namespace

std::string_view to_string(LogRole role) {
  switch (role) {
    case LogRole::kSource:
      return "source";
    case LogRole::kRendition:
      return "rendition";
    case LogRole::kProgramme:
      return "programme";
    case LogRole::kMirror:
      return "mirror";
    case LogRole::kSlate:
      return "slate";
  }
  return "damaged";
}

bool share_numbers(const LogSeries& one, const LogSeries& other) {
  const auto shown = [](LogSeries series) {
    if (series.role == LogRole::kSlate) series.role = LogRole::kSource;
    return series;
  };
  return shown(one) == shown(other);
}

StreamContinuation first_numbers(WallTime wall, Epoch epoch) {
  StreamContinuation numbers;
  numbers.epoch = epoch;
  numbers.last_media_sequence =
      static_cast<std::uint64_t>(std::max<std::int64_t>(wall.us() / kNumberUs - 1, 1));
  const std::uint64_t first =
      number_of(epoch) % (kMostDiscontinuity / kDiscontinuitiesAnEpoch) * kDiscontinuitiesAnEpoch;
  numbers.last_discontinuity_sequence = static_cast<std::uint32_t>(std::max<std::uint64_t>(first, 1) - 1);
  return numbers;
}

std::uint64_t local_clock_domain() {
  static const std::uint64_t domain = hash_of_boot();
  return domain;
}

bool comes_before(const LogInfo& a, const LogInfo& b) {
  const bool a_live = a.end == LogEnd::kLive;
  const bool b_live = b.end == LogEnd::kLive;
  return std::tie(a.stream_id, a.role, a.rendition, a.epoch, a.incarnation, a_live, a.started_wall,
                  a.publication_id) < std::tie(b.stream_id, b.role, b.rendition, b.epoch, b.incarnation,
                                               b_live, b.started_wall, b.publication_id);
}

}  // namespace millrace::media
