// What a media log holds: samples with their times, and the configurations that describe the tracks.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/wall_time.hpp"

namespace millrace::media {

enum class Codec : std::uint8_t {
  kNone,
  kH264,
  kH265,
  kAv1,
  kVp9,
  kAac,
  kOpus,
  kMp3,
  kFlac,
  kAc3,
  kEac3,
  kData
};

enum class TrackKind : std::uint8_t { kVideo, kAudio, kData };

// Tracks of a log: small numbers, given by the writer. The first video and the first audio track of a
// publication:
inline constexpr std::uint8_t kVideoTrack = 0;
inline constexpr std::uint8_t kAudioTrack = 1;
inline constexpr std::uint8_t kDataTrack = 2;
inline constexpr std::uint8_t kMaxTracks = 16;

// Ticks a second of data.
inline constexpr std::uint32_t kDataTimescale = 1000;
// Larger data messages are for RTMP players alone.
inline constexpr std::uint32_t kMaxEventMessage = 8192;

enum SampleFlag : std::uint16_t {
  kSampleKey = 1 << 0,           // decoding can begin here; every sample of sound
  kSampleSegmentStart = 1 << 1,  // the first record of its segment
  // The first record after a break of the timeline or a change of configuration.
  kSampleDiscontinuity = 1 << 2,
  kSampleRepaired = 1 << 3,  // the encoder's time stamp was not usable as it came and was corrected
  // With kSampleKey: a decoder that begins here has whole pictures only after a while (open GOP, intra
  // refresh).
  kSampleRecovery = 1 << 4,
  // With kSampleSegmentStart: there is a configuration of the first video (audio) track, and no sample of it
  // yet. If it has none in this segment either, the segment is without it.
  kSampleNoVideoYet = 1 << 5,
  kSampleNoAudioYet = 1 << 6,
  // With kSampleRecovery: no I picture, so it refers to others itself (intra refresh).
  kSampleRefresh = 1 << 7,
  // No sample: the stream has nothing for gap_us. In logs of the role kSlate only, which have nothing else.
  kSampleGap = 1 << 8,
  // With kSampleGap: the last record of its segment.
  kSampleSegmentEnd = 1 << 9,
  // Of pictures: the track has had captions of this kind by now (CEA-608's channels, CEA-708's first
  // service). Once set, of every later record of the track.
  kSampleCaptionsCc1 = 1 << 10,
  kSampleCaptionsCc2 = 1 << 11,
  kSampleCaptionsCc3 = 1 << 12,
  kSampleCaptionsCc4 = 1 << 13,
  kSampleCaptionsService1 = 1 << 14,
  // Of sound: there is no configuration of the first video track yet.
  kSampleNoPicture = 1 << 15,
};
// These flags in the order of codecs::Captions, which has them from bit 0 on.
inline constexpr unsigned kSampleCaptionsShift = 10;
inline constexpr std::uint16_t kSampleCaptions = 0x1F << kSampleCaptionsShift;

// A sync sample as MP4 has it: it and all that follow can be decoded without what was before.
constexpr bool is_sync(std::uint16_t flags) {
  return (flags & (kSampleKey | kSampleRecovery)) == kSampleKey;
}

// The I picture of an open GOP: it can be decoded by itself, and so can all that is shown after it.
constexpr bool is_open_gop(std::uint16_t flags) {
  return (flags & (kSampleKey | kSampleRecovery | kSampleRefresh)) == (kSampleKey | kSampleRecovery);
}

constexpr bool is_gap(std::uint16_t flags) {
  return (flags & kSampleGap) != 0;
}

// One sample as the index holds it. Plain data of fixed size; lives in shared memory. Payload bytes are the
// codec's sample as MP4 has it (length-prefixed NAL units, raw AAC frame). Right before the payload stand
// prefix_size bytes: the RTMP chunk header (type 0, message stream id 1) and the FLV tag header, so that
// [offset - prefix_size, offset + size) is a whole RTMP message in one chunk.
//
// A gap has neither payload nor configuration. It is written when it is over, so that it says all of itself;
// its dts counts microseconds.
struct SampleRecord {
  std::uint64_t sequence;   // of the record in its log, from first_sequence, without a gap
  std::int64_t dts;         // decode time in units of the track's timescale, strictly increasing per track
  std::int64_t arrival_us;  // CLOCK_MONOTONIC when it came to its writer: retention and slowness go by it
  // When the last byte of the frame that it is or was made from was received from the publisher, on the clock
  // of the log's clock domain: latency goes by it. Of a source's record the same as arrival_us.
  std::int64_t origin_arrival_us;
  // Decode time mapped to CLOCK_REALTIME: smooth, anchored at each discontinuity.
  WallTime presented_wall;
  // Number of its track's segment that it belongs to: grows over all logs of a series.
  std::uint64_t media_sequence;
  std::uint32_t discontinuity_sequence;  // grows over all logs of a series
  // Presentation minus decode time, timescale units; may be negative. Of data nothing is presented: how far
  // the timeline is ahead of the encoder's clock by then, milliseconds modulo 2^32 (encoder_timestamp_ms).
  std::int32_t composition_offset;
  std::uint32_t wire_timestamp_ms;  // RTMP timestamp a player is given: the unwrapped timeline, low 32 bits
  std::uint32_t configuration;      // index of the track's configuration in force (LogReader::configuration)
  std::uint32_t block;              // first block of the payload in the arena
  std::uint32_t generation;         // of that block
  std::uint32_t offset;             // of the payload, from the block's first byte
  std::uint32_t size;               // of the payload
  // Running number of its track's part, from 1; 0 where the log had no part target yet, and of data.
  std::uint32_t part;
  std::uint16_t flags;  // SampleFlag
  std::uint8_t track;
  std::uint8_t prefix_size;
  // Of the first video and the first audio track, whatever track the record is of: 1 + the index of the
  // configuration in force, 0 where there is none. Filled in by LogWriter::commit.
  std::array<std::uint16_t, 2> in_force;
  std::uint32_t gap_us;  // of a gap: how long it is; 0 of a sample
};
static_assert(sizeof(SampleRecord) == 96);

// What the encoder's own clock shows at a record of data, low 32 bits: it and the timeline part where the
// encoder's clock jumps.
constexpr std::uint32_t encoder_timestamp_ms(const SampleRecord& data) {
  return data.wire_timestamp_ms - static_cast<std::uint32_t>(data.composition_offset);
}

// What a track has at a record, also while it is silent. track: kVideoTrack or kAudioTrack. Consumers bound
// the index by the log's configuration_count.
constexpr std::optional<std::uint32_t> configuration_in_force(const SampleRecord& record,
                                                              std::uint8_t track) {
  const std::uint16_t told = record.in_force.at(track);
  return told == 0 ? std::nullopt : std::optional<std::uint32_t>(told - 1U);
}

// How pictures are to be shown, as far as the writer knows it from elsewhere than the configuration's bytes:
// the encoder's metadata, messages in key frames. What the bytes say goes before it. Units as in
// codecs/colour.hpp.
struct PictureColour {
  enum Told : std::uint8_t { kColour = 1, kMastering = 2, kLight = 4 };
  std::uint8_t told;  // bits of Told: the fields that count
  std::uint8_t primaries;
  std::uint8_t transfer;
  std::uint8_t matrix;
  std::array<std::uint16_t, 8> chromaticity;
  std::uint32_t max_luminance;
  std::uint32_t min_luminance;
  std::uint16_t max_content_light;
  std::uint16_t max_average_light;

