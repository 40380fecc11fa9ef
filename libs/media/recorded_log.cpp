#include "media/recorded_log.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "containers/mp4/box_writer.hpp"
#include "containers/mp4/fragment.hpp"

namespace millrace::media {
namespace {

constexpr std::array<std::uint8_t, 16> kUuid = {0x6D, 0x69, 0x6C, 0x6C, 0x72, 0x61, 0x63, 0x65,
                                                0x5B, 0x0F, 0x43, 0xD2, 0xA6, 0x1E, 0x7C, 0x94};
// The second has what the first has no place for; what does not need it is written as the first.
constexpr std::uint32_t kFirstVersion = 1;
constexpr std::uint32_t kVersion = 2;
constexpr std::size_t kLeastSampleBytes = 6;
constexpr std::size_t kLeastConfigurationBytes = 8 + 7 * 4 + 8;

// What a sample says beyond its times and size, in its first byte.
enum Part : std::uint8_t {
  kSkips = 1 << 0,       // its sequence does not follow that of the one before
  kConfigures = 1 << 1,  // another configuration than its track's last
  kMovesOn = 1 << 2,     // another segment than the one before, or another discontinuity
  kBeginsPart = 1 << 3,  // another part than its track's last
  kShown = 1 << 4,       // a composition offset
  kInFile = 1 << 5,
  kInserted = 1 << 6,
  kHasData = 1 << 7,  // second version
};

// What no log says: years at any timescale, centuries of a clock. Sums and differences of what is within
// them overflow nowhere.
constexpr std::int64_t kMostTicks = std::int64_t{1} << 42;
constexpr std::int64_t kMostMicroseconds = std::int64_t{1} << 53;

bool is_within(std::int64_t value, std::int64_t most) {
  return -most <= value && value <= most;
}

bool is_possible(const RecordedSample& sample) {
  const SampleRecord& record = sample.record;
  return is_within(record.dts, kMostTicks) && is_within(record.arrival_us, kMostMicroseconds) &&
         is_within(record.presented_wall.us(), kMostMicroseconds) &&
         record.size <= mp4::kMaxFragmentPayload && sample.inserted_at <= record.size &&
         sample.inserted_bytes <= mp4::kMaxFragmentPayload;
}

// The fields go by the ones before them: of the record before, and of the track's last one.
struct Before {
  SampleRecord record{};
  std::array<SampleRecord, kMaxTracks> of_track{};
};

std::uint64_t zigzag(std::int64_t value) {
  return static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63);
}
std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}
// Differences of any two numbers, without overflow.
std::int64_t difference(std::uint64_t to, std::uint64_t from) {
  return static_cast<std::int64_t>(to - from);
}
std::int64_t difference(std::int64_t to, std::int64_t from) {
  return difference(static_cast<std::uint64_t>(to), static_cast<std::uint64_t>(from));
}
std::int64_t plus(std::int64_t value, std::int64_t step) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(value) + static_cast<std::uint64_t>(step));
}

void put_number(ByteWriter& writer, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) writer.u8(static_cast<std::uint8_t>(value | 0x80));
  writer.u8(static_cast<std::uint8_t>(value));
}
void put_step(ByteWriter& writer, std::int64_t value) {
  put_number(writer, zigzag(value));
}

// 0 beyond the end or of what is no number of 64 bits; the reader is not ok() then.
std::uint64_t take_number(ByteReader& reader) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const std::uint8_t byte = reader.u8();
    value |= std::uint64_t{byte & 0x7FU} << shift;
    if ((byte & 0x80) == 0) return value;
  }
  reader.skip(reader.remaining() + 1);
  return 0;
}
std::int64_t take_step(ByteReader& reader) {
  return unzigzag(take_number(reader));
}
std::uint32_t take_u32(ByteReader& reader) {
  return static_cast<std::uint32_t>(take_number(reader));
}

