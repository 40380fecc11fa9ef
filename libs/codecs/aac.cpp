#include "codecs/aac.hpp"

#include <array>

#include "base/bits.hpp"

namespace millrace::codecs {
namespace {

constexpr std::uint32_t kObjectTypeSbr = 5;
constexpr std::uint32_t kObjectTypePs = 29;
constexpr std::uint32_t kSyncExtensionSbr = 0x2B7;
constexpr std::uint32_t kSyncExtensionPs = 0x548;
constexpr std::uint32_t kMinSampleRate = 7350;
constexpr std::uint32_t kMaxSampleRate = 192'000;
constexpr std::uint32_t kMaxImplicitSbrRate = 24'000;

// ISO/IEC 14496-3 table 1.18
constexpr std::array<std::uint32_t, 13> kSampleRates = {
    96'000, 88'200, 64'000, 48'000, 44'100, 32'000, 24'000, 22'050, 16'000, 12'000, 11'025, 8'000, 7'350};
// Table 1.19 with amendments; 0 where reserved. Index 0: a program_config_element describes them.
constexpr std::array<std::uint8_t, 16> kChannels = {0, 1, 2, 3, 4, 5, 6, 8, 0, 0, 0, 7, 8, 24, 8, 0};

std::uint32_t read_object_type(BitReader& reader) {
  const std::uint32_t type = reader.bits(5);
  return type == 31 ? 32 + reader.bits(6) : type;
}

// 0 when reserved.
std::uint32_t read_sample_rate(BitReader& reader) {
  const std::uint32_t index = reader.bits(4);
  if (index == 15) return reader.bits(24);
  return index < kSampleRates.size() ? kSampleRates[index] : 0;
}

bool is_sample_rate(std::uint32_t rate) {
  return rate >= kMinSampleRate && rate <= kMaxSampleRate;
}

// The number of channels of a program_config_element.
std::uint32_t read_program_channels(BitReader& reader) {
  reader.skip(4 + 2 + 4);  // element_instance_tag, object_type, sampling_frequency_index
  const std::uint32_t front = reader.bits(4);
  const std::uint32_t side = reader.bits(4);
  const std::uint32_t back = reader.bits(4);
  const std::uint32_t lfe = reader.bits(2);
  const std::uint32_t associated_data = reader.bits(3);
  const std::uint32_t coupling = reader.bits(4);
  if (reader.bit()) reader.skip(4);  // mono mixdown
  if (reader.bit()) reader.skip(4);  // stereo mixdown
  if (reader.bit()) reader.skip(3);  // matrix mixdown
  std::uint32_t channels = lfe;
  for (std::uint32_t i = 0; i < front + side + back; ++i) {
    channels += reader.bit() ? 2 : 1;  // a pair or a single channel
    reader.skip(4);
  }
  reader.skip(4 * std::size_t{lfe} + 4 * std::size_t{associated_data} + 5 * std::size_t{coupling});
  reader.skip(reader.remaining() % 8);
  reader.skip(8 * std::size_t{reader.bits(8)});  // comment
  return channels;
}

// GASpecificConfig of the object types we take; returns the channels.
std::uint32_t read_general_audio(BitReader& reader, std::uint32_t channel_configuration,
                                 AudioSpecificConfig& config) {
  config.frame_length = reader.bit() ? 960 : 1024;
  if (reader.bit()) reader.skip(14);  // coreCoderDelay
  const bool extension = reader.bit();
  const std::uint32_t channels =
      channel_configuration == 0 ? read_program_channels(reader) : kChannels[channel_configuration];
  if (extension) reader.bit();  // extensionFlag3
  return channels;
}

constexpr std::uint8_t kObjectTypeLc = 2;

bool ps_possible(const AudioSpecificConfig& config) {
  return config.channels == 1 && config.object_type == kObjectTypeLc;
}

// The backward compatible extension. What is too short for one is padding, not an error.
void read_sync_extension(BitReader& reader, AudioSpecificConfig& config) {
  if (config.sbr || reader.remaining() < 16 || reader.bits(11) != kSyncExtensionSbr) return;
  if (read_object_type(reader) != kObjectTypeSbr) return;
  config.implicit_sbr_possible = false;
  config.implicit_ps_possible = false;
  if (!reader.bit()) return;
  const std::uint32_t rate = read_sample_rate(reader);
  if (!reader.ok() || !is_sample_rate(rate)) return;
  config.sbr = true;
  config.extension_sample_rate = rate;
  config.implicit_ps_possible = ps_possible(config);
  if (reader.remaining() < 12 || reader.bits(11) != kSyncExtensionPs) return;
  config.ps = reader.bit();
  config.implicit_ps_possible = false;
}

}  // namespace

Result<AudioSpecificConfig> parse_audio_specific_config(ByteView asc) {
  BitReader reader(asc);
  AudioSpecificConfig config;
  std::uint32_t object_type = read_object_type(reader);
  config.sample_rate = read_sample_rate(reader);
  const std::uint32_t channel_configuration = reader.bits(4);
  if (object_type == kObjectTypeSbr || object_type == kObjectTypePs) {
    config.sbr = true;
    config.ps = object_type == kObjectTypePs;
    config.extension_sample_rate = read_sample_rate(reader);
    object_type = read_object_type(reader);
  }
  if (!reader.ok()) return fail("codecs.aac_truncated", "the AudioSpecificConfig is cut off");
  if (object_type < 1 || object_type > 4) {
    return fail("codecs.aac_object_type",
                "audio object type " + std::to_string(object_type) + " is not supported");
  }
  if (!is_sample_rate(config.sample_rate) || (config.sbr && !is_sample_rate(config.extension_sample_rate))) {
    return fail("codecs.aac_sample_rate", "sample rate of the AudioSpecificConfig");
  }
  config.object_type = static_cast<std::uint8_t>(object_type);
  config.channel_configuration = static_cast<std::uint8_t>(channel_configuration);
  config.channels = read_general_audio(reader, channel_configuration, config);
  if (!reader.ok()) return fail("codecs.aac_truncated", "the AudioSpecificConfig is cut off");
  if (config.channels == 0) return fail("codecs.aac_channels", "channels of the AudioSpecificConfig");
  config.implicit_sbr_possible = !config.sbr && config.sample_rate <= kMaxImplicitSbrRate;
  config.implicit_ps_possible =
      !config.ps && (config.sbr || config.implicit_sbr_possible) && ps_possible(config);
  read_sync_extension(reader, config);
  return config;
}

namespace {

// Left to the frames: SBR doubles the rate of the core.
bool may_have_implicitly(const AudioSpecificConfig& implicit, const AudioSpecificConfig& explicit_sbr) {
  return implicit.implicit_sbr_possible && explicit_sbr.sbr &&
         explicit_sbr.extension_sample_rate == 2 * explicit_sbr.sample_rate;
}

bool same_sbr(const AudioSpecificConfig& a, const AudioSpecificConfig& b) {
  const bool said_alike = a.sbr == b.sbr && a.extension_sample_rate == b.extension_sample_rate &&
                          a.implicit_sbr_possible == b.implicit_sbr_possible;
  return said_alike || may_have_implicitly(a, b) || may_have_implicitly(b, a);
}

bool same_ps(const AudioSpecificConfig& a, const AudioSpecificConfig& b) {
  const bool said_alike = a.ps == b.ps && a.implicit_ps_possible == b.implicit_ps_possible;
  return said_alike || (a.ps && b.implicit_ps_possible) || (b.ps && a.implicit_ps_possible);
}

}  // namespace

bool decode_alike(const AudioSpecificConfig& a, const AudioSpecificConfig& b) {
  const bool cores = a.object_type == b.object_type && a.sample_rate == b.sample_rate &&
                     a.channel_configuration == b.channel_configuration && a.channel_configuration != 0 &&
                     a.frame_length == b.frame_length;
  return cores && same_sbr(a, b) && same_ps(a, b);
}

std::string codec_string(const AudioSpecificConfig& config) {
  if (config.ps) return "mp4a.40.29";
  if (config.sbr) return "mp4a.40.5";
  return "mp4a.40." + std::to_string(config.object_type);
}

}  // namespace millrace::codecs
