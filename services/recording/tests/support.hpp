// What recording's tests share: directories, a publisher that writes checkable samples into an arena, and
// reading back what the recordings hold.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "containers/mp4/testing/finished_file.hpp"
#include "containers/mp4/testing/streams.hpp"
#include "media/arena_reader.hpp"
#include "media/arena_writer.hpp"
#include "parameter_sets.hpp"
#include "recordings/file_names.hpp"

namespace millrace::recording {

using recordings::FileState;

namespace test {

class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string pattern = "/dev/shm/recording-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline std::unique_ptr<media::ArenaWriter> make_arena(const std::string& directory,
                                                      std::uint64_t bytes = 32U << 20,
                                                      const std::string& name = "ingest") {
  media::ArenaConfig config;
  config.directory = directory;
  config.name = name;
  config.bytes = bytes;
  config.block_bytes = 16U << 10;
  config.max_logs = 16;
  auto arena = media::ArenaWriter::open(config);
  EXPECT_TRUE(arena) << arena.error().message;
  return arena ? std::move(*arena) : nullptr;
}

// A payload that tells which record of which publication it is.
inline Bytes payload_of(std::uint64_t publication_id, std::uint64_t sequence) {
  ByteWriter writer;
  writer.u64(publication_id);
  writer.u64(sequence);
  for (std::uint64_t i = 0; i < sequence % 200; ++i) writer.u8(static_cast<std::uint8_t>(sequence * 31 + i));
  return writer.take();
}

// Turns of one picture (40 ms) and two audio frames, a segment every 25 pictures.
class Publisher {
 public:
  static constexpr WallTime kStartedWall = WallTime::from_us(1'795'000'000'123'000);

  Publisher(media::ArenaWriter& arena, std::uint64_t publication_id, bool audio = true,
            std::uint64_t guaranteed_bytes = 4U << 20, std::uint32_t width = 64, bool is_private = false)
      : Publisher(arena, describe(publication_id, guaranteed_bytes, is_private), audio, width) {}
  Publisher(media::ArenaWriter& arena, const media::LogDescription& description, bool audio = true,
            std::uint32_t width = 64)
      : publication_id_(number_of(description.publication_id)),
        log_(std::move(arena.create_log(description).value())) {
    configure_video(width);
    if (audio) begin_audio();
  }

  static media::LogDescription describe(std::uint64_t publication_id,
                                        std::uint64_t guaranteed_bytes = 4U << 20, bool is_private = false) {
    media::LogDescription description;
    description.stream_id = "s1";
    description.publication_id = PublicationId{publication_id};
    description.epoch = Epoch{publication_id};
    description.is_private = is_private;
    description.started_wall = kStartedWall;
    description.retention.guaranteed_bytes = guaranteed_bytes;
    description.retention.max_bytes = std::max(guaranteed_bytes, std::uint64_t{16U << 20});
    return description;
  }
  // What a ladder makes of publication 1.
  static media::LogDescription describe_rendition(std::uint64_t publication_id, const std::string& name) {
    media::LogDescription description = describe(publication_id);
    description.role = media::LogRole::kRendition;
    description.rendition = name;
    description.origin_publication_id = PublicationId{1};
    return description;
  }

  void configure_video(std::uint32_t width) {
    mp4::Track track = mp4::test::video_track();
    track.width = width;
    video_ = add(track, media::kVideoTrack, media::TrackKind::kVideo, media::Codec::kH264);
  }
  // Another configuration of the same picture.
  void change_parameter_sets(std::uint8_t level) {
    mp4::Track track = mp4::test::video_track();
    track.configuration[3] = level;
    video_ = add(track, media::kVideoTrack, media::TrackKind::kVideo, media::Codec::kH264);
  }
  void begin_audio(std::uint32_t sample_rate = 48'000) {
    mp4::Track track = mp4::test::audio_track();
    track.sample_rate = track.timescale = sample_rate;
    audio_rate_ = sample_rate;
    audio_ = true;
    audio_configuration_ = add(track, media::kAudioTrack, media::TrackKind::kAudio, media::Codec::kAac);
  }
  std::uint32_t add(const mp4::Track& track, std::uint8_t number, media::TrackKind kind, media::Codec codec) {
    media::TrackConfiguration description{};
    description.track = number;
    description.kind = kind;
    description.codec = codec;
    description.timescale = track.timescale;
    description.width = track.width;
    description.height = track.height;
    description.sample_rate = track.sample_rate;
    description.channels = track.channels;
    return log_->add_configuration(description, {}, track.configuration).value();
  }
  void append(std::uint8_t track, std::uint32_t configuration, std::int64_t dts, bool key,
              std::int64_t arrival_us, const Bytes& payload) {
    media::SampleRecord record{};
    record.dts = dts;
    record.arrival_us = arrival_us;
    record.presented_wall = kStartedWall + turn_ * 40'000;
    record.media_sequence = 1000 + static_cast<std::uint64_t>(turn_ / 25);
    record.configuration = configuration;
    record.track = track;
    record.flags = key ? media::kSampleKey : 0;
    const auto room = log_->reserve(static_cast<std::uint32_t>(payload.size())).value();
    std::memcpy(room.data + room.prefix_room, payload.data(), payload.size());
    log_->commit(room, room.prefix_room, static_cast<std::uint8_t>(room.prefix_room), record);
  }

  void turns(int count, std::int64_t arrival_us = monotonic_us()) {
    for (int i = 0; i < count; ++i) turn(arrival_us);
  }
  // A frame of sound, of 20 ms; a picture that is no key frame.
  void sound(std::int64_t number, std::int64_t arrival_us = monotonic_us()) {
    append(media::kAudioTrack, audio_configuration_, number * audio_rate_ / 50, true, arrival_us);
  }
  void picture(std::int64_t dts) { append(media::kVideoTrack, video_, dts, false, monotonic_us()); }
  media::LogWriter& log() { return *log_; }
  std::uint64_t publication_id() const { return publication_id_; }

 private:
  void turn(std::int64_t arrival_us) {
    const bool key = turn_ % 25 == 0;
    append(media::kVideoTrack, video_, turn_ * 3600, key, arrival_us);
    for (std::int64_t i = 0; audio_ && i < 2; ++i) sound(turn_ * 2 + i, arrival_us);
    ++turn_;
  }
  void append(std::uint8_t track, std::uint32_t configuration, std::int64_t dts, bool key,
              std::int64_t arrival_us) {
    append(track, configuration, dts, key, arrival_us, payload_of(publication_id_, log_->committed()));
  }

  const std::uint64_t publication_id_;
  std::unique_ptr<media::LogWriter> log_;
  std::uint32_t video_ = 0;
  std::uint32_t audio_configuration_ = 0;
  bool audio_ = false;
  std::int64_t audio_rate_ = 48'000;
  std::int64_t turn_ = 0;
};

inline Bytes read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Names in the directory whose state this is, sorted.
inline std::vector<std::string> files(const std::string& directory, recordings::FileState state) {
  std::vector<std::string> names;
  if (!std::filesystem::exists(directory)) return names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const auto name = recordings::parse_file_name(entry.path().filename().string());
    if (name && name->state == state) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// A key frame may have its track's parameter sets in front.
inline ByteView without_parameter_sets(ByteView payload, const mp4::Track& track, std::uint32_t description) {
  mp4::Track described = track;
  if (description > 1) described.configuration = track.further.at(description - 2);
  const Bytes sets = with_parameter_sets(described, {});
  const bool there = payload.size() >= sets.size() && std::equal(sets.begin(), sets.end(), payload.begin());
  return there ? payload.subspan(sets.size()) : payload;
}

// How often each record of each publication is in a finished file, by publication and sequence. A payload
// that is not its record's counts as a failure.
inline std::map<std::uint64_t, std::map<std::uint64_t, int>> recorded(const Bytes& file) {
  std::map<std::uint64_t, std::map<std::uint64_t, int>> counts;
  const auto tracks = mp4::test::read_finished(file);
  EXPECT_TRUE(tracks);
  if (!tracks) return counts;
  for (const auto& track : *tracks) {
    for (const auto& sample : track.samples) {
      const ByteView payload =
          without_parameter_sets(ByteView(file).subspan(static_cast<std::size_t>(sample.offset), sample.size),
                                 track.track, sample.description);
      ByteReader reader(payload);
      const std::uint64_t publication_id = reader.u64();
      const std::uint64_t sequence = reader.u64();
      const Bytes expected = payload_of(publication_id, sequence);
      EXPECT_TRUE(std::equal(payload.begin(), payload.end(), expected.begin(), expected.end())) << sequence;
      ++counts[publication_id][sequence];
    }
  }
  return counts;
}

// The same of a file that holds one publication only.
inline std::map<std::uint64_t, int> recorded(const Bytes& file, std::uint64_t publication_id) {
  auto counts = recorded(file);
  EXPECT_LE(counts.size(), 1U);
  return counts[publication_id];
}

// Over all finished files: every record from 0 to committed exactly once.
inline void expect_whole(const std::string& directory, std::uint64_t publication_id, std::uint64_t committed,
                         std::uint64_t first = 0) {
  std::map<std::uint64_t, int> counts;
  for (const std::string& name : files(directory, recordings::FileState::kFinished)) {
    auto publications = recorded(read_file(directory + "/" + name));
    for (const auto& [sequence, count] : publications[publication_id]) {
      counts[sequence] += count;
    }
  }
  std::uint64_t missing = 0;
  std::uint64_t repeated = 0;
  for (std::uint64_t sequence = first; sequence < committed; ++sequence) {
    if (counts[sequence] == 0) ++missing;
    if (counts[sequence] > 1) ++repeated;
  }
  EXPECT_EQ(missing, 0U);
  EXPECT_EQ(repeated, 0U);
  EXPECT_EQ(counts.size(), committed - first);
}

}  // namespace test
}  // namespace millrace::recording
