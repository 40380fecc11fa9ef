// Writes one log: coded samples in, records out, each with the RTMP message header that players are sent in
// front of it. Whoever makes a log writes it through this: what a publisher sends, and what is made from it.
// Sans-IO: times are passed in, and the log's memory is the only place that a payload is put.
//
//   configure ──> reserve ──> payload into the room ──> commit         the timeline gives times and numbers
//                                                   └─> commit_placed  the writer has brought them along
//
// Owner: one thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/wall_time.hpp"
#include "media/arena_writer.hpp"
#include "media/picture_hold.hpp"
#include "media/timeline.hpp"
#include "publication/message_prefix.hpp"
#include "publication/track_format.hpp"

namespace millrace::publication {

// A sample that stands in a room of the log: what it is, and what players are sent before it.
struct Sample {
  std::uint8_t track = 0;
  std::uint32_t payload_begin = 0;  // in the room's body; what is before it goes to players or to nobody
  TagPlace tag;                     // as received, or to be written
  std::int32_t composition_offset_ms = 0;
  bool key = false;
  bool recovery = false;      // with key
  bool refresh = false;       // with recovery
  std::uint8_t captions = 0;  // codecs::Captions of the track by now
  // As Timeline::Input has them; of no use where the record is brought along.
  std::uint32_t timestamp_ms = 0;
  std::uint32_t samples = 0;
  std::uint32_t nanoseconds = 0;
  std::int64_t arrival_us = 0;
  WallTime wall;
};

class Writer {
 public:
  using Room = media::LogWriter::Room;

  // What is asked of the newest record, as SampleRecord has it.
  struct Newest {
    std::uint64_t sequence = 0;
    std::int64_t dts = 0;
    std::int64_t arrival_us = 0;
    std::uint64_t media_sequence = 0;
    std::uint32_t configuration = 0;
    std::uint32_t wire_timestamp_ms = 0;
    std::uint16_t flags = 0;
    std::uint8_t track = 0;
  };

  // Times and numbers are the timeline's.
  Writer(std::unique_ptr<media::LogWriter> log, const media::TimelineConfig& timeline);
  // They are brought along: a rendition or a mirror (LogDescription::numbers, first_sequence).
  explicit Writer(std::unique_ptr<media::LogWriter> log);

  // What the track is from its next sample on, at once where there is no record yet.
  // "media.too_many_configurations". With what it is already, and nothing else in between but what no sample
  // had, nothing changes.
  Result<void> configure(TrackFormat format);
  // The track's configuration that waits for its next sample will not come into force.
  void withdraw(std::uint8_t track);
  // On the data track, in force at once: metadata (data_format), or an annotation of sound or picture.
  Result<void> add_data(TrackFormat format);
  // Also of one that waits.
  bool has_sample(std::uint8_t track) const {
    return tracks_[track % media::kMaxTracks].sampled || !held_[track % media::kMaxTracks].empty();
  }
  bool is_configured(std::uint8_t track) const { return tracks_[track % media::kMaxTracks].configured; }

  // Room for a message's body and exactly the chunk header that players will be sent, so that messages lie
  // back to back; growth: bytes by which its tag header will be longer than it was received. Errors: those of
  // LogWriter::reserve; "media.too_large" also for what players could not be sent as one chunk
  // (rtmp::kPlayerChunkSize).
  Result<Room> reserve(std::uint32_t body_size, std::uint32_t timestamp_ms, std::uint32_t growth = 0);
  // Room for the payload alone of a sample whose header is to be written. wire_timestamp_ms: what its record
  // will say (commit_placed), or what came with it (commit).
  Result<Room> reserve_for(const Sample& sample, std::uint32_t payload_size, std::uint32_t wire_timestamp_ms);
  void abandon(const Room& room) { log_->abandon(room); }
  bool overtaken(const Room& room) const { return log_->overtaken(room); }

  // A sample of a configured track with its header to be written, as most writers have it: the payload is all
  // of the room.
  Sample sample_of(std::uint8_t track, bool key, std::int32_t composition_offset_ms) const;