std::uint8_t parts_of(const RecordedSample& sample, const Before& before) {
  const SampleRecord& record = sample.record;
  const SampleRecord& last = before.of_track[record.track];
  std::uint8_t parts = 0;
  if (record.sequence != before.record.sequence + 1) parts |= kSkips;
  if (record.configuration != last.configuration) parts |= kConfigures;
  if (record.media_sequence != before.record.media_sequence ||
      record.discontinuity_sequence != before.record.discontinuity_sequence)
    parts |= kMovesOn;
  if (record.part != last.part) parts |= kBeginsPart;
  if (record.composition_offset != 0) parts |= kShown;
  if (sample.in_file) parts |= kInFile;
  if (sample.inserted_bytes != 0) parts |= kInserted;
  if (!sample.data.empty()) parts |= kHasData;
  return parts;
}

void put_sample(ByteWriter& writer, const RecordedSample& sample, Before& before) {
  const SampleRecord& record = sample.record;
  SampleRecord& last = before.of_track[record.track];
  const std::uint8_t parts = parts_of(sample, before);
  writer.u8(parts);
  writer.u8(record.track);
  put_number(writer, record.flags);
  put_step(writer, difference(record.dts, last.dts));
  put_number(writer, record.size);
  put_step(writer, difference(record.arrival_us, before.record.arrival_us));
  put_step(writer, difference(record.presented_wall.us(), before.record.presented_wall.us()));
  if ((parts & kSkips) != 0) put_step(writer, difference(record.sequence, before.record.sequence));
  if ((parts & kConfigures) != 0) put_number(writer, record.configuration);
  if ((parts & kMovesOn) != 0) {
    put_step(writer, difference(record.media_sequence, before.record.media_sequence));
    put_number(writer, record.discontinuity_sequence);
  }
  if ((parts & kBeginsPart) != 0) put_number(writer, record.part);
  if ((parts & kShown) != 0) put_step(writer, record.composition_offset);
  if ((parts & kInserted) != 0) {
    put_number(writer, sample.inserted_at);
    put_number(writer, sample.inserted_bytes);
  }
  if ((parts & kHasData) != 0) {
    put_number(writer, record.wire_timestamp_ms);
    put_number(writer, sample.data.size());
    writer.append(sample.data);
  }
  before.record = last = record;
}

void take_data(ByteReader& reader, RecordedSample& sample) {
  sample.record.wire_timestamp_ms = take_u32(reader);
  const std::uint64_t size = take_number(reader);
  const ByteView data = size > kMaxEventMessage ? ByteView() : reader.take(static_cast<std::size_t>(size));
  if (data.empty()) reader.skip(reader.remaining() + 1);
  sample.data.assign(data.begin(), data.end());
}

RecordedSample take_sample(ByteReader& reader, Before& before, std::uint32_t version) {
  RecordedSample sample;
  SampleRecord& record = sample.record;
  const std::uint8_t parts = reader.u8();
  const std::uint8_t track = reader.u8();
  if ((version == kFirstVersion && (parts & kHasData) != 0) || track >= kMaxTracks) {
    reader.skip(reader.remaining() + 1);
    return sample;
  }
  SampleRecord& last = before.of_track[track];
  record = {};
  record.track = track;
  record.flags = static_cast<std::uint16_t>(take_number(reader));
  record.dts = plus(last.dts, take_step(reader));
  record.size = take_u32(reader);
  record.arrival_us = record.origin_arrival_us = plus(before.record.arrival_us, take_step(reader));
  record.presented_wall = WallTime::from_us(plus(before.record.presented_wall.us(), take_step(reader)));
  const std::int64_t skipped = (parts & kSkips) != 0 ? take_step(reader) : 1;
  record.sequence = before.record.sequence + static_cast<std::uint64_t>(skipped);
  record.configuration = (parts & kConfigures) != 0 ? take_u32(reader) : last.configuration;
  record.media_sequence = before.record.media_sequence;
  record.discontinuity_sequence = before.record.discontinuity_sequence;
  if ((parts & kMovesOn) != 0) {
    record.media_sequence += static_cast<std::uint64_t>(take_step(reader));
    record.discontinuity_sequence = take_u32(reader);
  }
  record.part = (parts & kBeginsPart) != 0 ? take_u32(reader) : last.part;
  if ((parts & kShown) != 0) record.composition_offset = static_cast<std::int32_t>(take_step(reader));
  sample.in_file = (parts & kInFile) != 0;
  if ((parts & kInserted) != 0) {
    sample.inserted_at = take_u32(reader);
    sample.inserted_bytes = take_u32(reader);
  }
  if ((parts & kHasData) != 0) take_data(reader, sample);
  if (!is_possible(sample)) reader.skip(reader.remaining() + 1);
  before.record = last = record;
  before.record.wire_timestamp_ms = last.wire_timestamp_ms = 0;
  return sample;
}

