// One viewer of a stream as FLV: reads the stream's newest log with a cursor of its own and sends tags from
// the log's memory, many in one system call. Goes on with the stream's next publication on a timeline that
// continues.
//
//   waiting ──a log is live──> starting ──key frame──> playing
//      │ ^                                                │
//      │ └────────────────── its log has ended ───────────┘
//      └──too long──> over
//
// Policies: waits at most FlvOutside::wait_us for a publisher. A viewer more than kSlowUs behind goes on at
// the newest key frame; once more within kSkipAgainUs, or 3 kSlowUs behind, it is disconnected; its first
// kCatchUpUs do not count. What the client sends is dropped, and kMaxReceived of it are too much.
//
// Owner: an HTTP connection; its thread only.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "flv_tag.hpp"
#include "http/live.hpp"
#include "metrics.hpp"
#include "stream_package.hpp"
#include "viewer_counter.hpp"

namespace millrace::packaging {

// What a feed works with; all of it outlives the HTTP server.
struct FlvOutside {
  // Any thread; null when nothing is known of the stream.
  std::function<std::shared_ptr<const StreamLogs>(std::string_view stream_id)> logs;
  ViewerCounter& viewers;
  Metrics& metrics;
  std::int64_t wait_us = 60'000'000;
  // Whether nobody may watch the stream any more, asked again and again; empty: never. Any thread.
  std::function<bool(std::string_view stream_id)> is_barred{};
};

struct FlvViewer {
  std::string stream_id;
  std::string address;
  std::string user_agent;
  // Whether it may watch a private publication, asked again and again; empty: it may not.
  std::function<bool()> may_watch{};
};

class FlvFeed final : public http::LiveStream {
 public:
  static constexpr std::int64_t kSlowUs = 4'000'000;
  static constexpr std::int64_t kSkipAgainUs = 20'000'000;
  static constexpr std::int64_t kCatchUpUs = 10'000'000;
  static constexpr std::size_t kMaxReceived = 64U << 10;
  static constexpr std::size_t kMaxTags = 128;  // per system call

  FlvFeed(const FlvOutside& outside, FlvViewer viewer, std::int64_t now_us);
  ~FlvFeed() override;

  Progress pump(http::LiveOutput& output, std::int64_t now_us) override;
  void receive(ByteView bytes, std::int64_t now_us) override;
  void drain() override { draining_ = true; }
  bool is_polled() const override { return true; }

 private:
  struct Tag {
    media::SampleRecord record;
    FlvMessage message;
    std::size_t size() const { return kFlvTagHeader + message.body.size() + kFlvTagTrailer; }
  };

  Progress wait(std::int64_t now_us);
  bool open_log();
  bool start(std::int64_t now_us);
  Progress play(http::LiveOutput& output, std::int64_t now_us);
  Progress send_head(http::LiveOutput& output);
  Progress send_tags(http::LiveOutput& output);
  std::size_t gather(std::vector<Tag>& tags);
  void account(const std::vector<Tag>& tags, std::size_t bytes);
  // What the viewer must have before this record, into head_; true when there is something.
  bool queue_configurations(const media::SampleRecord& next);
  bool queue_configuration(std::uint32_t index, std::uint32_t timestamp_ms);
  void join_timelines(std::uint32_t log_timestamp_ms);
  std::uint32_t sent_timestamp(const media::SampleRecord& record) const {
    return record.wire_timestamp_ms + offset_ms_;
  }
  // False: it has to go.
  bool keep_up(std::int64_t now_us);
  bool skip(std::int64_t now_us);
  void leave_log(std::int64_t now_us);
  void tell_viewer(std::int64_t now_us);
  // False: it has lost its permission, or never had one.
  bool may_stay(std::int64_t now_us);

  FlvOutside outside_;
  FlvViewer viewer_;
  std::optional<media::LogReader> reader_;
  std::uint64_t publication_id_ = 0;  // of the newest log that was opened
  bool is_private_ = false;           // the stream's newest publication
  bool started_ = false;
  bool draining_ = false;
  bool head_begun_ = false;   // the file's header is queued or sent
  std::uint64_t next_ = 0;    // record
  std::size_t tag_sent_ = 0;  // bytes of its tag
  Bytes head_;                // header and configurations to be sent before it
  std::size_t head_sent_ = 0;
  std::vector<std::uint32_t> configurations_;  // in force at the viewer, by track
  std::uint32_t configurations_seen_ = 0;
  std::uint32_t offset_ms_ = 0;  // modulo 2^32: what is sent minus what the log says
  std::uint32_t last_ms_ = 0;    // latest that was sent
  bool any_sent_ = false;
  std::int64_t waiting_since_us_;
  std::int64_t next_look_us_ = 0;
  std::int64_t catch_up_until_us_ = 0;
  std::int64_t skipped_us_;
  std::int64_t next_telling_us_ = 0;
  std::int64_t next_permission_us_ = 0;
  bool permitted_ = true;
  std::int64_t next_check_us_ = 0;  // whether it keeps up
  std::uint64_t untold_bytes_ = 0;
  std::size_t received_ = 0;
};

}  // namespace millrace::packaging
