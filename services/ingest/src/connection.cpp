#include "connection.hpp"

#include <cerrno>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/secret.hpp"
#include "player_group.hpp"

namespace millrace::ingest {

namespace {

// Auth has a deadline of its own, and an older publisher may have to leave first.
constexpr std::int64_t kDecisionUs = 10'000'000;

rtmp::SessionLimits session_limits(const IngestConfig& config) {
  rtmp::SessionLimits limits;
  if (config.chunk_size != 0) limits.send_chunk_size = config.chunk_size;
  return limits;
}

std::int64_t microseconds(std::chrono::seconds duration) {
  return std::chrono::microseconds(duration).count();
}

}  // namespace

Connection::Connection(Shard& shard, std::uint64_t id, Transport transport, Peer peer, std::int64_t since_us)
    : shard_(shard),
      id_(id),
      transport_(std::move(transport)),
      peer_(std::move(peer)),
      session_(session_limits(shard.shared().config), random_u64()),
      now_us_(since_us),
      state_since_us_(since_us),
      last_read_us_(since_us),
      last_ping_us_(since_us) {
  shard_.shared().counters.connections.fetch_add(1, std::memory_order_relaxed);
  shard_.shared().counters.connections_total.fetch_add(1, std::memory_order_relaxed);
}

Connection::~Connection() {
  if (asked_to_reconnect_) shard_.shared().asked_to_reconnect.fetch_sub(1, std::memory_order_relaxed);
  shard_.shared().counters.connections.fetch_sub(1, std::memory_order_relaxed);
}

void Connection::enter(State state) {
  if (state_ == State::kGone) return;  // for good
  state_ = state;
  state_since_us_ = now_us_;
  free_from_bytes_ = session_.received_bytes();
  const bool reading = state != State::kAskingPublish;  // an encoder that does not wait is held by TCP
  if (reading == reading_) return;
  reading_ = reading;
  watch();
  if (reading && transport_.readable()) read_later();
}

void Connection::watch() {
  if (state_ != State::kGone) shard_.poller().watch(fd(), *this, reading_, watching_writable_);
}

void Connection::watch_writable(bool wanted) {
  if (wanted == watching_writable_) return;
  watching_writable_ = wanted;
  watch();
}

void Connection::send(ByteView bytes) {
  if (state_ == State::kGone || bytes.empty()) return;
  if (!outbox_.append(bytes)) close(media::LogEnd::kDisconnected, "does not read");
}

void Connection::flush() {
  // The rest of a message comes before anything else.
  if (state_ == State::kGone || (player_ && player_->in_message())) return;
  const Sent sent = outbox_.flush(transport_);
  if (sent == Sent::kFailed) return close(media::LogEnd::kDisconnected, transport_.failure(errno));
  if (!player_ || !player_->blocked) watch_writable(sent == Sent::kBlocked || transport_.unsent());
  if (sent == Sent::kAll && state_ == State::kClosing) transport_.shutdown();
}

// Lets the last bytes reach the peer: closing with unread input would reset the connection and lose them.
void Connection::linger() {
  if (state_ == State::kGone || state_ == State::kClosing) return;
  leave_group();
  (void)release_held();
  enter(State::kClosing);
  flush();
}

void Connection::close(media::LogEnd reason, std::string_view why) {
  if (state_ == State::kGone) return;
  const bool expected = state_ == State::kClosing;
  if (publishing_) end_publication(reason);
  leave_group();
  (void)release_held();
  state_ = State::kGone;
  shard_.poller().remove(fd());
  transport_.close();
  if (!expected) log::debug("connection closed", {{"peer", peer_.text}, {"connection", id_}, {"why", why}});
  shard_.retire(id_);
}

void Connection::perform(const rtmp::Close& action) {
  shard_.shared().counters.protocol_errors.fetch_add(1, std::memory_order_relaxed);
  if (shard_.may_log(now_us_))
    log::info("protocol error",
              {{"peer", peer_.text}, {"code", action.error.code}, {"message", action.error.message}});
  if (publishing_) end_publication(media::LogEnd::kProtocolError);
  linger();
}

// --- time ---

void Connection::tick(std::int64_t now_us) {
  now_us_ = now_us;
  const IngestConfig& config = shard_.shared().config;
  const std::int64_t in_state = now_us - state_since_us_;
  ServerCounters& counters = shard_.shared().counters;
  const auto time_out = [&](std::string_view why) {
    counters.timeouts.fetch_add(1, std::memory_order_relaxed);
    close(media::LogEnd::kTimedOut, why);
  };
  switch (state_) {
    case State::kOpening:
      if (in_state > microseconds(config.handshake)) time_out("no publish or play in time");
      break;
    case State::kAskingPublish:
    case State::kAskingPlay:
      if (in_state > kDecisionUs) time_out("no decision in time");
      break;
    case State::kPublishing:
      tick_publisher(now_us);
      break;
    case State::kPlaying:
      tick_player(now_us);
      break;
    case State::kClosing:
      if (in_state > kLingerUs) close(media::LogEnd::kDisconnected, "lingered");
      break;
    case State::kGone:
      break;
  }
}

// Bytes alone do not keep a publisher alive: pings and commands cost nothing to send. A message that is under
// way may take its time (a large key frame over a thin line), but not for ever.
void Connection::tick_publisher(std::int64_t now_us) {
  constexpr std::int64_t kUnderWay = 4;
  const IngestConfig& config = shard_.shared().config;
  Publication& publication = *publishing_->publication;
  if (const Result<void> checked = publication.check(now_us); !checked) {
    return fail_publication(checked.error());
  }
  const bool began = publication.committed() > 0;
  const std::int64_t media_us = began ? publication.arrival_us() : state_since_us_;
  const std::int64_t patience = microseconds(began ? config.read_timeout : config.first_media) *
                                (publication.receiving() ? kUnderWay : 1);
  if (now_us - last_read_us_ <= microseconds(config.read_timeout) && now_us - media_us <= patience) return;
  shard_.shared().counters.timeouts.fetch_add(1, std::memory_order_relaxed);
  const std::uint64_t dropped = publishing_->stream->counters->dropped_messages;
  if (dropped == 0) return terminate_publication(media::LogEnd::kTimedOut);
  std::string why =
      "Nothing that can be used came for too long: " + std::to_string(dropped) + " messages were dropped.";
  const std::string_view refusal = publication.newest_refusal();
  if (!refusal.empty()) why.append(" ").append(refusal);
  terminate_publication(media::LogEnd::kTimedOut, why);
}

void Connection::tick_player(std::int64_t now_us) {
  const std::int64_t ping_us = microseconds(shard_.shared().config.ping);
  if (now_us - last_read_us_ > 3 * ping_us) {
    shard_.shared().counters.timeouts.fetch_add(1, std::memory_order_relaxed);
    return close(media::LogEnd::kTimedOut, "no answer to pings");
  }
  if (now_us - last_ping_us_ < ping_us) return;
  last_ping_us_ = now_us;
  free_from_bytes_ = session_.received_bytes();
  send(rtmp::ServerSession::ping_request(static_cast<std::uint32_t>(now_us / 1000)));
  flush();
}

bool Connection::ask_to_reconnect() {
  if (state_ == State::kClosing || state_ == State::kGone || asked_to_reconnect_) return false;
  const Bytes request = session_.reconnect_request("", "The server is restarting.");
  if (request.empty()) return false;
  asked_to_reconnect_ = true;
  shard_.shared().asked_to_reconnect.fetch_add(1, std::memory_order_relaxed);
  send(request);
  flush();
  return true;
}

void Connection::drain() {
  if (state_ == State::kClosing || state_ == State::kGone) return;
  now_us_ = monotonic_us();
  if (publishing_) return terminate_publication(media::LogEnd::kDrained);
  if (player_) return end_play(rtmp::status::kPlayStop, "The server is stopping.");
  if (session_.connected()) {
    send(session_.status(0, rtmp::StatusLevel::kStatus, rtmp::status::kConnectClosed,
                         "The server is stopping."));
  }
  linger();
}

}  // namespace millrace::ingest
