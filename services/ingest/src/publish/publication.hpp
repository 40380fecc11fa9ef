// What one publisher's messages mean, written to its media log by a publication::Writer: messages in, samples
// and configurations out. Sans-IO: bytes and times are passed in, the log's memory is the only place a
// payload is copied to.
//
// Owner: the publisher's connection; its I/O thread only. Counters may be read from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/wall_time.hpp"
#include "media/arena_writer.hpp"
#include "media/media_pace.hpp"
#include "media/pause_meter.hpp"
#include "media/timeline.hpp"
#include "publication/change_budget.hpp"
#include "publication/frame_header.hpp"
#include "publication/track_format.hpp"
#include "publication/writer.hpp"
#include "publish/refusals.hpp"
#include "publish/resolution_limit.hpp"
#include "publish/track_table.hpp"
#include "rtmp/colour_info.hpp"
#include "rtmp/media_message.hpp"
#include "rtmp/media_tag.hpp"
#include "rtmp/server_session.hpp"

namespace millrace::ingest {

using publication::FrameAccess;
using publication::FrameForm;
using publication::FrameHeader;
using publication::TrackFormat;

// Since the publication began; written by the I/O thread.
struct PublicationCounters {
  std::atomic<std::uint64_t> received_bytes{0};  // on the wire
  std::atomic<std::uint64_t> video_frames{0};
  std::atomic<std::uint64_t> audio_frames{0};
  std::atomic<std::uint64_t> key_frames{0};
  std::atomic<std::uint64_t> timestamp_jumps{0};
  std::atomic<std::uint64_t> last_key_interval_us{0};
  media::PauseMeter pauses;  // between messages of sound or picture
  // As MediaPace reports them.
  std::atomic<std::uint64_t> frame_gaps{0};
  std::atomic<std::uint64_t> frame_duration_us{0};
  std::atomic<std::uint64_t> since_key_us{0};
  std::atomic<std::uint64_t> longest_frame_us{0};
  std::atomic<std::int64_t> interleaving_us{0};
  std::atomic<std::uint64_t> media_time_us{0};
  std::atomic<std::uint64_t> video_time_us{0};
  std::atomic<std::uint64_t> dropped_messages{0};  // unusable: without configuration, malformed, too large
  std::atomic<std::uint64_t> refused_tracks{0};    // now; each was reported to the publisher
  std::atomic<std::uint64_t> log_bytes{0};
};

struct MessageTimes {
  std::int64_t monotonic_us = 0;
  WallTime wall{};
};

class Publication {
 public:
  static constexpr std::uint32_t kMaxDataBytes = 64U << 10;  // larger data messages are dropped
  static constexpr std::uint32_t kMaxMetadataChanges = 32;   // further ones are dropped
  // Of Enhanced RTMP's metadata frames and speaker maps; further and larger ones are dropped.
  static constexpr std::uint32_t kMaxAnnotations = 64;
  static constexpr std::uint32_t kMaxAnnotationBytes = 2048;
  // Parameter sets that change in the band, with the picture's size as it was: further ones, and those beyond
  // publication::ChangeBudget, are left to the decoders, that see them in the frames.
  static constexpr std::uint32_t kMaxVariations = 256;

  Publication(std::unique_ptr<media::LogWriter> log, const media::TimelineConfig& timeline,
              std::shared_ptr<PublicationCounters> counters);

  // Of its pictures: of configurations that come from now on. check_resolution says "ingest.resolution" when
  // one that is in force is beyond it.
  void limit_resolution(const ResolutionLimit& limit) { resolution_limit_ = limit; }
  Result<void> check_resolution() const;

  // One message: begin, its bytes in any number of pieces, then end or abort. Several may be open at once,
  // distinguished by their chunk stream. An error ends the publication, with a text for the publisher:
  // "ingest.unsupported" (nothing of it can be taken), "ingest.resolution", "media.no_space",
  // "media.too_large", "media.too_many_configurations". What can be left out without harm is dropped and
  // counted instead; a track that can't be taken is refused by itself (take_refusals).
  Result<void> begin(const rtmp::MessageBegin& message);
  void append(std::uint32_t chunk_stream_id, ByteView bytes);
  Result<void> end(std::uint32_t chunk_stream_id, const MessageTimes& times);
  void abort(std::uint32_t chunk_stream_id);

  // Texts for the publisher about tracks that can't be taken, each once.
  bool any_refusals() const { return refusals_.any_new(); }
  std::vector<std::string> take_refusals() { return refusals_.take(); }
  // The newest of them; empty when all was taken.
  std::string_view newest_refusal() const { return refusals_.newest(); }
  // Now and then: what waited for long enough is written; "ingest.unsupported" when all there is was
  // refused and nothing else came in time.
  Result<void> check(std::int64_t monotonic_us);

  // Ends the log; nothing may be written afterwards.
  void finish(media::LogEnd reason);

