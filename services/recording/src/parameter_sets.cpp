#include "parameter_sets.hpp"

#include "codecs/h264.hpp"
#include "codecs/h265.hpp"

namespace millrace::recording {
namespace {

constexpr std::uint8_t kAvcSps = 7;
constexpr std::uint8_t kAvcDelimiter = 9;
constexpr std::uint8_t kHevcVps = 32;
constexpr std::uint8_t kHevcPps = 34;
constexpr std::uint8_t kHevcDelimiter = 35;

void append_unit(ByteWriter& writer, unsigned length_size, ByteView unit) {
  for (unsigned i = length_size; i-- > 0;) writer.u8(static_cast<std::uint8_t>(unit.size() >> (8 * i)));
  writer.append(unit);
}

// is_set, is_delimiter: of a NAL unit.
template <class IsSet, class IsDelimiter>
Bytes put_in_front(const Bytes& sets, unsigned length_size, Bytes sample, Insertion* inserted, IsSet is_set,
                   IsDelimiter is_delimiter) {
  codecs::NalReader units(sample, length_size);
  const ByteView first = units.next();
  std::size_t at = 0;
  if (!first.empty() && is_delimiter(first))
    at = static_cast<std::size_t>(first.data() - sample.data()) + first.size();
  for (ByteView unit = first; !unit.empty(); unit = units.next()) {
    if (is_set(unit)) return sample;
  }
  sample.insert(sample.begin() + static_cast<std::ptrdiff_t>(at), sets.begin(), sets.end());
  if (inserted != nullptr)
    *inserted = {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(sets.size())};
  return sample;
}

}  // namespace

Bytes with_parameter_sets(const mp4::Track& track, Bytes sample, Insertion* inserted) {
  ByteWriter sets;
  if (track.codec == mp4::Codec::kAvc) {
    const auto avc = codecs::parse_avc_configuration(track.configuration);
    if (!avc) return sample;
    for (const auto& units : {avc->sps, avc->pps}) {
      for (const Bytes& unit : units) append_unit(sets, avc->nal_length_size, unit);
    }
    return put_in_front(
        sets.take(), avc->nal_length_size, std::move(sample), inserted,
        [](ByteView unit) { return codecs::nal_type(unit) == kAvcSps; },
        [](ByteView unit) { return codecs::nal_type(unit) == kAvcDelimiter; });
  }
  if (track.codec == mp4::Codec::kHevc) {
    const auto hevc = codecs::parse_hevc_configuration(track.configuration);
    if (!hevc) return sample;
    for (const auto& units : {hevc->vps, hevc->sps, hevc->pps}) {
      for (const Bytes& unit : units) append_unit(sets, hevc->nal_length_size, unit);
    }
    return put_in_front(
        sets.take(), hevc->nal_length_size, std::move(sample), inserted,
        [](ByteView unit) {
          const std::uint8_t type = codecs::hevc_nal_type(unit);
          return type >= kHevcVps && type <= kHevcPps;
        },
        [](ByteView unit) { return codecs::hevc_nal_type(unit) == kHevcDelimiter; });
  }
  return sample;
}

}  // namespace millrace::recording
