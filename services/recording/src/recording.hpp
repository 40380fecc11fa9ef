// One publication's recording: follows its media log and keeps its files. A function of the log and the
// directory: what is killed at any moment and begun again goes on with exactly the next sample. Blocking; one
// thread at a time.
//
// A publication that was cut off leaves its file open for RECONNECT_GRACE_SECONDS after its last sample: the
// one that the encoder comes back with takes the file over (hand_over) and goes on in it.
//
// While a file cannot be written nothing is read either: the log holds what comes, and writing is tried
// again. When the log cannot hold it any longer samples are lost, and counted.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "containers/mp4/finished_track.hpp"
#include "media/arena_reader.hpp"
#include "part_file.hpp"
#include "recorder.hpp"

namespace millrace::recording {

// What happened in a step, for events and metrics.
struct Progress {
  std::vector<std::string> begun;     // stems of files that were begun or are continued
  std::vector<std::string> complete;  // stems of parts to be finished
  std::uint64_t fragments = 0;
  std::uint64_t samples = 0;
  std::uint64_t bytes = 0;
  std::uint64_t lost_samples = 0;
  std::optional<Error> failure;  // writing failed; tried again by a later step
  bool more = false;             // there is more to read at once
  bool ended = false;            // the publication is over and all of it is in complete files
};

// How long a file waits for its encoder to come back.
struct ReturnPolicy {
  std::int64_t grace_us = 0;
  bool awaited = false;  // the one that comes back is there, and asks for the file at once
};

class Recording {
 public:
  // The running file of a publication that was cut off.
  struct Handover {
    Recorder recorder;
    std::optional<PartFile> file;
  };

  // Reads the directory and opens the log. A log that is gone meanwhile is no error: what there is of it is
  // complete. predecessor is asked for its file where this publication has none of its own yet.
  static Result<Recording> open(
      media::ArenaReader& arena, const media::LogInfo& info, std::string directory,
      RecordingLimits limits = {},
      const std::function<std::optional<Handover>(std::int64_t first_arrival_us)>& predecessor = {});

  // Reads what is there (at most kStepBytes) and writes what is due.
  Progress step(std::int64_t monotonic_us, const ReturnPolicy& policy = {});
  // Writes all that was read and syncs: the process is about to end. The part is continued by the next one.
  Progress suspend(std::int64_t monotonic_us);
  // The file, when this publication is over, all of it is written, and the other's first sample came within
  // the grace time; this recording is over then. Else nullopt.
  std::optional<Handover> hand_over(std::int64_t first_arrival_us, std::int64_t grace_us);

 private:
  static constexpr std::uint64_t kStepBytes = 32U << 20;
  // A file begins without the group of pictures whose key frame is further back. With less than
  // mp4::kMaxHiddenSeconds, whatever order the pictures are shown in, the file can be presented (/vod/).
  static constexpr std::int64_t kMostLeadInSeconds = mp4::kMaxHiddenSeconds - 1;
  static constexpr std::uint64_t kMostLeadInBytes = 32U << 20;
  static constexpr std::uint64_t kMostLeadInRecords = 65'536;

  Recording(media::LogInfo info, std::string directory, Recorder recorder)
      : info_(std::move(info)), directory_(std::move(directory)), recorder_(std::move(recorder)) {}

  std::int64_t first_arrival_us() const;
  void take_over(Handover handover);
  void refuse_changed_tracks(const media::SampleRecord& first);
  bool waits_for_return(std::int64_t monotonic_us, const ReturnPolicy& policy) const;
  void read_log(std::int64_t monotonic_us, const ReturnPolicy& policy, Progress& progress);
  bool is_for_players(const media::LogReader::Sample& sample);
  bool take_sample(const media::LogReader::Sample& sample, Progress& progress);
  std::vector<Recorder::LeadInPicture> lead_in_of(const media::SampleRecord& next,
                                                  const mp4::Track& track) const;
  const mp4::Track* track_of(std::uint32_t configuration);
  void count_lost(std::uint64_t next_sequence, Progress& progress);
  bool perform(std::int64_t monotonic_us, Progress& progress);
  Result<void> append(const Append& append, Progress& progress);
  media::RecordedPiece recorded_piece(const std::vector<media::RecordedSample>& records);
  Result<void> mark_private();
  void close_file(std::int64_t monotonic_us, Progress& progress);
  void hold_unwritten();

  media::LogInfo info_;
  std::string directory_;
  Recorder recorder_;
  media::EventLimits events_;
  std::optional<media::LogReader> log_;
  std::vector<std::optional<std::optional<mp4::Track>>> tracks_;  // by configuration index, once looked up
  std::vector<FileAction> waiting_;                               // not done yet, in order
  std::optional<PartFile> file_;
  std::vector<std::string> announced_begun_;  // reported with the first step
  std::vector<std::string> announced_complete_;
  std::string marked_;               // stem whose private mark is there
  std::uint64_t written_ = 0;        // records before this one are in files
  bool over_ = false;                // the log has ended and everything is read
  bool waiting_for_return_ = false;  // over, and its file is open
  media::LogEnd end_reason_ = media::LogEnd::kLive;
};

}  // namespace millrace::recording