  bool operator==(const PictureColour&) const = default;
};

// What people see of a track. Zero-terminated, the rest zeros.
struct TrackLabel {
  std::array<char, 16> language;  // BCP 47 (base/language_tag.hpp)
  std::array<char, 40> name;      // UTF-8 without control characters

  bool operator==(const TrackLabel&) const = default;
};

// Everything a consumer must know about a track before it can use samples: an entry of the log's
// configuration area, which is never recycled while the log exists. bytes (avcC, AudioSpecificConfig,
// onMetaData as AMF0) follow in the log with a prefix like a sample's, so that players can be served it as it
// is.
struct TrackConfiguration {
  std::uint32_t index;  // in its log, from 0
  std::uint8_t track;
  TrackKind kind;
  Codec codec;
  std::uint8_t prefix_size;
  std::uint32_t timescale;
  std::uint32_t size;
  std::uint32_t width;        // video
  std::uint32_t height;       // video
  std::uint32_t sample_rate;  // audio
  std::uint32_t channels;     // audio
  // The first segment it was in force in; 0: from the log's first record on (known before any sample). A
  // track that goes back to it later is told by the records alone (SampleRecord::in_force).
  std::uint64_t media_sequence;
  PictureColour picture;  // video
  TrackLabel label;

  bool operator==(const TrackConfiguration&) const = default;
};

// Enhanced RTMP's metadata frame or speaker map, kept on the data track beside onMetaData.
constexpr bool is_annotation(const TrackConfiguration& description) {
  return description.kind == TrackKind::kData && description.codec == Codec::kNone;
}

}  // namespace millrace::media
