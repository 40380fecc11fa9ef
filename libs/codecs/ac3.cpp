#include "codecs/ac3.hpp"

#include <algorithm>
#include <array>

#include "base/bits.hpp"

namespace millrace::codecs {
namespace {

constexpr std::uint32_t kSyncWord = 0x0B77;
constexpr unsigned kSamplesPerBlock = 256;
constexpr unsigned kMaxBsidAc3 = 10;  // 9 and 10: half and quarter of the rate
constexpr unsigned kMaxBsidEac3 = 16;
constexpr std::array<std::uint32_t, 3> kSampleRates = {48'000, 44'100, 32'000};
constexpr std::array<std::uint8_t, 8> kChannels = {2, 1, 2, 3, 3, 4, 4, 5};  // by acmod, without LFE
// Table 4.13
constexpr std::array<std::uint16_t, 19> kBitRates = {32,  40,  48,  56,  64,  80,  96,  112, 128, 160,
                                                     192, 224, 256, 320, 384, 448, 512, 576, 640};
// Channels that each bit of dec3's chan_loc adds, from the lowest one: Lc/Rc, Lrs/Rrs, Cs, Ts, Lsd/Rsd,
// Lw/Rw, Lvh/Rvh, Cvh, LFE2.
constexpr std::array<std::uint8_t, 9> kLocationChannels = {2, 2, 1, 1, 2, 2, 2, 1, 1};

enum StreamType : std::uint32_t { kIndependent = 0, kDependent = 1, kConverted = 2 };

tl::unexpected<Error> truncated() {
  return fail("codecs.ac3_truncated", "the AC-3 syncframe is cut off");
}
tl::unexpected<Error> not_a_frame() {
  return fail("codecs.ac3_sync", "not an AC-3 syncframe");
}
tl::unexpected<Error> reserved() {
  return fail("codecs.ac3_invalid", "a code of the AC-3 syncframe is reserved");
}

std::uint32_t channels_of(const Ac3Configuration& configuration) {
  std::uint32_t channels = kChannels[configuration.acmod] + (configuration.lfe ? 1U : 0U);
  for (std::size_t bit = 0; bit < kLocationChannels.size(); ++bit) {
    if ((configuration.channel_locations >> bit & 1) != 0) channels += kLocationChannels[bit];
  }
  return channels;
}

// The fields that dac3 and a syncframe have in the same order but for what stands between them.
bool settle_ac3(Ac3Configuration& configuration) {
  if (configuration.sample_rate_code >= kSampleRates.size() || configuration.bsid > kMaxBsidAc3 ||
      configuration.bit_rate_code >= kBitRates.size()) {
    return false;
  }
  const unsigned shift = configuration.bsid > 8 ? configuration.bsid - 8U : 0;
  configuration.sample_rate = kSampleRates[configuration.sample_rate_code] >> shift;
  configuration.data_rate_kbps = static_cast<std::uint16_t>(kBitRates[configuration.bit_rate_code] >> shift);
  configuration.channels = channels_of(configuration);
  return true;
}

struct Eac3Frame {
  std::uint32_t stream_type = 0;
  std::uint32_t substream = 0;
  std::size_t size = 0;  // bytes
  std::uint32_t blocks = 0;
  std::uint16_t channel_map = 0;  // chanmap of a dependent substream
  Ac3Configuration configuration;
};

// E.1.2.2, up to chanmap.
Result<Eac3Frame> read_eac3_frame(ByteView bytes) {
  BitReader reader(bytes);
  Eac3Frame frame;
  const std::uint32_t sync = reader.bits(16);
  frame.stream_type = reader.bits(2);
  frame.substream = reader.bits(3);
  frame.size = (std::size_t{reader.bits(11)} + 1) * 2;
  Ac3Configuration& configuration = frame.configuration;
  configuration.sample_rate_code = static_cast<std::uint8_t>(reader.bits(2));
  const std::uint32_t code = reader.bits(2);  // numblkscod
  configuration.acmod = static_cast<std::uint8_t>(reader.bits(3));
  configuration.lfe = reader.bit();
  configuration.bsid = static_cast<std::uint8_t>(reader.bits(5));
  const unsigned programs = configuration.acmod == 0 ? 2 : 1;
  for (unsigned i = 0; i < programs; ++i) {
    reader.skip(5);                    // dialnorm
    if (reader.bit()) reader.skip(8);  // compr
  }
  if (frame.stream_type == kDependent && reader.bit())
    frame.channel_map = static_cast<std::uint16_t>(reader.bits(16));
  if (!reader.ok()) return truncated();
  if (sync != kSyncWord || configuration.bsid <= kMaxBsidAc3 || configuration.bsid > kMaxBsidEac3)
    return not_a_frame();
  if (frame.stream_type > kConverted) return reserved();
  constexpr std::array<std::uint8_t, 4> kBlocks = {1, 2, 3, 6};
  // Code 3 halves a rate, and dec3 has no room to say which.
  if (configuration.sample_rate_code >= kSampleRates.size()) return reserved();
  frame.blocks = kBlocks[code];
  configuration.sample_rate = kSampleRates[configuration.sample_rate_code];
  return frame;
}

// chan_loc's bits from chanmap's (table E.5: bit 0 is its most significant one).
std::uint16_t locations_of(std::uint16_t channel_map) {
  constexpr std::array<unsigned, 9> kMapBit = {5, 6, 7, 8, 9, 10, 11, 12, 15};
  std::uint16_t locations = 0;
  for (std::size_t bit = 0; bit < kMapBit.size(); ++bit) {
    if ((channel_map >> (15 - kMapBit[bit]) & 1) != 0) locations |= static_cast<std::uint16_t>(1U << bit);
  }
  return locations;
}

}  // namespace

Result<Ac3Configuration> parse_ac3_frame(ByteView sample) {
  BitReader reader(sample);
  Ac3Configuration configuration;
  const std::uint32_t sync = reader.bits(16);
  reader.skip(16);  // crc1
  configuration.sample_rate_code = static_cast<std::uint8_t>(reader.bits(2));
  configuration.bit_rate_code = static_cast<std::uint8_t>(reader.bits(6) >> 1);
  configuration.bsid = static_cast<std::uint8_t>(reader.bits(5));
  configuration.bsmod = static_cast<std::uint8_t>(reader.bits(3));
  configuration.acmod = static_cast<std::uint8_t>(reader.bits(3));
  if ((configuration.acmod & 1) != 0 && configuration.acmod != 1) reader.skip(2);  // cmixlev
  if ((configuration.acmod & 4) != 0) reader.skip(2);                              // surmixlev
  if (configuration.acmod == 2) reader.skip(2);                                    // dsurmod
  configuration.lfe = reader.bit();
  if (!reader.ok()) return truncated();
  if (sync != kSyncWord || configuration.bsid > kMaxBsidAc3) return not_a_frame();
  if (!settle_ac3(configuration)) return reserved();
  return configuration;
}

Result<Ac3Configuration> parse_eac3_frame(ByteView sample) {
  auto first = read_eac3_frame(sample);
  if (!first) return tl::unexpected(first.error());
  if (first->stream_type == kDependent || first->substream != 0) return not_a_frame();
  Ac3Configuration configuration = first->configuration;
  std::uint32_t blocks = 0;
  std::size_t bytes = 0;
  bool of_first = true;  // dependent substreams belong to the independent one before them
  for (ByteView rest = sample; !rest.empty();) {
    const auto frame = read_eac3_frame(rest);
    // The last syncframe may be cut: what is in front of it is enough. Padding ends the walk too.
    if (!frame || frame->size > rest.size()) break;
    if (frame->stream_type != kDependent) {
      of_first = frame->substream == 0;
      if (of_first) blocks += frame->blocks;
    } else if (of_first && blocks == first->blocks && configuration.dependent_substreams < 15) {
      // Within the first set of syncframes only: later ones of the sample repeat them.
      ++configuration.dependent_substreams;
      configuration.channel_locations |= locations_of(frame->channel_map);
    }
    bytes += frame->size;
    rest = rest.subspan(frame->size);
  }
  if (blocks == 0) return truncated();
  configuration.samples_per_frame = blocks * kSamplesPerBlock;
  configuration.channels = channels_of(configuration);
  const std::uint64_t bits_per_second =
      std::uint64_t{bytes} * 8 * configuration.sample_rate / configuration.samples_per_frame;
  configuration.data_rate_kbps =
      static_cast<std::uint16_t>(std::min<std::uint64_t>(bits_per_second / 1000, 0x1FFF));
  return configuration;
}

Bytes ac3_specific_box(const Ac3Configuration& configuration) {
  ByteWriter writer(3);
  writer.u24(static_cast<std::uint32_t>(configuration.sample_rate_code) << 22 |
             static_cast<std::uint32_t>(configuration.bsid) << 17 |
             static_cast<std::uint32_t>(configuration.bsmod) << 14 |
             static_cast<std::uint32_t>(configuration.acmod) << 11 | (configuration.lfe ? 1U << 10 : 0) |
             static_cast<std::uint32_t>(configuration.bit_rate_code) << 5);
  return writer.take();
}

Bytes eac3_specific_box(const Ac3Configuration& configuration) {
  ByteWriter writer(6);
  writer.u16(static_cast<std::uint16_t>(configuration.data_rate_kbps << 3));  // one independent substream
  const bool dependent = configuration.dependent_substreams != 0;
  // fscod 2, bsid 5, reserved 1, asvc 1, bsmod 3, acmod 3, lfeon 1
  writer.u16(static_cast<std::uint16_t>(configuration.sample_rate_code << 14 | configuration.bsid << 9 |
                                        configuration.bsmod << 4 | configuration.acmod << 1 |
                                        (configuration.lfe ? 1 : 0)));
  // reserved 3, num_dep_sub 4, chan_loc 9 or reserved 1
  if (dependent) {
    writer.u16(static_cast<std::uint16_t>(configuration.dependent_substreams << 9 |
                                          configuration.channel_locations));
  } else {
    writer.u8(0);
  }
  return writer.take();
}

Result<Ac3Configuration> parse_ac3_specific_box(ByteView dac3) {
  BitReader reader(dac3);
  Ac3Configuration configuration;
  configuration.sample_rate_code = static_cast<std::uint8_t>(reader.bits(2));
  configuration.bsid = static_cast<std::uint8_t>(reader.bits(5));
  configuration.bsmod = static_cast<std::uint8_t>(reader.bits(3));
  configuration.acmod = static_cast<std::uint8_t>(reader.bits(3));
  configuration.lfe = reader.bit();
  configuration.bit_rate_code = static_cast<std::uint8_t>(reader.bits(5));
  if (!reader.ok()) return truncated();
  if (!settle_ac3(configuration)) return reserved();
  return configuration;
}

Result<Ac3Configuration> parse_eac3_specific_box(ByteView dec3) {
  BitReader reader(dec3);
  Ac3Configuration configuration;
  configuration.data_rate_kbps = static_cast<std::uint16_t>(reader.bits(13));
  reader.skip(3);  // further independent substreams
  configuration.sample_rate_code = static_cast<std::uint8_t>(reader.bits(2));
  configuration.bsid = static_cast<std::uint8_t>(reader.bits(5));
  reader.skip(2);
  configuration.bsmod = static_cast<std::uint8_t>(reader.bits(3));
  configuration.acmod = static_cast<std::uint8_t>(reader.bits(3));
  configuration.lfe = reader.bit();
  reader.skip(3);
  configuration.dependent_substreams = static_cast<std::uint8_t>(reader.bits(4));
  if (configuration.dependent_substreams != 0) {
    configuration.channel_locations = static_cast<std::uint16_t>(reader.bits(9));
  } else {
    reader.skip(1);
  }
  if (!reader.ok()) return truncated();
  if (configuration.sample_rate_code >= kSampleRates.size() || configuration.bsid > kMaxBsidEac3)
    return reserved();
  configuration.sample_rate = kSampleRates[configuration.sample_rate_code];
  configuration.channels = channels_of(configuration);
  return configuration;
}

}  // namespace millrace::codecs