  // The tracks in force; true once after each change, when there is something to play.
  const std::vector<TrackFormat>& tracks() const { return writer_.tracks(); }
  bool take_tracks_changed() { return writer_.take_tracks_changed(); }
  const std::string& encoder() const { return encoder_; }

  std::uint64_t committed() const { return writer_.log().committed(); }
  bool any_record() const { return writer_.any_record(); }
  // A message has begun and is not whole yet.
  bool receiving() const { return !open_.empty(); }
  SlotIndex slot() const { return writer_.log().slot(); }
  // Of the newest record.
  std::uint64_t media_sequence() const { return writer_.newest().media_sequence; }
  std::int64_t arrival_us() const { return writer_.newest().arrival_us; }
  std::optional<std::int64_t> clock_offset_us() const { return writer_.clock_offset_us(); }
  // Of the log so far, as Timeline has it.
  std::uint64_t closed_parts() const { return writer_.closed_parts(); }

 private:
  struct OpenMessage {
    std::uint32_t chunk_stream_id = 0;
    rtmp::MessageType type{};
    std::uint32_t timestamp_ms = 0;
    std::uint32_t filled = 0;
    std::optional<media::LogWriter::Room> room;  // none: the message is dropped
  };
  // Of a payload that did not come in its plain form. kOwnRoom: it is all of the message's room, without a
  // header as received before it.
  enum class Rewriting : std::uint8_t { kNone, kInPlace, kOwnRoom };
  // One track's part of a message.
  struct Part {
    const OpenMessage& message;
    const rtmp::MediaTag& tag;
    rtmp::TagPart where;
    ByteView payload;
    bool whole = false;  // the message's only part, up to its end
    const MessageTimes& times;
    Rewriting rewriting = Rewriting::kNone;
  };
  Result<void> check_resolution(const TrackFormat& format) const;
  // Enhanced RTMP's header of hvc1 is longer than the legacy one.
  std::uint32_t header_growth() const { return legacy_hevc_ ? 3 : 0; }
  OpenMessage* find(std::uint32_t chunk_stream_id);
  Result<void> end_media(const OpenMessage& message, ByteView body, const MessageTimes& times);
  // Those that give a boolean say whether the message's room was committed.
  Result<bool> take(const Part& part);
  Result<bool> take_frame(const Part& part);
  Result<bool> take_other_form(const Part& part, FrameForm form, media::Codec codec);
  Result<bool> take_adts(const Part& part);
  Result<bool> pass_over(const Part& part, std::string_view reason);
  Result<void> learn(const Part& part, const FrameHeader& header, media::Codec codec);
  publication::Sample sample_of(const Part& part, const FrameHeader& header, const TrackSlot& slot);
  Result<bool> commit_copy(const Part& part, std::uint32_t skip, publication::Sample sample);
  Result<void> take_header(const Part& part);
  Result<void> take_annotation(const Part& part);
  Result<void> take_colour_info(const Part& part);
  void add_announced(const TrackSlot& slot, media::TrackConfiguration& description) const;
  Result<void> apply_labels(const MessageTimes& times);
  Result<void> refuse(const Part& part, std::string reason);
  Result<void> refuse_header(const Part& part, std::string reason);
  bool is_first_of_kind(const Part& part);
  void count_dropped();
  Result<void> end_data(const OpenMessage& message, ByteView body, const MessageTimes& times);
  Result<void> configure(const Part& part, TrackFormat format);
  Result<void> hold_change(const Part& part, TrackSlot& slot, TrackFormat format);
  Result<void> configure_data(ByteView body);
  // False: it could not be, and was dropped. The room is the caller's to abandon unless this says true.
  Result<bool> commit(const OpenMessage& message, publication::Sample& sample, const MessageTimes& times);
  void count(const publication::Writer::Newest& record);
  void release(std::int64_t monotonic_us);
  Result<void> drop(const OpenMessage& message);
  void give_up_overtaken();

  publication::Writer writer_;
  std::shared_ptr<PublicationCounters> counters_;
  ResolutionLimit resolution_limit_;
  std::vector<OpenMessage> open_;
  TrackTable table_;
  Refusals refusals_;
  std::string encoder_;
  bool legacy_hevc_ = false;  // its header grows by three bytes for players
  Bytes metadata_;            // newest onMetaData
  std::uint32_t metadata_changes_ = 0;
  std::vector<rtmp::Metadata::Label> labels_;  // of the newest onMetaData
  rtmp::ColourInfo colour_info_;               // newest, of pictures of that codec
  media::Codec colour_info_codec_ = media::Codec::kNone;
  Bytes video_annotation_;  // newest
  Bytes audio_annotation_;
  std::uint32_t annotations_ = 0;
  std::uint32_t variations_ = 0;
  publication::ChangeBudget changes_;
  media::MediaPace pace_;
};

}  // namespace millrace::ingest
