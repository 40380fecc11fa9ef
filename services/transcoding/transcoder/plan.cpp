#include "plan.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <optional>

#include "levels.hpp"

namespace millrace::transcoding {
namespace {

// An encoder's stamps may make 60 frames a second 60.3.
constexpr double kRateTolerance = 1.02;
constexpr double kLargestFps = 300;
// Larger pictures need fewer bits for each of their points.
constexpr double kBitsPerSize = 0.75;
// A rendition of the source's size is one if it saves at least a tenth.
constexpr double kWorthwhile = 0.9;
constexpr std::uint32_t kLeastKbps = 100;
constexpr std::uint32_t kRoundKbps = 10;
// Above the bit rate on average, and what may come at once: key frames.
constexpr std::uint32_t kMaxRatePercent = 110;
constexpr std::uint32_t kBufferMs = 500;

// What encoders and players take. Pixels may be stated to be of any shape, and pictures be narrow strips.
constexpr std::uint32_t kLargestSide = 8192;
constexpr double kWidest = 1e6;  // beyond every rung that can be

struct Size {
  std::uint32_t width = 0;
  std::uint32_t height = 0;

  std::uint32_t shorter() const { return std::min(width, height); }
  double pixels() const { return static_cast<double>(width) * height; }
};

std::uint32_t even(double size) {
  return static_cast<std::uint32_t>(std::lround(size / 2) * 2);
}

double fps_of(const FrameRate& rate) {
  return static_cast<double>(rate.num) / rate.den;
}

// As it is shown, with square pixels.
Size shown_size(const SourceDescription& source) {
  const bool stated = source.aspect_num != 0 && source.aspect_den != 0;
  const double aspect = stated ? static_cast<double>(source.aspect_num) / source.aspect_den : 1.0;
  return {static_cast<std::uint32_t>(std::clamp(std::round(source.width * aspect), 1.0, kWidest)),
          source.height};
}

Size fit(const Size& shown, std::uint32_t shorter) {
  const double scale = static_cast<double>(shorter) / shown.shorter();
  if (shown.width < shown.height) return {shorter, even(shown.height * scale)};
  return {even(shown.width * scale), shorter};
}

std::uint32_t divisor_for(const FrameRate& rate, std::uint32_t most_fps) {
  if (!rate.known()) return 1;
  std::uint32_t divisor = 1;
  while (fps_of(rate) / divisor > most_fps * kRateTolerance) ++divisor;
  return divisor;
}

// Of 8 bits 4:2:0 in limited range.
codecs::Colour shown_colour(const codecs::Colour& source) {
  constexpr codecs::Colour kBt709{1, 1, 1, false};
  constexpr std::uint8_t kPq = 16;
  constexpr std::uint8_t kHlg = 18;
  constexpr std::uint8_t kUnspecified = 2;
  if (source.transfer == kPq || source.transfer == kHlg) return kBt709;
  codecs::Colour shown = source;
  shown.full_range = false;
  if (shown.matrix == 0) shown.matrix = kUnspecified;  // RGB
  return shown;
}

FrameRate divided(const FrameRate& rate, std::uint32_t divisor) {
  const std::uint32_t den = rate.den * divisor;
  const std::uint32_t common = std::gcd(rate.num, den);
  return {rate.num / common, den / common};
}

// How many bits the source's picture would need at that size.
std::uint32_t most_kbps(std::uint32_t source_kbps, double size_ratio) {
  const double kbps = source_kbps * std::pow(std::min(size_ratio, 1.0), kBitsPerSize);
  return std::max(static_cast<std::uint32_t>(kbps) / kRoundKbps * kRoundKbps, kLeastKbps);
}

int threads_for(const Size& size, unsigned cpus) {
  constexpr double kOneThread = 640.0 * 480;
  constexpr double kTwoThreads = 1280.0 * 720;
  const unsigned wanted = size.pixels() <= kOneThread ? 1 : size.pixels() <= kTwoThreads ? 2 : 4;
  return static_cast<int>(std::min(wanted, std::max(cpus, 1U)));
}

// What the presets of x264 and x265 take where there is room.
int references_for(const std::string& preset) {
  if (preset == "medium") return 3;
  if (preset == "slow") return 5;
  if (preset == "slower") return 8;
  if (preset == "veryslow") return 16;
  return preset == "fast" || preset == "faster" ? 2 : 1;
}

class Planner {
 public:
  Planner(const SourceDescription& source, const PlanLimits& limits, const EncoderChoice& encoder)
      : source_(source), limits_(limits), encoder_(encoder), shown_(shown_size(source)) {}

  Plan plan(const Ladder& ladder) {
    Plan plan;
    for (const Rung& asked : ladder) {
      const Rung rung = as_fast_as_source(asked);
      // Two of the ladder may come to the same.
      const bool twice = std::any_of(plan.renditions.begin(), plan.renditions.end(),
                                     [&](const Rendition& made) { return made.name == name_of(rung); });
      if (twice) continue;
      const std::optional<std::string> reason = why_not(rung);
      if (reason)
        plan.left_out.push_back(text(rung) + ": " + *reason);
      else
        plan.renditions.push_back(rendition(rung));
    }
    return plan;
  }

 private:
  static std::string text(const Rung& rung) {
    return std::to_string(rung.height) + "p" + std::to_string(rung.fps);
  }

