// Messages for players in front of a movie fragment: emsg, ISO/IEC 23009-1 5.10.3.3, version 1.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace millrace::mp4 {

// Timed metadata in CMAF (AOM), and SCTE 214-3.
inline constexpr std::string_view kId3Scheme = "https://aomedia.org/emsg/ID3";
inline constexpr std::string_view kSpliceScheme = "urn:scte:scte35:2013:bin";

struct EventMessage {
  static constexpr std::uint32_t kUnknownDuration = 0xFFFFFFFF;

  std::string scheme;
  std::string value;
  std::uint32_t timescale = 1;
  std::uint64_t presentation_time = 0;
  std::uint32_t duration = kUnknownDuration;
  std::uint32_t id = 0;
  Bytes message;

  bool operator==(const EventMessage&) const = default;
};

void write_event_message(ByteWriter& writer, const EventMessage& event);
// payload: of an emsg. nullopt: damaged, or of another version.
std::optional<EventMessage> read_event_message(ByteView payload);

}  // namespace millrace::mp4
