#include "codecs/parameter_sets.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "base/bits.hpp"
#include "codecs/h265.hpp"

namespace millrace::codecs {
namespace {

constexpr std::size_t kMaxSetSize = 0xFFFF;  // of the records' lengths

std::uint8_t type_of(NalCodec codec, ByteView nal) {
  return codec == NalCodec::kH264 ? nal_type(nal) : hevc_nal_type(nal);
}

std::optional<std::uint32_t> id_at(ByteView nal, std::size_t at) {
  if (nal.size() <= at) return std::nullopt;
  BitReader reader(nal.subspan(at));
  const std::uint32_t id = reader.ue();
  return reader.ok() ? std::optional(id) : std::nullopt;
}

template <class Sps>
std::optional<std::uint32_t> id_of_sps(const Result<Sps>& sps) {
  return sps ? std::optional(sps->id) : std::nullopt;
}

std::optional<std::uint32_t> id_of(NalCodec codec, ByteView nal) {
  if (codec == NalCodec::kH264)
    return nal_type(nal) == kNalSequenceParameterSet ? id_of_sps(parse_sps(nal)) : id_at(nal, 1);
  switch (hevc_nal_type(nal)) {
    case kHevcVideoParameterSet:
      return nal.size() > 2 ? std::optional<std::uint32_t>(nal[2] >> 4) : std::nullopt;
    case kHevcSequenceParameterSet:
      return id_of_sps(parse_hevc_sps(nal));
    default:
      return id_at(nal, 2);
  }
}

template <class Sets>
void append_sets(ByteWriter& out, const Sets& sets) {
  for (const auto* set : sets) {
    out.u16(static_cast<std::uint16_t>(set->nal.size()));
    out.append(set->nal);
  }
}

}  // namespace

bool is_parameter_set(NalCodec codec, ByteView nal) {
  const std::uint8_t type = type_of(codec, nal);
  if (codec == NalCodec::kH264) return type == kNalSequenceParameterSet || type == kNalPictureParameterSet;
  return type >= kHevcVideoParameterSet && type <= kHevcPictureParameterSet;
}

void ParameterSets::take(ByteView nal) {
  if (!is_parameter_set(codec_, nal) || nal.size() > kMaxSetSize) return;
  const std::optional<std::uint32_t> id = id_of(codec_, nal);
  if (!id) return;
  const std::uint8_t type = type_of(codec_, nal);
  const auto same = std::find_if(sets_.begin(), sets_.end(),
                                 [&](const Set& set) { return set.type == type && set.id == *id; });
  const std::size_t freed = same == sets_.end() ? 0 : same->nal.size();
  if (bytes_ - freed + nal.size() > kMaxBytes) return;
  if (same == sets_.end() && sets_.size() == kMaxSets) return;
  if (same != sets_.end()) sets_.erase(same);
  bytes_ = bytes_ - freed + nal.size();
  sets_.insert(sets_.begin(), {type, *id, Bytes(nal.begin(), nal.end())});
}

void ParameterSets::take_record(ByteView record) {
  // The first SPS of a record says what the picture is: it must come last here.
  const auto take_all = [this](const std::vector<Bytes>& sets) {
    for (auto set = sets.rbegin(); set != sets.rend(); ++set) take(*set);
  };
  if (codec_ == NalCodec::kH264) {
    const auto avc = parse_avc_configuration(record);
    if (!avc) return;
    take_all(avc->pps);
    take_all(avc->sps);
    return;
  }
  const auto hevc = parse_hevc_configuration(record);
  if (!hevc) return;
  take_all(hevc->vps);
  take_all(hevc->pps);
  take_all(hevc->sps);
}

void ParameterSets::take_sample(const NalSample& sample) {
  std::vector<ByteView> found;
  sample.for_each([&](ByteView nal) {
    if (found.size() < kMaxSets && is_parameter_set(codec_, nal)) found.push_back(nal);
  });
  for (auto nal = found.rbegin(); nal != found.rend(); ++nal) take(*nal);
}

std::vector<const ParameterSets::Set*> ParameterSets::of_type(std::uint8_t type) const {
  std::vector<const Set*> found;
  for (const Set& set : sets_) {
    if (set.type == type) found.push_back(&set);
  }
  return found;
}

Bytes ParameterSets::record(unsigned nal_length_size) const {
  return codec_ == NalCodec::kH264 ? avcc(nal_length_size) : hvcc(nal_length_size);
}

Bytes ParameterSets::avcc(unsigned nal_length_size) const {
  constexpr std::uint8_t kHighProfile = 100;
  constexpr std::size_t kMaxSps = 31;
  auto sps_sets = of_type(kNalSequenceParameterSet);
  const auto pps_sets = of_type(kNalPictureParameterSet);
  if (sps_sets.empty() || pps_sets.empty()) return {};
  if (sps_sets.size() > kMaxSps) sps_sets.resize(kMaxSps);
  const auto sps = parse_sps(sps_sets.front()->nal);
  if (!sps) return {};
  ByteWriter out;
  out.u8(1);
  out.u8(sps->profile);
  out.u8(sps->compatibility);
  out.u8(sps->level);
  out.u8(static_cast<std::uint8_t>(0xFC | (nal_length_size - 1)));
  out.u8(static_cast<std::uint8_t>(0xE0 | sps_sets.size()));
  append_sets(out, sps_sets);
  out.u8(static_cast<std::uint8_t>(pps_sets.size()));
  append_sets(out, pps_sets);
  // The profiles above it have their depth in the SPS alone; readers do without.
  if (sps->profile == kHighProfile) {
    out.u8(static_cast<std::uint8_t>(0xFC | sps->chroma_format));
    out.u8(0xF8);  // 8 bits
    out.u8(0xF8);
    out.u8(0);
  }
  return out.take();
}

Bytes ParameterSets::hvcc(unsigned nal_length_size) const {
  constexpr std::size_t kProfileAt = 3;  // behind the NAL unit's header, id, sub-layers, nesting
  constexpr std::size_t kProfileSize = 12;
  const std::array types = {kHevcVideoParameterSet, kHevcSequenceParameterSet, kHevcPictureParameterSet};
  for (const HevcNalType type : types) {
    if (of_type(type).empty()) return {};
  }
  const Bytes& nal = of_type(kHevcSequenceParameterSet).front()->nal;
  const auto sps = parse_hevc_sps(nal);
  const Bytes plain = strip_emulation_prevention(nal);
  if (!sps || plain.size() < kProfileAt + kProfileSize) return {};
  const unsigned temporal_layers = (plain[2] >> 1 & 7U) + 1;
  const unsigned nested = plain[2] & 1U;
  ByteWriter out;
  out.u8(1);
  out.append(ByteView(plain).subspan(kProfileAt, kProfileSize));
  out.u16(0xF000);  // min_spatial_segmentation_idc: not known
  out.u8(0xFC);     // parallelismType: not known
  out.u8(static_cast<std::uint8_t>(0xFC | sps->chroma_format));
  out.u8(static_cast<std::uint8_t>(0xF8 | (sps->bit_depth - 8)));
  out.u8(static_cast<std::uint8_t>(0xF8 | (sps->bit_depth - 8)));
  out.u16(0);  // avgFrameRate: not known
  out.u8(static_cast<std::uint8_t>(temporal_layers << 3 | nested << 2 | (nal_length_size - 1)));
  out.u8(static_cast<std::uint8_t>(types.size()));
  for (const HevcNalType type : types) {
    const auto sets = of_type(type);
    out.u8(0x80 | type);  // complete
    out.u16(static_cast<std::uint16_t>(sets.size()));
    append_sets(out, sets);
  }
  return out.take();
}

bool holds_parameter_sets(NalCodec codec, ByteView record, const NalSample& sample) {
  bool all = true;
  sample.for_each([&](ByteView nal) {
    if (!all || !is_parameter_set(codec, nal)) return;
    const std::array<std::uint8_t, 2> size = {static_cast<std::uint8_t>(nal.size() >> 8),
                                              static_cast<std::uint8_t>(nal.size())};
    for (auto at = record.begin(); all; ++at) {
      at = std::search(at, record.end(), nal.begin(), nal.end());
      all = at != record.end();
      if (all && at - record.begin() >= 2 && std::equal(size.begin(), size.end(), at - 2)) return;
    }
  });
  return all;
}

}  // namespace millrace::codecs
