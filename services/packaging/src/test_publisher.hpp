// A publication as ingest writes it, for tests: real frames (containers/mp4/testing/streams.hpp) into an
// arena.
#pragma once

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/wall_time.hpp"
#include "containers/mp4/testing/streams.hpp"
#include "media/arena_set.hpp"
#include "media/arena_writer.hpp"
#include "media/timeline.hpp"

namespace millrace::packaging {

constexpr std::int64_t kFrameMs = 40;
// A key frame and four more: one segment of the test's target.
constexpr std::int64_t kGroupMs = 5 * kFrameMs;

class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string pattern = "/dev/shm/packaging-XXXXXX";
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
                                                      const std::string& name = "ingest") {
  media::ArenaConfig config;
  config.directory = directory;
  config.name = name;
  config.bytes = 16U << 20;
  config.block_bytes = 16U << 10;
  config.max_logs = 16;
  auto arena = media::ArenaWriter::open(config);
  return arena ? std::move(*arena) : nullptr;
}

// The stream's sources in the arena, as the catalogue finds them.
inline std::vector<media::FoundLog> sources(const std::shared_ptr<media::ArenaReader>& arena,
                                            std::string_view stream_id = "s1") {
  std::vector<media::FoundLog> found;
  for (media::LogInfo& info : arena->logs(media::LogRole::kSource)) {
    if (info.stream_id == stream_id) found.push_back({arena, std::move(info)});
  }
  return found;
}

class TestPublisher {
 public:
  struct Options {
    std::string stream_id = "s1";
    PublicationId publication_id{0xA1};
    Epoch epoch{1};
    bool video = true;
    bool audio = true;
    bool is_private = false;
    media::LogRole role = media::LogRole::kSource;
    std::string rendition{};
    PublicationId origin{};
    bool data_first = false;  // a data record before the media, which begins no segment
    std::uint64_t first_sequence = 0;
    WallTime started_wall = WallTime::from_us(1'800'000'000'000'000);
    // Another picture (track 3) and another sound (track 4) with the same frames; the picture's groups begin
    // so much later than the first one's.
    bool further_tracks = false;
    std::int64_t further_picture_late_ms = 0;
    media::RetentionPolicy retention{.guaranteed_bytes = 1U << 20};
    // Of a rendition: the incarnation of its writer, and how many pictures those before it have written.
    std::uint32_t incarnation = 0;
    std::int64_t first_frame = 0;
    std::uint32_t part_us = 0;  // length of parts, kept from the log's first record on; 0: no parts
  };

  TestPublisher(media::ArenaWriter& arena, const Options& options)
      : options_(options), timeline_(media::TimelineConfig{}) {
    media::LogDescription description;
    description.stream_id = options.stream_id;
    description.publication_id = options.publication_id;
    description.epoch = options.epoch;
    description.started_wall = options.started_wall;
    description.segment_target_ms = kGroupMs;
    description.is_private = options.is_private;
    description.role = options.role;
    description.rendition = options.rendition;
    description.origin_publication_id = options.origin;
    description.first_sequence = options.first_sequence;
    description.retention = options.retention;
    description.part_target_us = options.part_us;
    description.incarnation = options.incarnation;
    if (options.role == media::LogRole::kRendition) {
      description.numbers = media::first_numbers(options.started_wall, options.epoch);
      description.numbers->part_target_us = options.part_us;
    }
    log_ = std::move(arena.create_log(description).value());
    timeline_ = media::Timeline({log_->continuation()});
    if (options.video) configure_video();
    if (options.audio) begin_audio();
    if (options.data_first) append_data();
    if (!options.further_tracks) return;
    add(mp4::test::video_track(), kFurtherPicture, media::TrackKind::kVideo, media::Codec::kH264, 0);
    add(mp4::test::audio_track(), kFurtherSound, media::TrackKind::kAudio, media::Codec::kAac,
        mp4::test::kAacDuration);
  }

  media::LogWriter& log() { return *log_; }
  std::int64_t now_ms() const { return frame_ * kFrameMs; }

  // One video frame (or as much time), then the audio frames that end with it.
  void frame(std::int64_t arrival_us) {
    const auto& frames = mp4::test::video_frames();
    const auto& picture = frames[static_cast<std::size_t>(frame_) % frames.size()];
    if (options_.video && shown_) {
      const auto offset_ms = static_cast<std::int32_t>(picture.composition_offset / 90);
      append({media::kVideoTrack, static_cast<std::uint32_t>(now_ms()), offset_ms, picture.key, arrival_us,
              wall()},
             picture.payload);
    }
    if (options_.further_tracks) further_picture(arrival_us);
    ++frame_;
    for (; audio_ && audio_ms() < now_ms(); ++audio_frame_) {
      if (silent_) continue;
      const auto at_ms = static_cast<std::uint32_t>(audio_ms());
      append({media::kAudioTrack, at_ms, 0, true, arrival_us, wall()}, mp4::test::aac_frame());
      if (options_.further_tracks)
        append({kFurtherSound, at_ms, 0, true, arrival_us, wall()}, mp4::test::aac_frame());
    }
  }
  // A data message, at the present time.
  void data(const Bytes& message, std::int64_t arrival_us = 0) {
    if (!data_) {
      media::TrackConfiguration description{};
      description.track = media::kDataTrack;
      description.kind = media::TrackKind::kData;
      description.codec = media::Codec::kData;
      description.timescale = media::kDataTimescale;
      timeline_.configure(media::kDataTrack, description.kind, description.timescale, 0);
      configuration_[media::kDataTrack] = log_->add_configuration(description, {}, {}).value();
      data_ = true;
    }
    append({media::kDataTrack, static_cast<std::uint32_t>(now_ms()), 0, false, arrival_us, wall()}, message);
  }
  // The first picture stops, or goes on at the present time.
  void show(bool shown) { shown_ = shown; }
  // The encoder's clock steps by so much before what comes next; the publisher's own time does not.
  void step_clock(std::int64_t ms) { ahead_ms_ += ms; }
  std::uint32_t encoder_ms() const { return static_cast<std::uint32_t>(now_ms() + ahead_ms_); }
  // Sound stops, or goes on at the present time.
  void silence(bool silent) { silent_ = silent; }
  void groups(int count, std::int64_t arrival_us = 0) {
    for (int i = 0; i < count * 5; ++i) frame(arrival_us);
  }
  // A sequence header that comes again with other content.
  void configure_video(std::uint8_t level = 0) {
    mp4::Track track = mp4::test::video_track();
    if (level != 0) track.configuration[3] = level;
    add(track, media::kVideoTrack, media::TrackKind::kVideo, media::Codec::kH264, 0);
  }
  // From the present time on.
  void begin_audio() {
    audio_ = true;
    audio_frame_ = now_ms() * 48 / mp4::test::kAacDuration;
    add(mp4::test::audio_track(), media::kAudioTrack, media::TrackKind::kAudio, media::Codec::kAac,
        mp4::test::kAacDuration);
  }