void put_details(ByteWriter& writer, const TrackConfiguration& description) {
  const PictureColour& picture = description.picture;
  for (const std::uint8_t byte : {picture.told, picture.primaries, picture.transfer, picture.matrix})
    writer.u8(byte);
  for (const std::uint16_t coordinate : picture.chromaticity) writer.u16(coordinate);
  writer.u32(picture.max_luminance);
  writer.u32(picture.min_luminance);
  writer.u16(picture.max_content_light);
  writer.u16(picture.max_average_light);
  writer.text({description.label.language.data(), description.label.language.size()});
  writer.text({description.label.name.data(), description.label.name.size()});
}

template <std::size_t kSize>
void take_text(ByteReader& reader, std::array<char, kSize>& text) {
  const ByteView bytes = reader.take(kSize);
  std::copy(bytes.begin(), bytes.end(), text.begin());
}

void take_details(ByteReader& reader, TrackConfiguration& description) {
  PictureColour& picture = description.picture;
  picture.told = reader.u8();
  picture.primaries = reader.u8();
  picture.transfer = reader.u8();
  picture.matrix = reader.u8();
  for (std::uint16_t& coordinate : picture.chromaticity) coordinate = reader.u16();
  picture.max_luminance = reader.u32();
  picture.min_luminance = reader.u32();
  picture.max_content_light = reader.u16();
  picture.max_average_light = reader.u16();
  take_text(reader, description.label.language);
  take_text(reader, description.label.name);
}

std::uint32_t version_of(const RecordedPiece& piece) {
  const bool details =
      std::any_of(piece.configurations.begin(), piece.configurations.end(), [](const auto& one) {
        return !(one.description.picture == PictureColour{} && one.description.label == TrackLabel{});
      });
  const bool data = std::any_of(piece.samples.begin(), piece.samples.end(),
                                [](const auto& one) { return !one.data.empty(); });
  return details || data ? kVersion : kFirstVersion;
}

void put_configuration(ByteWriter& writer, const RecordedConfiguration& configuration,
                       std::uint32_t version) {
  const TrackConfiguration& description = configuration.description;
  writer.u32(description.index);
  writer.u8(description.track);
  writer.u8(static_cast<std::uint8_t>(description.kind));
  writer.u8(static_cast<std::uint8_t>(description.codec));
  writer.u8(0);
  writer.u32(description.timescale);
  writer.u32(description.width);
  writer.u32(description.height);
  writer.u32(description.sample_rate);
  writer.u32(description.channels);
  writer.u64(description.media_sequence);
  if (version != kFirstVersion) put_details(writer, description);
  writer.u32(static_cast<std::uint32_t>(configuration.bytes.size()));
  writer.append(configuration.bytes);
}

std::optional<RecordedConfiguration> take_configuration(ByteReader& reader, std::uint32_t version) {
  RecordedConfiguration configuration{};
  TrackConfiguration& description = configuration.description;
  description.index = reader.u32();
  description.track = reader.u8();
  const std::uint8_t kind = reader.u8();
  const std::uint8_t codec = reader.u8();
  reader.skip(1);
  description.timescale = reader.u32();
  description.width = reader.u32();
  description.height = reader.u32();
  description.sample_rate = reader.u32();
  description.channels = reader.u32();
  description.media_sequence = reader.u64();
  if (version != kFirstVersion) take_details(reader, description);
  description.size = reader.u32();
  const ByteView bytes = reader.take(description.size);
  const bool known =
      kind <= static_cast<std::uint8_t>(TrackKind::kData) && codec <= static_cast<std::uint8_t>(Codec::kData);
  if (!reader.ok() || !known || description.track >= kMaxTracks || description.timescale == 0)
    return std::nullopt;
  description.kind = static_cast<TrackKind>(kind);
  description.codec = static_cast<Codec>(codec);
  configuration.bytes.assign(bytes.begin(), bytes.end());
  return configuration;
}

