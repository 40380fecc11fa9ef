#include "ffmpeg/encoder_options.hpp"

namespace millrace::ffmpeg {
namespace {

// 31: "3.1".
std::string level_text(int level) {
  return std::to_string(level / 10) + "." + std::to_string(level % 10);
}

EncoderOptions x264_options(const EncoderSettings& settings) {
  EncoderOptions options{{"tune", "zerolatency"},
                         {"profile", "high"},
                         {"forced-idr", "1"},
                         {"x264-params", "scenecut=0:open-gop=0:nal-hrd=none:cabac=1:8x8dct=1"}};
  if (settings.level != 0) options.emplace_back("level", level_text(settings.level));
  return options;
}

// frame-threads: more of them hold pictures back.
EncoderOptions x265_options(const EncoderSettings& settings) {
  std::string own = "log-level=none:scenecut=0:open-gop=0:keyint=-1:repeat-headers=0:info=0:frame-threads=1";
  own += ":ref=" + std::to_string(settings.reference_frames);
  own += ":pools=" + (settings.threads > 1 ? std::to_string(settings.threads) : "none");
  if (settings.level != 0) own += ":high-tier=0:level-idc=" + level_text(settings.level);
  return {{"tune", "zerolatency"}, {"forced-idr", "1"}, {"x265-params", own}};
}

}  // namespace

EncoderOptions encoder_options(EncoderFamily family, const EncoderSettings& settings) {
  EncoderOptions options;
  const std::string preset(preset_of(family, settings.preset));
  switch (family) {
    case EncoderFamily::kX264:
      options = x264_options(settings);
      break;
    case EncoderFamily::kX265:
      options = x265_options(settings);
      break;
    case EncoderFamily::kSvtAv1:
      options = {{"svtav1-params", "pred-struct=1"}};
      break;
    case EncoderFamily::kAomAv1:
      return {{"usage", "realtime"}, {"lag-in-frames", "0"}, {"cpu-used", preset}};
    case EncoderFamily::kNvenc:
      options = {{"tune", "ll"}, {"rc", "vbr"}, {"forced-idr", "1"}, {"no-scenecut", "1"}, {"delay", "0"}};
      break;
    case EncoderFamily::kAmf:
      return {{"quality", preset}, {"usage", "lowlatency"}, {"rc", "vbr_latency"}};
    case EncoderFamily::kVaapi:
    case EncoderFamily::kQsv:
      return {};
  }
  options.emplace_back("preset", preset);
  return options;
}

}  // namespace millrace::ffmpeg
