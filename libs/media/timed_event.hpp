// What an encoder's data message says to players at a moment: a splice of SCTE 35, or anything else as text.
// Pure; input is outside data and may hold anything.
//
//   onSCTE35, onCuePoint, onAdCue     with a splice_info_section in them, base64 or hexadecimal: kSplice
//   onTextData, onCuePoint, onAdCue,  otherwise: kText, an ID3 tag with the message's name and its value
//   onUserDataEvent, onCaption        as JSON
//
// Where in a message the section stands is each encoder's own: whatever text in it is one, with the CRC, is
// it.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "codecs/scte35.hpp"
#include "media/sample.hpp"

namespace millrace::media {

struct TimedEvent {
  enum class Kind : std::uint8_t { kSplice, kText };

  Kind kind = Kind::kText;
  Bytes message;              // the section, or an ID3v2.4 tag with a TXXX frame
  codecs::SpliceInfo splice;  // kSplice
  // How much later than the message's own time it happens: encoders tell of breaks beforehand ("time",
  // "pre_roll_time_sec").
  std::int64_t delay_us = 0;

  bool operator==(const TimedEvent&) const = default;
};

inline constexpr std::size_t kMaxEventText = 4096;  // bytes of JSON
inline constexpr std::int64_t kMaxEventDelayUs = 60'000'000;

// What came of a data message.
struct EventReading {
  std::optional<TimedEvent> event;
  bool refused = false;  // it is of those above, and damaged or too large
};

// payload: as the log has it. timestamp_ms: what the encoder's clock shows at it
// (encoder_timestamp_ms).
EventReading read_timed_event(ByteView payload, std::uint32_t timestamp_ms);

// Events of one segment that players are given: the first ones. A recording keeps the messages of these
// alone, and who reads it gives the same as who reads the log. Pure.
class EventLimits {
 public:
  static constexpr std::size_t kMaxTexts = 64;
  static constexpr std::size_t kMaxSplices = 16;
  static constexpr std::size_t kMaxBytes = (kMaxTexts + kMaxSplices) * kMaxEventMessage;

  // The next one in the log. False: one more than its segment has.
  bool take(std::uint64_t media_sequence, TimedEvent::Kind kind);

 private:
  std::uint64_t media_sequence_ = 0;
  std::size_t texts_ = 0, splices_ = 0;
};

}  // namespace millrace::media
