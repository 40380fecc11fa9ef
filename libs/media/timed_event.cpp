#include "media/timed_event.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "base/base64.hpp"
#include "rtmp/amf0.hpp"
#include "rtmp/amf0_json.hpp"

namespace millrace::media {
namespace {

namespace amf0 = rtmp::amf0;

struct MessageName {
  std::string_view name;
  bool may_splice;
  bool may_text;
};
constexpr std::array kNames = {
    MessageName{"onSCTE35", true, false},        MessageName{"onCuePoint", true, true},
    MessageName{"onAdCue", true, true},          MessageName{"onTextData", false, true},
    MessageName{"onUserDataEvent", false, true}, MessageName{"onCaption", false, true},
};
// Of objects in a message that are looked into, and properties of each.
constexpr unsigned kMaxObjectDepth = 3;
constexpr std::size_t kMaxProperties = 64;
constexpr std::size_t kMaxSpliceText = codecs::kMaxSpliceInfoSection * 2 + 2;

std::optional<Bytes> section_in(std::string_view text) {
  if (text.size() > kMaxSpliceText) return std::nullopt;
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  std::optional<Bytes> bytes = hex ? decode_hex(text.substr(2)) : decode_base64(text);
  if (!bytes || !codecs::parse_splice_info(*bytes)) return std::nullopt;
  return bytes;
}

std::optional<Bytes> find_section(const amf0::Value& value, unsigned depth = 0) {
  if (const auto* const text = value.as<std::string>()) return section_in(*text);
  const auto* const object = value.as<amf0::Object>();
  if (object == nullptr || depth == kMaxObjectDepth) return std::nullopt;
  for (std::size_t i = 0; i < std::min(object->properties.size(), kMaxProperties); ++i) {
    if (auto section = find_section(object->properties[i].value, depth + 1)) return section;
  }
  return std::nullopt;
}

std::optional<double> seconds_of(const amf0::Value& value, std::string_view name) {
  const auto* const object = value.as<amf0::Object>();
  const amf0::Value* const found = object == nullptr ? nullptr : object->find(name);
  const double* const seconds = found == nullptr ? nullptr : found->as<double>();
  if (seconds == nullptr || !std::isfinite(*seconds)) return std::nullopt;
  return *seconds;
}

// A time that is no moment soon after the message is of another clock, or nothing.
std::int64_t delay_us(const amf0::Value& value, std::uint32_t timestamp_ms) {
  constexpr double kMicroseconds = 1e6;
  double seconds = seconds_of(value, "pre_roll_time_sec").value_or(0);
  if (const auto time = seconds_of(value, "time")) seconds = *time - timestamp_ms / 1e3;
  const double us = std::round(seconds * kMicroseconds);
  return us > 0 && us <= static_cast<double>(kMaxEventDelayUs) ? static_cast<std::int64_t>(us) : 0;
}

// ID3v2.4.0 3.1, 4.2.6: lengths of seven bits a byte.
void write_id3_size(ByteWriter& writer, std::size_t size) {
  for (const unsigned shift : {21U, 14U, 7U, 0U}) writer.u8(static_cast<std::uint8_t>(size >> shift & 0x7F));
}

Bytes id3_tag(std::string_view description, std::string_view text) {
  constexpr std::uint8_t kUtf8 = 3;
  constexpr std::size_t kFrameHeader = 10;
  const std::size_t frame = 1 + description.size() + 1 + text.size();
  ByteWriter writer(2 * kFrameHeader + frame);
  writer.text("ID3");
  writer.u16(0x0400);
  writer.u8(0);
  write_id3_size(writer, kFrameHeader + frame);
  writer.text("TXXX");
  write_id3_size(writer, frame);
  writer.u16(0);
  writer.u8(kUtf8);
  writer.text(description);
  writer.u8(0);
  writer.text(text);
  return writer.take();
}

}  // namespace

EventReading read_timed_event(ByteView payload, std::uint32_t timestamp_ms) {
  amf0::Reader reader(payload);
  const auto name = reader.read();
  const auto* const text = name ? name->as<std::string>() : nullptr;
  if (text == nullptr) return {};
  const auto* const known =
      std::find_if(kNames.begin(), kNames.end(), [&](const MessageName& one) { return one.name == *text; });
  if (known == kNames.end()) return {};
  if (payload.size() > kMaxEventMessage) return {std::nullopt, true};
  const auto value = reader.empty() ? Result<amf0::Value>(amf0::Null{}) : reader.read();
  if (!value) return {std::nullopt, true};
  TimedEvent event;
  event.delay_us = delay_us(*value, timestamp_ms);
  if (auto section = known->may_splice ? find_section(*value) : std::nullopt) {
    event.kind = TimedEvent::Kind::kSplice;
    event.splice = *codecs::parse_splice_info(*section);
    event.message = std::move(*section);
    return {std::move(event), false};
  }
  const auto json = known->may_text ? amf0::to_json(*value, kMaxEventText) : std::nullopt;
  if (!json) return {std::nullopt, true};
  event.message = id3_tag(*text, *json);
  return {std::move(event), false};
}

bool EventLimits::take(std::uint64_t media_sequence, TimedEvent::Kind kind) {
  if (media_sequence != media_sequence_) *this = {};
  media_sequence_ = media_sequence;
  const bool splice = kind == TimedEvent::Kind::kSplice;
  std::size_t& taken = splice ? splices_ : texts_;
  if (taken == (splice ? kMaxSplices : kMaxTexts)) return false;
  ++taken;
  return true;
}

}  // namespace millrace::media