void put_log(ByteWriter& writer, const RecordedPiece& piece) {
  writer.append(kUuid);
  writer.u32(version_of(piece));
  writer.u64(number_of(piece.log.publication_id));
  writer.u32(piece.log.incarnation);
  writer.u32(piece.log.is_private ? 1 : 0);
  writer.u64(piece.log.first_sequence);
  writer.u32(piece.log.target_duration_s);
  writer.u32(piece.log.part_target_us);
  writer.u64(piece.log.first_dependent_segment);
  writer.u64(piece.bytes_before);
  writer.u32(static_cast<std::uint32_t>(piece.configurations.size()));
  writer.u32(static_cast<std::uint32_t>(piece.samples.size()));
}

}  // namespace

Bytes write_recorded_piece(const RecordedPiece& piece) {
  ByteWriter writer(256 + piece.samples.size() * 16);
  {
    const mp4::Box box(writer, "uuid");
    put_log(writer, piece);
    for (const RecordedConfiguration& configuration : piece.configurations)
      put_configuration(writer, configuration, version_of(piece));
    Before before;
    for (const RecordedSample& sample : piece.samples) put_sample(writer, sample, before);
  }
  return writer.size() <= kMaxRecordedBox ? writer.take() : Bytes{};
}

bool is_recorded_piece(ByteView payload) {
  return payload.size() >= kUuid.size() && std::equal(kUuid.begin(), kUuid.end(), payload.begin());
}

std::optional<RecordedPiece> read_recorded_piece(ByteView payload) {
  if (!is_recorded_piece(payload) || payload.size() > kMaxRecordedBox) return std::nullopt;
  ByteReader reader(payload.subspan(kUuid.size()));
  const std::uint32_t version = reader.u32();
  if (version != kFirstVersion && version != kVersion) return std::nullopt;
  RecordedPiece piece;
  piece.log.publication_id = PublicationId{reader.u64()};
  piece.log.incarnation = reader.u32();
  piece.log.is_private = reader.u32() != 0;
  piece.log.first_sequence = reader.u64();
  piece.log.target_duration_s = reader.u32();
  piece.log.part_target_us = reader.u32();
  piece.log.first_dependent_segment = reader.u64();
  piece.bytes_before = reader.u64();
  const std::uint32_t configurations = reader.u32();
  const std::uint32_t samples = reader.u32();
  if (!reader.ok() || configurations > reader.remaining() / kLeastConfigurationBytes) return std::nullopt;
  for (std::uint32_t i = 0; i < configurations; ++i) {
    auto configuration = take_configuration(reader, version);
    if (!configuration) return std::nullopt;
    piece.configurations.push_back(std::move(*configuration));
  }
  if (samples > reader.remaining() / kLeastSampleBytes) return std::nullopt;
  piece.samples.reserve(samples);
  Before before;
  for (std::uint32_t i = 0; i < samples; ++i) piece.samples.push_back(take_sample(reader, before, version));
  if (!reader.ok() || !reader.empty()) return std::nullopt;
  return piece;
}

std::vector<std::uint64_t> places_in_file(const std::vector<RecordedSample>& samples) {
  std::array<std::uint64_t, kMaxTracks> bytes{};
  for (const RecordedSample& sample : samples) bytes.at(sample.record.track) += sample.file_bytes();
  std::uint64_t begin = 0;
  for (std::uint64_t& track : bytes) track = std::exchange(begin, begin + track);
  std::vector<std::uint64_t> places;
  places.reserve(samples.size());
  for (const RecordedSample& sample : samples) {
    std::uint64_t& place = bytes.at(sample.record.track);
    places.push_back(sample.in_file ? place : 0);
    place += sample.file_bytes();
  }
  return places;
}

}  // namespace millrace::media
