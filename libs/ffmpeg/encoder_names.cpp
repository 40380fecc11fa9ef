#include "ffmpeg/encoder_names.hpp"

#include <algorithm>
#include <array>

namespace millrace::ffmpeg {
namespace {

using media::Codec;

constexpr std::array kEncoders = {
    EncoderName{"x264", "libx264", EncoderFamily::kX264, Codec::kH264},
    EncoderName{"nvenc_h264", "h264_nvenc", EncoderFamily::kNvenc, Codec::kH264},
    EncoderName{"amf_h264", "h264_amf", EncoderFamily::kAmf, Codec::kH264},
    EncoderName{"vaapi_h264", "h264_vaapi", EncoderFamily::kVaapi, Codec::kH264},
    EncoderName{"qsv_h264", "h264_qsv", EncoderFamily::kQsv, Codec::kH264},
    EncoderName{"x265", "libx265", EncoderFamily::kX265, Codec::kH265},
    EncoderName{"nvenc_h265", "hevc_nvenc", EncoderFamily::kNvenc, Codec::kH265},
    EncoderName{"amf_h265", "hevc_amf", EncoderFamily::kAmf, Codec::kH265},
    EncoderName{"vaapi_h265", "hevc_vaapi", EncoderFamily::kVaapi, Codec::kH265},
    EncoderName{"qsv_h265", "hevc_qsv", EncoderFamily::kQsv, Codec::kH265},
    EncoderName{"svt_av1", "libsvtav1", EncoderFamily::kSvtAv1, Codec::kAv1},
    EncoderName{"libaom_av1", "libaom-av1", EncoderFamily::kAomAv1, Codec::kAv1},
    EncoderName{"nvenc_av1", "av1_nvenc", EncoderFamily::kNvenc, Codec::kAv1},
    EncoderName{"amf_av1", "av1_amf", EncoderFamily::kAmf, Codec::kAv1},
};

constexpr std::array<std::string_view, 3> kAutomaticEncoders = {"nvenc_h264", "amf_h264", "x264"};

constexpr std::size_t kPresets = 9;
using PresetValues = std::array<std::string_view, kPresets>;
constexpr PresetValues kPresetNames = {"ultrafast", "superfast", "veryfast", "faster",  "fast",
                                       "medium",    "slow",      "slower",   "veryslow"};
constexpr PresetValues kNvenc = {"p1", "p2", "p3", "p4", "p5", "p6", "p7", "p7", "p7"};
constexpr PresetValues kAmf = {"speed",    "speed",   "speed",   "balanced", "balanced",
                               "balanced", "quality", "quality", "quality"};
constexpr PresetValues kSvtAv1 = {"12", "11", "10", "9", "8", "6", "4", "2", "0"};
constexpr PresetValues kAomAv1 = {"8", "7", "6", "5", "4", "4", "3", "2", "1"};

const PresetValues& values_of(EncoderFamily family) {
  switch (family) {
    case EncoderFamily::kNvenc:
      return kNvenc;
    case EncoderFamily::kAmf:
      return kAmf;
    case EncoderFamily::kSvtAv1:
      return kSvtAv1;
    case EncoderFamily::kAomAv1:
      return kAomAv1;
    default:
      return kPresetNames;
  }
}

}  // namespace

std::span<const EncoderName> encoder_names() {
  return kEncoders;
}

std::optional<EncoderName> find_encoder(std::string_view name) {
  const auto* found = std::find_if(kEncoders.begin(), kEncoders.end(),
                                   [name](const EncoderName& encoder) { return encoder.name == name; });
  return found == kEncoders.end() ? std::nullopt : std::optional(*found);
}

std::span<const std::string_view> automatic_encoders() {
  return kAutomaticEncoders;
}

std::span<const std::string_view> preset_names() {
  return kPresetNames;
}

bool is_preset(std::string_view preset) {
  return std::find(kPresetNames.begin(), kPresetNames.end(), preset) != kPresetNames.end();
}

std::string_view preset_of(EncoderFamily family, std::string_view preset) {
  const auto* found = std::find(kPresetNames.begin(), kPresetNames.end(), preset);
  return values_of(family).at(static_cast<std::size_t>(found - kPresetNames.begin()));
}

}  // namespace millrace::ffmpeg
