#include "rtmp/media_message.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <initializer_list>
#include <string_view>
#include <system_error>

#include "rtmp/amf0.hpp"
#include "rtmp/chunk_writer.hpp"

namespace millrace::rtmp {

namespace {

constexpr std::string_view kSetDataFrame = "@setDataFrame";
constexpr std::size_t kMaxText = 256;

std::uint32_t chunk_stream_of(MessageType type) {
  switch (type) {
    case MessageType::kAudio:
      return kAudioChunkStream;
    case MessageType::kVideo:
      return kVideoChunkStream;
    default:
      return kDataChunkStream;
  }
}

std::optional<double> number(const amf0::Object& object, std::string_view name, double max) {
  const amf0::Value* value = object.find(name);
  const double* found = value != nullptr ? value->as<double>() : nullptr;
  if (found == nullptr || !std::isfinite(*found) || *found < 0 || *found > max) return std::nullopt;
  return *found;
}

std::string text_of(const amf0::Object& object, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    const amf0::Value* const value = object.find(name);
    const std::string* const text = value != nullptr ? value->as<std::string>() : nullptr;
    if (text != nullptr && !text->empty()) return text->substr(0, kMaxText);
  }
  return {};
}

// E-RTMP v2 "Enhancing onMetaData": objects by track ids. Which properties an object has is the encoder's.
void read_labels(const amf0::Object& metadata, std::string_view map, MessageType type,
                 std::vector<Metadata::Label>& labels) {
  const amf0::Value* const value = metadata.find(map);
  const auto* const tracks = value != nullptr ? value->as<amf0::Object>() : nullptr;
  if (tracks == nullptr) return;
  for (const amf0::Property& track : tracks->properties) {
    const auto* const described = track.value.as<amf0::Object>();
    Metadata::Label label;
    const char* const end = track.name.data() + track.name.size();
    const auto [rest, error] = std::from_chars(track.name.data(), end, label.track_id);
    if (described == nullptr || error != std::errc() || rest != end) continue;
    label.type = type;
    label.language = text_of(*described, {"language", "lang"});
    label.name = text_of(*described, {"title", "name", "label"});
    if (label.language.empty() && label.name.empty()) continue;
    if (labels.size() == Metadata::kMaxLabels) return;
    labels.push_back(std::move(label));
  }
}

Metadata read_metadata(const amf0::Object& object) {
  constexpr double kMaxDimension = 65'536;
  constexpr double kMaxFrameRate = 1'000;
  constexpr double kMaxKbps = 1e7;
  constexpr double kMaxSampleRate = 1e6;
  constexpr double kMaxSeconds = 1e9;
  Metadata metadata;
  metadata.width = number(object, "width", kMaxDimension);
  metadata.height = number(object, "height", kMaxDimension);
  metadata.frame_rate = number(object, "framerate", kMaxFrameRate);
  metadata.video_kbps = number(object, "videodatarate", kMaxKbps);
  metadata.audio_kbps = number(object, "audiodatarate", kMaxKbps);
  metadata.audio_sample_rate = number(object, "audiosamplerate", kMaxSampleRate);
  metadata.duration_seconds = number(object, "duration", kMaxSeconds);
  metadata.encoder = text_of(object, {"encoder"});
  read_labels(object, "audioTrackIdInfoMap", MessageType::kAudio, metadata.labels);
  read_labels(object, "videoTrackIdInfoMap", MessageType::kVideo, metadata.labels);
  return metadata;
}

}  // namespace

// Adobe RTMP 1.0, 5.3.1.2.1; the message stream id is little endian.
MediaChunkHeader media_chunk_header(MessageType type, std::uint32_t timestamp_ms, std::uint32_t body_size,
                                    std::uint32_t message_stream_id) {
  constexpr std::uint32_t kMark = MediaChunkHeader::kExtendedMark;
  // Big-endian but for the message stream's id.
  const std::array<std::uint32_t, 4> words{
      __builtin_bswap32(chunk_stream_of(type) << 24 | std::min(timestamp_ms, kMark)),
      __builtin_bswap32(body_size << 8 | static_cast<std::uint32_t>(type)), message_stream_id,
      __builtin_bswap32(timestamp_ms)};
  MediaChunkHeader header;
  static_assert(sizeof(words) == MediaChunkHeader::kMaxSize && std::endian::native == std::endian::little);
  std::memcpy(header.bytes_.data(), words.data(), sizeof(words));
  header.size_ = MediaChunkHeader::size_for(timestamp_ms);
  return header;
}

Result<DataMessage> parse_data_message(ByteView body) {
  amf0::Reader reader(body);
  DataMessage message;
  auto name = reader.read();
  if (name && name->as<std::string>() != nullptr && *name->as<std::string>() == kSetDataFrame) {
    message.payload_begin = body.size() - reader.remaining();
    name = reader.read();
  }
  if (!name) return tl::unexpected(std::move(name.error()));
  if (name->as<std::string>() == nullptr) return fail("rtmp.amf0", "a data message without a name");
  message.name = *name->as<std::string>();
  if (message.name != "onMetaData" || reader.empty()) return message;
  const auto value = reader.read();
  if (!value) return tl::unexpected(value.error());
  if (const auto* object = value->as<amf0::Object>(); object != nullptr)
    message.metadata = read_metadata(*object);
  return message;
}

}  // namespace millrace::rtmp