 private:
  // In the first segment, and not marked as its start.
  void append_data() {
    media::SampleRecord record{};
    record.track = media::kDataTrack;
    record.media_sequence = log_->continuation().last_media_sequence + 1;
    record.discontinuity_sequence = log_->continuation().last_discontinuity_sequence + 1;
    const auto room = log_->reserve(1).value();
    room.data[room.prefix_room] = 0;
    log_->commit(room, room.prefix_room, 0, record);
  }
  static constexpr std::uint8_t kFurtherPicture = 3;
  static constexpr std::uint8_t kFurtherSound = 4;

  void further_picture(std::int64_t arrival_us) {
    const auto& frames = mp4::test::video_frames();
    const std::int64_t number = frame_ - options_.further_picture_late_ms / kFrameMs;
    if (number < 0) return;
    const auto& picture = frames[static_cast<std::size_t>(number) % frames.size()];
    append({kFurtherPicture, static_cast<std::uint32_t>(now_ms()),
            static_cast<std::int32_t>(picture.composition_offset / 90), picture.key, arrival_us, wall()},
           picture.payload);
  }
  std::int64_t audio_ms() const { return audio_frame_ * mp4::test::kAacDuration * 1000 / 48'000; }
  WallTime wall() const { return options_.started_wall + now_ms() * 1000; }

  void add(const mp4::Track& track, std::uint8_t number, media::TrackKind kind, media::Codec codec,
           std::uint32_t samples_per_frame) {
    media::TrackConfiguration description{};
    description.track = number;
    description.kind = kind;
    description.codec = codec;
    description.timescale = track.timescale;
    description.width = track.width;
    description.height = track.height;
    description.sample_rate = track.sample_rate;
    description.channels = track.channels;
    timeline_.configure(number, kind, track.timescale, samples_per_frame);
    pending_[number] = {description, track.configuration, true};
    if (log_->committed() == 0) settle(number, 0);
  }
  void settle(std::uint8_t track, std::uint64_t media_sequence) {
    pending_[track].description.media_sequence = media_sequence;
    configuration_[track] =
        log_->add_configuration(pending_[track].description, {}, pending_[track].bytes).value();
    pending_[track].waiting = false;
  }
  void append(const media::Timeline::Input& input, const Bytes& payload) {
    media::Timeline::Input stamped = input;
    stamped.timestamp_ms += static_cast<std::uint32_t>(ahead_ms_);
    media::SampleRecord record = timeline_.place(stamped);
    if (frame_ < options_.first_frame) return;
    if (pending_[input.track].waiting) settle(input.track, record.media_sequence);
    record.configuration = configuration_[input.track];
    if (options_.part_us != 0 && input.track != media::kDataTrack)
      record.part = part_of(input, record.media_sequence);
    log_->set_target_duration_s(timeline_.target_duration_s());
    const auto room = log_->reserve(static_cast<std::uint32_t>(payload.size())).value();
    std::memcpy(room.data + room.prefix_room, payload.data(), payload.size());
    log_->commit(room, room.prefix_room, static_cast<std::uint8_t>(room.prefix_room), record);
  }

  std::uint32_t part_of(const media::Timeline::Input& input, std::uint64_t media_sequence) {
    Part& part = parts_[input.track];
    const bool full = (input.timestamp_ms - part.begin_ms) * 1000 >= options_.part_us;
    if (part.number == 0 || part.media_sequence != media_sequence || full)
      part = {part.number + 1, media_sequence, input.timestamp_ms};
    return part.number;
  }

  struct Part {
    std::uint32_t number = 0;
    std::uint64_t media_sequence = 0;
    std::uint32_t begin_ms = 0;
  };
  struct Pending {
    media::TrackConfiguration description{};
    Bytes bytes;
    bool waiting = false;
  };

  const Options options_;
  media::Timeline timeline_;
  std::unique_ptr<media::LogWriter> log_;
  Pending pending_[media::kMaxTracks];
  Part parts_[media::kMaxTracks];
  std::uint32_t configuration_[media::kMaxTracks] = {};
  bool audio_ = false;
  bool data_ = false;
  bool silent_ = false;
  bool shown_ = true;
  std::int64_t frame_ = 0;
  std::int64_t audio_frame_ = 0;
  std::int64_t ahead_ms_ = 0;
};

}  // namespace millrace::packaging