  static std::string name_of(const Rung& rung) {
    const std::string name = "v0-" + std::to_string(rung.height) + "p";
    return rung.fps > kUsualFps ? name + std::to_string(rung.fps) : name;
  }

  // Where the source hasn't got a rung's frame rate, the usual one and the bits that go with it.
  Rung as_fast_as_source(const Rung& rung) const {
    const bool faster =
        source_.frame_rate.known() && fps_of(source_.frame_rate) <= kUsualFps * kRateTolerance;
    if (!faster || rung.fps <= kUsualFps) return rung;
    return {rung.height, kUsualFps, rung.kbps * 2 / 3};
  }

  std::optional<std::string> why_not(const Rung& rung) const {
    if (rung.height > shown_.shorter()) return "larger than the source";
    if (limits_.max_height != 0 && rung.height > limits_.max_height) return "larger than the limit";
    const Size size = fit(shown_, rung.height);
    if (std::max(size.width, size.height) > kLargestSide || size.pixels() > most_pixels())
      return "larger than can be encoded";
    const bool same_size = rung.height + 1 >= shown_.shorter();
    const bool same_rate = divisor_for(source_.frame_rate, rung.fps) == 1;
    if (same_size && same_rate && source_.kbps != 0 && rung.kbps > source_.kbps * kWorthwhile)
      return "the source again";
    return std::nullopt;
  }

  double most_pixels() const { return static_cast<double>(limits_.max_source_pixels); }

  std::uint32_t kbps_for(const Rung& rung, const Size& size) const {
    std::uint32_t kbps = rung.kbps;
    if (source_.kbps != 0) kbps = std::min(kbps, most_kbps(source_.kbps, size.pixels() / shown_.pixels()));
    if (limits_.max_kbps != 0) kbps = std::min(kbps, limits_.max_kbps);
    return kbps;
  }

  Rendition rendition(const Rung& rung) const {
    const Size size = fit(shown_, rung.height);
    Rendition made;
    made.name = name_of(rung);
    made.width = size.width;
    made.height = size.height;
    made.divisor = divisor_for(source_.frame_rate, rung.fps);
    made.frame_rate = source_.frame_rate.known() ? divided(source_.frame_rate, made.divisor)
                                                 : FrameRate{std::min(rung.fps, kUsualFps), 1};
    made.kbps = kbps_for(rung, size);
    made.max_kbps = made.kbps * kMaxRatePercent / 100;
    made.buffer_kbit = made.kbps * kBufferMs / 1000;
    made.peak_kbps = made.max_kbps + made.buffer_kbit * 1000 / std::max(limits_.segment_ms, kBufferMs);
    made.threads = threads_for(size, limits_.cpus);
    made.colour = shown_colour(source_.colour);
    choose_level(rung, made);
    return made;
  }

  // Of the rung's rates, not of what the source has by chance: it stays what was announced.
  void choose_level(const Rung& rung, Rendition& made) const {
    const std::uint32_t max_kbps = rung.kbps * kMaxRatePercent / 100;
    made.level = level_for(encoder_.codec, {made.width, made.height, rung.fps, max_kbps});
    made.reference_frames = references_for(encoder_.preset);
    if (encoder_.codec == media::Codec::kH264)
      made.reference_frames =
          std::min(made.reference_frames, most_reference_frames(made.level, made.width, made.height));
    made.codec = codec_string(encoder_.codec, made.level);
  }

  static constexpr std::uint32_t kUsualFps = 30;

  const SourceDescription& source_;
  const PlanLimits& limits_;
  const EncoderChoice& encoder_;
  Size shown_;
};

}  // namespace

FrameRate usual_frame_rate(double fps) {
  constexpr std::array<FrameRate, 12> kUsual = {{{10, 1},
                                                 {12, 1},
                                                 {15, 1},
                                                 {20, 1},
                                                 {24'000, 1001},
                                                 {24, 1},
                                                 {25, 1},
                                                 {30'000, 1001},
                                                 {30, 1},
                                                 {50, 1},
                                                 {60'000, 1001},
                                                 {60, 1}}};
  constexpr double kNear = 0.005;
  if (!(fps > 0) || fps > kLargestFps) return {};
  const auto distance = [fps](const FrameRate& rate) { return std::abs(fps_of(rate) - fps); };
  const auto* nearest =
      std::min_element(kUsual.begin(), kUsual.end(),
                       [&](const FrameRate& a, const FrameRate& b) { return distance(a) < distance(b); });
  if (distance(*nearest) <= fps * kNear) return *nearest;
  return {std::max<std::uint32_t>(static_cast<std::uint32_t>(std::lround(fps * 1000)), 1), 1000};
}

Result<Plan> plan_renditions(const SourceDescription& source, const Ladder& ladder, const PlanLimits& limits,
                             const EncoderChoice& encoder) {
  if (source.width == 0 || source.height == 0)
    return fail("transcoding.no_size", "the size of the picture is not known");
  if (std::uint64_t{source.width} * source.height > limits.max_source_pixels)
    return fail("transcoding.source_too_large",
                std::to_string(source.width) + "x" + std::to_string(source.height));
  return Planner(source, limits, encoder).plan(ladder);
}

}  // namespace millrace::transcoding
