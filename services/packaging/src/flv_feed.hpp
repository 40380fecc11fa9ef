// One viewer of a stream as FLV: reads the stream's newest log with a cursor of its own and sends tags from
// the log's memory, many in one system call. Goes on with the stream's next publication on a timeline that
// continues.
//
//   waiting ──a log is live──> starting ──key frame──> playing
//      │ ^                                                │
//      │ └────────────────── its log has ended ───────────┘
//      └──too long──> over
//
// Policies: waits at most FlvDependencies::wait_us for a publisher, and for none of a stream that was closed.
// A viewer more than kSkips.slow_us behind goes on at the newest key frame; once more within skip_again_us,
// or hopeless_us behind, it is disconnected; its first catch_up_us do not count.
//
// Owner: an HTTP connection; its thread only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "flv_tag.hpp"
#include "http/live.hpp"
#include "media/log_follower.hpp"
#include "metrics.hpp"
#include "stream_package.hpp"
#include "viewer_counter.hpp"

namespace millrace::packaging {

// What a feed works with; all of it outlives the HTTP server.
struct FlvDependencies {
  // Any thread; null when nothing is known of the stream.
  std::function<std::shared_ptr<const StreamLogs>(std::string_view stream_id)> logs;
  ViewerCounter& viewers;
  Metrics& metrics;
  std::int64_t wait_us = 60'000'000;
};

struct FlvViewer {
  std::string stream_id;
  std::string address;
  std::string user_agent;
  // Whether it may watch a publication, asked again and again; is_marked: the log says that it is private.
  std::function<bool(bool is_marked)> may_watch;
};

class FlvFeed final : public http::LiveStream {
 public:
  static constexpr media::SkipPolicy kSkips{.slow_us = 4'000'000,
                                            .hopeless_us = 12'000'000,
                                            .skip_again_us = 20'000'000,
                                            .catch_up_us = 10'000'000};

  FlvFeed(const FlvDependencies& dependencies, FlvViewer viewer, std::int64_t now_us);
  ~FlvFeed() override;

  Progress pump(http::LiveOutput& output, std::int64_t now_us) override;
  void drain() override { draining_ = true; }
  bool is_polled() const override { return true; }

 private:
  Progress wait(std::int64_t now_us);
  bool open_log();
  // Nobody comes back whom it could wait for.
  bool is_over() const;
  bool start(std::int64_t now_us);
  Progress play(http::LiveOutput& output, std::int64_t now_us);
  Progress send_head(http::LiveOutput& output);
  Progress send_tags(http::LiveOutput& output, std::span<const media::LogEntry> entries);
  void account(std::span<const media::LogEntry> run, std::size_t bytes);
  // What the viewer must have before this record, into head_; true when there is something.
  bool queue_configurations(const media::SampleRecord& next);
  void queue(const media::LogReader::Configuration& configuration, std::uint32_t timestamp_ms);
  void join_timelines(std::uint32_t log_timestamp_ms);
  std::uint32_t sent_timestamp(const media::SampleRecord& record) const {
    return record.wire_timestamp_ms + offset_ms_;
  }
  // False: it has to go.
  bool keep_up(std::int64_t now_us);
  bool skip(std::int64_t now_us);
  void leave_log(std::int64_t now_us);
  void report_viewer(std::int64_t now_us);
  // False: it has lost its permission, or never had one.
  bool may_stay(std::int64_t now_us);

  FlvDependencies dependencies_;
  FlvViewer viewer_;
  std::optional<media::LogReader> reader_;
  PublicationId publication_id_{};  // of the newest log that was opened
  bool is_private_ = false;         // the stream's newest publication
  media::LogFollower follower_{kSkips};
  bool behind_ = false;  // judged in the middle of a tag: nothing follows that before it is judged again
  bool draining_ = false;
  bool head_begun_ = false;  // the file's header is queued or sent
  Bytes head_;               // header and configurations to be sent before the next tag
  std::size_t head_sent_ = 0;
  std::uint32_t offset_ms_ = 0;  // modulo 2^32: what is sent minus what the log says
  std::uint32_t last_ms_ = 0;    // latest that was sent
  bool any_sent_ = false;
  std::int64_t waiting_since_us_;
  std::int64_t next_look_us_ = 0;
  std::int64_t next_telling_us_ = 0;
  std::int64_t next_permission_us_ = 0;
  bool permitted_ = true;
  std::int64_t next_check_us_ = 0;  // whether it keeps up
  std::uint64_t untold_bytes_ = 0;
};

}  // namespace millrace::packaging
