// The pure core of recording: samples of one publication in, what to do with files out. No file, no clock, no
// thread.
//
// A publication that comes back (a reconnect, a take-over) goes on in the file of the one before it, behind a
// gap as long as it was away: the last pictures and sounds before it last until the first ones after it.
//
// A file's fragments begin with a segment of the stream, and are at most FragmentLimits long. A track that
// comes later is added to the running file. A track whose configuration changes goes on in it with another
// sample description where a player can follow; else (another resolution, another sample rate) the file ends,
// and a new one begins at that very sample. So it does at the first key frame beyond FileLimits. A picture
// that begins in a file in the middle of a group of pictures has the group's pictures from its key frame on
// in front: to be decoded, not shown.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/wall_time.hpp"
#include "containers/mp4/fragment.hpp"
#include "containers/mp4/track.hpp"
#include "journal.hpp"
#include "media/recorded_log.hpp"
#include "media/sample.hpp"
#include "media/timed_event.hpp"

namespace millrace::recording {

// Appends to the running file; begins one (init first) when there is none.
struct Append {
  Journal before;             // what the files so far hold: stands behind init where a file begins
  Journal journal;            // what they hold afterwards
  Bytes init;                 // the movie box with all tracks so far
  bool init_changed = false;  // the file needs it although it is not new
  std::vector<Bytes> pieces;  // fragment header, samples, journal: to be written whole or not at all
  std::uint32_t samples = 0;  // that are in no file before
  std::vector<media::RecordedSample> records{};  // what the log said of them, and of what is not recorded
};
// The running file, if there is one, is complete.
struct EndFile {};
using FileAction = std::variant<Append, EndFile>;

struct FragmentLimits {
  std::int64_t duration_us = 2'000'000;
  std::uint64_t bytes = 8U << 20;
};

// Where a new file begins although nothing asks for it. 0: no limit.
struct FileLimits {
  std::int64_t duration_us = 0;
  std::uint64_t bytes = 0;
};

struct RecordingLimits {
  FragmentLimits fragment{};
  FileLimits file{};
};

// How far a track of the file goes, in its timescale, on the file's timeline.
struct TrackEnd {
  std::int64_t last_dts = 0;
  std::int64_t presented = 0;  // the latest time a sample is shown at
  std::uint32_t duration = 0;  // of the last sample

  void add(std::int64_t dts, std::int32_t composition_offset, std::uint32_t sample_duration);
  std::int64_t end() const;
};
using TrackEnds = std::map<std::uint32_t, TrackEnd>;  // by track id

// Where to go on in a file of an earlier run.
struct ResumePoint {
  Journal journal;
  std::vector<mp4::Track> tracks;
  std::uint32_t fragments = 0;
  TrackEnds ends{};
  std::size_t publications = 1;            // whose samples are in the file
  std::optional<std::int64_t> begin_us{};  // decode time of its first sample, on the file's timeline
  std::uint64_t bytes = 0;
};

class Recorder {
 public:
  // Records that wait while nothing comes that is recorded; of more the oldest are forgotten.
  static constexpr std::size_t kMostRecords = 65'536;
  // Of data messages, in one fragment's box: as many as a segment has for players. Where nothing is recorded
  // for longer the records of further ones are left out, and with them the past of their segment.
  static constexpr std::size_t kMostDataBytes = media::EventLimits::kMaxBytes;

  // journal.next_sequence: the first record to be given. started_wall names the first file.
  explicit Recorder(Journal journal, RecordingLimits limits = {}) : journal_(journal), limits_(limits) {}
  explicit Recorder(ResumePoint resume, RecordingLimits limits = {});

  // The next record. track: as of the record's configuration; nullptr when it is not recorded.
  void add(const media::SampleRecord& record, const mp4::Track* track, Bytes payload,
           std::vector<FileAction>& out);
  // The record, which is of this track and the next to be given, begins the track in its file, and a decoder
  // can't begin with it.
  bool needs_lead_in(const media::SampleRecord& record, const mp4::Track& track) const;
  // What that takes: the pictures from the key frame on, of records that were given before. They go into
  // fragments of their own, which the journal does not count.
  struct LeadInPicture {
    media::SampleRecord record;
    Bytes payload;
  };
  void lead_in(const mp4::Track& track, std::vector<LeadInPicture> pictures, std::vector<FileAction>& out);
  // Records up to this one are lost: the log had recycled them.
  void skip_to(std::uint64_t sequence, std::vector<FileAction>& out);
  // Writes the waiting samples as a fragment.
  void flush(std::vector<FileAction>& out);
  // The file is complete.
  void end(std::vector<FileAction>& out);

  // The publication is over (nothing waits to be written), and this one goes on in its file. False: the file
  // holds as many publications as it may.
  [[nodiscard]] bool continue_as(PublicationId publication_id, std::uint64_t next_sequence);
  // It does not go on there after all: the file is complete, and the next one is named after this time.
  void end_for_continuation(WallTime started_wall, std::vector<FileAction>& out);
  // No sample of the publication that goes on has come yet.
  bool continuing() const { return continuing_; }
  // Is this track in the file, in a way that a player could not follow from there?
  bool differs(const mp4::Track& track) const;
  const Journal& journal() const { return journal_; }

  // Samples have been waiting for as long as a fragment may.
  bool due(std::int64_t monotonic_us) const;
  // Samples wait to be written.
  bool waiting() const { return !waiting_.empty(); }
  std::uint64_t next_sequence() const { return next_sequence_; }

 private:
  struct Run {
    mp4::TrackRun run;
    std::vector<Bytes> payloads;
  };

  bool fragment_ends_before(const media::SampleRecord& record) const;
  bool file_ends_before(const media::SampleRecord& record, const mp4::Track& track) const;
  bool description_changes(const mp4::Track& track) const;
  bool is_beyond(const FileLimits& limits, std::int64_t time_us) const;
  std::int64_t time_us(std::int64_t dts, const mp4::Track& track) const;
  // The number of its sample description.
  std::uint32_t take_track(const media::SampleRecord& record, const mp4::Track& track,
                           std::vector<FileAction>& out);
  void remember(const media::SampleRecord& record, bool in_file, Bytes data = {});
  void append_sample(const media::SampleRecord& record, const mp4::Track& track, std::uint32_t description,
                     Bytes payload);
  void place_continuation(const media::SampleRecord& record, const mp4::Track& track);
  void end_last_sample(Run& run, std::uint32_t track_id);
  Append take_waiting();

  Journal journal_;
  RecordingLimits limits_;
  std::uint64_t next_sequence_ = journal_.next_sequence;
  std::vector<mp4::Track> tracks_;  // of the running file
  bool tracks_changed_ = false;
  std::uint32_t fragments_ = 0;
  TrackEnds ends_;                // of the running file, with the waiting samples
  std::size_t publications_ = 1;  // in the running file
  bool continuing_ = false;
  std::optional<std::int64_t> begin_us_;                  // of the running file, on its timeline
  std::uint64_t file_bytes_ = 0;                          // of its fragments, without those that wait
  std::map<std::uint32_t, Run> waiting_;                  // by track id
  std::map<std::uint32_t, std::uint32_t> last_duration_;  // by track id
  std::vector<media::RecordedSample> records_;            // since the last fragment
  std::size_t data_bytes_ = 0;                            // of data in them
  std::uint64_t waiting_bytes_ = 0;
  std::uint64_t waiting_segment_ = 0;
  std::int64_t waiting_since_us_ = 0;  // arrival of the first waiting sample
};

}  // namespace millrace::recording
