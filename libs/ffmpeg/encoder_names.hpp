// The encoders that can be asked for, by the names and presets of RTMP_ENCODER and RTMP_PRESET, and what
// libav calls them. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "media/sample.hpp"

namespace millrace::ffmpeg {

// How an encoder's options are named.
enum class EncoderFamily : std::uint8_t { kX264, kX265, kSvtAv1, kAomAv1, kNvenc, kVaapi, kQsv, kAmf };

struct EncoderName {
  std::string_view name;   // as it is asked for: "x264"
  std::string_view libav;  // "libx264"
  EncoderFamily family;
  media::Codec codec;
};

// All of them, the preferred of a codec first. libav need not have it.
std::span<const EncoderName> encoder_names();
std::optional<EncoderName> find_encoder(std::string_view name);
// Which are tried for "auto", in this order.
std::span<const std::string_view> automatic_encoders();

inline constexpr std::string_view kAutomatic = "auto";
inline constexpr std::string_view kDefaultPreset = "veryfast";

// "ultrafast", "superfast", … "veryslow".
std::span<const std::string_view> preset_names();
bool is_preset(std::string_view preset);
// The value of the family's own option for it: "veryfast", "p3", "10". Precondition: is_preset.
std::string_view preset_of(EncoderFamily family, std::string_view preset);

}  // namespace millrace::ffmpeg
