// A connection's role from a publish command on: asks whether it may, keeps what came with the command
// meanwhile, writes the media that follows to a Publication and holds the publisher to its limits.
//
//   asking ──accepted──> publishing ──> over
//      └──refused, terminated, closed──────^
//
// Owner: its Connection; the shard's thread only. What is posted names the publication: an answer may come
// when the peer has given up and asked again.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "config.hpp"
#include "media/arena_writer.hpp"
#include "other_services.hpp"
#include "publish/bitrate_window.hpp"
#include "publish/publication.hpp"
#include "publish/record_reports.hpp"
#include "rtmp/server_session.hpp"
#include "server/role_connection.hpp"
#include "server/server_counters.hpp"
#include "streams/live_streams.hpp"
#include "streams/slates.hpp"

namespace millrace::ingest {

class PublicationTicket;

// What publishers work with; all of it outlives them.
struct PublishContext {
  const IngestConfig& config;
  ServerCounters& counters;
  media::ArenaWriter& arena;
  Announcer& announcer;
  LiveStreams& streams;
  Slates& slates;
  // Starts the actor of a publication.
  const std::function<void(const std::shared_ptr<PublicationTicket>&)>& start_publication;
};

// Plain values: with them, the session's and the log's another process could go on.
struct PublishState {
  enum class Phase : std::uint8_t { kAsking, kPublishing, kOver };

  Phase phase = Phase::kOver;  // nothing was asked yet
  std::int64_t since_us = 0;   // in this phase
  std::uint32_t message_stream_id = 0;
  PublicationId publication_id{};
  Bytes held;  // came with the command
  BitrateWindow bitrate;
  StreamLimits limits;          // the stream's own, of now
  bool limits_changed = false;  // since it was admitted
  RecordReports reports;
};

class PublishRole {
 public:
  // Held bytes of all connections together; a publisher whose would be more is refused.
  static constexpr std::uint64_t kMaxHeldBytes = 64U << 20;
  // Auth has a deadline of its own, and an older publisher may have to leave first.
  static constexpr std::int64_t kDecisionUs = 10'000'000;

  PublishRole(RoleConnection& connection, const PublishContext& context);
  ~PublishRole();
  PublishRole(const PublishRole&) = delete;
  PublishRole& operator=(const PublishRole&) = delete;

  // Any thread: runs work with the role on its own, if it is still there.
  using Post = std::function<void(std::function<void(PublishRole&)>)>;
  void ask(rtmp::PublishRequested& request, const Post& post);

  bool asking() const { return state_.phase == PublishState::Phase::kAsking; }
  bool publishing() const { return state_.phase == PublishState::Phase::kPublishing; }
  bool over() const { return state_.phase == PublishState::Phase::kOver; }
  const PublishState& state() const { return state_; }
  const LiveStreamPtr& stream() const { return stream_; }  // null until it was accepted

  // Answers.
  void accept(const LiveStreamPtr& stream);
  void refuse(PublicationId publication_id, const Error& error);
  // At any time.
  void change_limits(const StreamLimits& limits);
  // The publisher gets a status and is closed. why: for it, instead of what the reason says.
  void terminate(media::LogEnd reason, std::string_view why = {});
  // Over, without a word to the publisher.
  void end(media::LogEnd reason);

  // While it asks: false when there is no room for them, and the role is over.
  bool hold(ByteView bytes);
  // Accepted: they are to be taken as if they came now.
  Bytes release_held();

  // While it publishes; otherwise they do nothing.
  void begin(const rtmp::MessageBegin& message);
  void append(const rtmp::MessageBytes& message);
  void end(const rtmp::MessageEnd& message, const MessageTimes& times);
  void abort(const rtmp::MessageAborted& message);
  // So many bytes were read. False: it sends more than it may, got a status and is closing.
  bool count_received(std::size_t bytes, std::int64_t now_us);
  void tick(std::int64_t last_read_us);

  // True once when there is something to report, until report().
  bool report_due() { return state_.reports.due(); }
  // Adds what is to be reported on the bus (record_reports.hpp). True: there are new records, readers are to
  // be woken.
  bool report(std::vector<NewRecords>& out);

 private:
  using Phase = PublishState::Phase;

  void enter(Phase phase);
  bool enter_publishers();
  void leave_publishers();
  void refuse_room(const Error& error);
  void reject(const Error& error);
  void started();
  void fail(const Error& error);
  void report_refusals();
  void report_tracks();
  RecordReports::Progress progress() const;
  NewRecords records_from(std::uint64_t first) const;
  void finish(media::LogEnd reason);
  void leave_slate(media::LogEnd reason);
  void time_out();

  RoleConnection& connection_;
  rtmp::ServerSession& session_;  // the connection's
  const PublishContext& context_;
  PublishState state_;
  std::shared_ptr<PublicationTicket> ticket_;
  LiveStreamPtr stream_;                      // once accepted
  std::unique_ptr<Publication> publication_;  // while it publishes
  bool counted_ = false;                      // among the server's publishers
};

}  // namespace millrace::ingest
