// Records of a media log as a recording keeps them, in a 'uuid' box behind each fragment (ISO/IEC 14496-12
// 4.2), and of a finished file behind the media: what MP4 has no place for. With the bytes of the samples,
// which are the file's, whoever reads it has what a reader of the log would have had: the same segments,
// parts and names can be derived from it after the log has let go of them.
//
// A box stands for itself: it names its log, and has the configurations that its records refer to.
// Pure. What reads is total: any bytes give a value or nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/publication_ids.hpp"
#include "media/sample.hpp"

namespace millrace::media {

struct RecordedSample {
  // Without what belongs to a place in the arena and to RTMP: block, generation, offset, prefix_size and
  // in_force are 0, and so is wire_timestamp_ms where there is no data. size: of the log's payload.
  SampleRecord record;
  bool in_file = false;  // false: its bytes were not recorded
  // Parameter sets that the file has within the payload, and the log had not: so many bytes, there.
  std::uint32_t inserted_at = 0;
  std::uint32_t inserted_bytes = 0;
  // Of a data message of at most kMaxEventMessage: its bytes, which are in no track of the file.
  Bytes data{};

  std::uint64_t file_bytes() const { return in_file ? std::uint64_t{record.size} + inserted_bytes : 0; }
};

struct RecordedConfiguration {
  TrackConfiguration description;
  Bytes bytes;
};

// What a log's slot says that lists need (LogInfo).
struct RecordedLog {
  PublicationId publication_id{};
  std::uint32_t incarnation = 0;
  bool is_private = false;
  std::uint64_t first_sequence = 0;
  std::uint32_t target_duration_s = 0;
  std::uint32_t part_target_us = 0;
  std::uint64_t first_dependent_segment = 0;

  bool operator==(const RecordedLog&) const = default;
};

struct RecordedPiece {
  RecordedLog log;
  // Bytes of samples in the file's fragments before this one: in a finished file, which has them all in a
  // row, where those of this piece begin.
  std::uint64_t bytes_before = 0;
  std::vector<RecordedConfiguration> configurations;
  // In the log's order. In the file the samples of one track stand in a row, tracks by number.
  std::vector<RecordedSample> samples;
};

// A longer box is neither written nor read.
inline constexpr std::size_t kMaxRecordedBox = 1U << 20;

// The whole box; empty where it would be longer than kMaxRecordedBox.
Bytes write_recorded_piece(const RecordedPiece& piece);
// payload: of a 'uuid' box, without its header. nullopt: it is another one, or damaged. With all samples in
// it, or none. Decode times are within 2^42, others within 2^53 microseconds, sizes within a fragment's.
std::optional<RecordedPiece> read_recorded_piece(ByteView payload);
// Whether it is one of these boxes, by its first 16 bytes.
bool is_recorded_piece(ByteView payload);

// Where the bytes of each sample begin among those of the piece; of one that is not in the file 0.
std::vector<std::uint64_t> places_in_file(const std::vector<RecordedSample>& samples);

}  // namespace millrace::media