  // False: there is no room for its header in front of it; it was not written and the room is the caller's
  // to abandon, as after an error ("media.too_many_configurations"). Precondition of commit: a timeline. A
  // picture that is to wait for the first video track (media::PictureHold) is kept with its room, and true
  // as well.
  Result<bool> commit(const Room& room, const Sample& sample);
  // Writes what has waited for long enough, after each commit and now and then. How many that waited could
  // not be written since the last call, here or elsewhere: those are dropped.
  std::size_t release(std::int64_t now_us);
  // record: times, segment and part numbers, segment and discontinuity flags. Track, configuration, place and
  // the key flags are set here.
  Result<bool> commit_placed(const Room& room, const Sample& sample, media::SampleRecord record);
  // Of a log without a timeline; as LogWriter has them.
  void set_target_duration_s(std::uint32_t seconds) { log_->set_target_duration_s(seconds); }
  void set_part_target_us(std::uint32_t target_us) { log_->set_part_target_us(target_us); }

  // Ends the log, with what is held; nothing may be written afterwards.
  void finish(media::LogEnd reason);

  // The sound and picture tracks in force; true once after each change, when there is something to play.
  const std::vector<TrackFormat>& tracks() const { return formats_; }
  bool take_tracks_changed();

  bool any_record() const { return any_record_; }
  // Of the newest; zeros before there is one.
  const Newest& newest() const { return newest_; }
  // CLOCK_REALTIME less CLOCK_MONOTONIC, as its dates have it; nullopt: before the first sample, and where
  // times are brought along.
  std::optional<std::int64_t> clock_offset_us() const { return clock_offset_us_; }
  std::uint64_t jumps() const { return timeline_ ? timeline_->jumps() : 0; }
  // Of all tracks so far, as PartRule has it; 0 where there is no timeline.
  std::uint64_t closed_parts() const { return timeline_ ? timeline_->closed_parts() : 0; }
  const media::LogWriter& log() const { return *log_; }

 private:
  struct Track {
    media::TrackKind kind = media::TrackKind::kData;
    rtmp::FourCc fourcc = rtmp::fourcc::kNone;
    std::optional<std::uint8_t> player_track_id;
    bool configured = false;
    bool sampled = false;             // has a record
    bool pending = false;             // has one in pending_
    std::uint32_t configuration = 0;  // in force
  };

  struct Held {
    Room room;
    Sample sample;
  };

  void write_oldest(std::uint8_t track);
  void release_track(std::uint8_t track);
  Result<bool> place(const Room& room, const Sample& sample);
  std::uint32_t prefix_room(std::uint32_t timestamp_ms) const;
  bool is_in_force(const TrackFormat& format) const;
  Result<void> add_configuration(TrackFormat format, std::uint64_t media_sequence,
                                 std::uint32_t timestamp_ms);
  std::optional<TrackFormat> take_pending(std::uint8_t track);
  Result<void> apply_pending(std::uint8_t track, const media::SampleRecord& record);
  Result<bool> write(const Room& room, const Sample& sample, media::SampleRecord& record);
  std::uint16_t silent_tracks() const;
  void store_targets();

  std::unique_ptr<media::LogWriter> log_;
  std::optional<media::Timeline> timeline_;
  // CLOCK_REALTIME less CLOCK_MONOTONIC at the first sample. Dates go on from it by the latter: where the
  // wall clock steps they do not.
  std::optional<std::int64_t> clock_offset_us_;
  std::array<Track, media::kMaxTracks> tracks_;
  media::PictureHold hold_;
  std::array<std::vector<Held>, media::kMaxTracks> held_;  // as hold_ has them
  std::size_t dropped_ = 0;                                // of those, since the last release()
  std::vector<TrackFormat> pending_;  // in force with their tracks' next samples; hardly ever any
  std::vector<TrackFormat> formats_;
  bool formats_changed_ = false;
  bool any_record_ = false;
  std::uint32_t target_duration_s_ = 0;
  Newest newest_;
};

}  // namespace millrace::publication
