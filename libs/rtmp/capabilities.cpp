#include "rtmp/capabilities.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace millrace::rtmp {

namespace {

constexpr std::uint8_t kEverything = kCanDecode | kCanEncode | kCanForward;
constexpr std::array kVideoCodecs = {fourcc::kAvc, fourcc::kHevc, fourcc::kAv1, fourcc::kVp9};
constexpr std::array kAudioCodecs = {fourcc::kAac,  fourcc::kMp3, fourcc::kOpus,
                                     fourcc::kFlac, fourcc::kAc3, fourcc::kEac3};

FourCc codec_of(std::string_view name) {
  if (name == "*") return kAnyCodec;
  return name.size() == 4 ? make_fourcc(name) : fourcc::kNone;
}

void add(std::vector<CodecSupport>& list, FourCc codec, std::uint8_t flags) {
  if (codec == fourcc::kNone || list.size() >= PeerCapabilities::kMaxCodecs) return;
  const auto found = std::find_if(list.begin(), list.end(),
                                  [codec](const CodecSupport& known) { return known.codec == codec; });
  if (found != list.end()) {
    found->flags |= flags;
  } else {
    list.push_back({codec, flags});
  }
}

// A flag field sent as a number; nothing for anything else.
std::uint32_t flags_of(const amf0::Value* value) {
  const double* number = value != nullptr ? value->as<double>() : nullptr;
  if (number == nullptr || !(*number >= 0 && *number <= UINT32_MAX)) return 0;
  return static_cast<std::uint32_t>(*number);
}

// E-RTMP v1: codecs of either kind; the peer can do with them whatever it does.
bool read_list(const amf0::Object& object, PeerCapabilities& peer) {
  const amf0::Value* value = object.find("fourCcList");
  const auto* list = value != nullptr ? value->as<amf0::StrictArray>() : nullptr;
  if (list == nullptr) return false;
  for (const amf0::Value& entry : list->values) {
    const auto* name = entry.as<std::string>();
    if (name == nullptr) continue;
    add(peer.video, codec_of(*name), kEverything);
    add(peer.audio, codec_of(*name), kEverything);
  }
  return true;
}

bool read_map(const amf0::Object& object, std::string_view name, std::vector<CodecSupport>& list) {
  const amf0::Value* value = object.find(name);
  const auto* map = value != nullptr ? value->as<amf0::Object>() : nullptr;
  if (map == nullptr) return false;
  for (const amf0::Property& entry : map->properties)
    add(list, codec_of(entry.name), static_cast<std::uint8_t>(flags_of(&entry.value) & kEverything));
  return true;
}

void save_list(const std::vector<CodecSupport>& list, ByteWriter& out) {
  out.u8(static_cast<std::uint8_t>(list.size()));
  for (const CodecSupport& support : list) {
    out.u32(support.codec);
    out.u8(support.flags);
  }
}

bool restore_list(ByteReader& reader, std::vector<CodecSupport>& list) {
  const std::size_t count = reader.u8();
  if (count > PeerCapabilities::kMaxCodecs) return false;
  list.resize(count);
  for (CodecSupport& support : list) {
    support.codec = reader.u32();
    support.flags = reader.u8();
  }
  return reader.ok();
}

template <std::size_t kCount>
amf0::Object info_map(const std::array<FourCc, kCount>& codecs) {
  amf0::Object map;
  for (const FourCc codec : codecs)
    map.properties.push_back({fourcc_text(codec), static_cast<double>(kCanForward)});
  return map;
}

}  // namespace

bool PeerCapabilities::plays(MessageType type, FourCc codec) const {
  const std::vector<CodecSupport>& list = type == MessageType::kVideo ? video : audio;
  return std::any_of(list.begin(), list.end(), [codec](const CodecSupport& support) {
    const bool named = support.codec == codec || support.codec == kAnyCodec;
    return named && (support.flags & (kCanDecode | kCanForward)) != 0;
  });
}

PeerCapabilities parse_capabilities(const amf0::Object& object) {
  PeerCapabilities peer;
  const bool list = read_list(object, peer);
  const bool video = read_map(object, "videoFourCcInfoMap", peer.video);
  const bool audio = read_map(object, "audioFourCcInfoMap", peer.audio);
  const amf0::Value* caps_ex = object.find("capsEx");
  peer.caps_ex = flags_of(caps_ex);
  peer.announced = list || video || audio || caps_ex != nullptr;
  return peer;
}

void append_server_capabilities(amf0::Object& object) {
  amf0::StrictArray list;
  for (const FourCc codec : kVideoCodecs) list.values.emplace_back(fourcc_text(codec));
  for (const FourCc codec : kAudioCodecs) list.values.emplace_back(fourcc_text(codec));
  constexpr std::uint32_t kCaps = kCapsReconnect | kCapsMultitrack | kCapsModEx | kCapsTimestampNanoOffset;
  object.properties.push_back({"fourCcList", std::move(list)});
  object.properties.push_back({"videoFourCcInfoMap", info_map(kVideoCodecs)});
  object.properties.push_back({"audioFourCcInfoMap", info_map(kAudioCodecs)});
  object.properties.push_back({"capsEx", static_cast<double>(kCaps)});
}

void PeerCapabilities::save(ByteWriter& out) const {
  out.u8(announced ? 1 : 0);
  save_list(video, out);
  save_list(audio, out);
  out.u32(caps_ex);
}

bool PeerCapabilities::restore(ByteReader& reader) {
  announced = reader.u8() != 0;
  if (!restore_list(reader, video) || !restore_list(reader, audio)) return false;
  caps_ex = reader.u32();
  return reader.ok();
}

}  // namespace millrace::rtmp
