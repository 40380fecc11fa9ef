#include "connection.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/log.hpp"
#include "base/secret.hpp"
#include "player_group.hpp"
#include "publication_actor.hpp"

namespace millrace::ingest {

namespace {

constexpr int kReadsPerWakeUp = 4;
// Auth has a deadline of its own, and an older publisher may have to leave first.
constexpr std::int64_t kDecisionUs = 10'000'000;
constexpr int kPlayerSendBuffer = 512 << 10;
constexpr std::string_view kPublishRejected = "NetStream.Publish.Rejected";
constexpr std::string_view kPublishFailed = "NetStream.Publish.Failed";
constexpr std::string_view kConnectClosed = "NetConnection.Connect.Closed";

struct StatusText {
  std::string_view code;
  std::string_view description;
};

StatusText text_of(media::LogEnd reason) {
  switch (reason) {
    case media::LogEnd::kTakenOver:
      return {kPublishRejected, "A newer publisher has taken this stream over."};
    case media::LogEnd::kRevoked:
      return {rtmp::status::kPublishDenied, "The stream was closed."};
    case media::LogEnd::kDrained:
      return {rtmp::status::kUnpublishSuccess, "The server is stopping."};
    case media::LogEnd::kTimedOut:
      return {kPublishFailed, "Nothing was received for too long."};
    default:
      return {kPublishFailed, "The stream has ended."};
  }
}

std::string_view refusal_code(const Error& error) {
  if (error.code == "ingest.denied") return rtmp::status::kPublishDenied;
  if (error.code == "ingest.name") return rtmp::status::kPublishBadName;
  if (error.code == "ingest.superseded") return kPublishRejected;
  return kPublishFailed;
}

// "GET ", "POST", … : somebody took the RTMP port for a web server.
bool is_http(ByteView first) {
  constexpr std::array<std::string_view, 5> kMethods = {"GET ", "POST", "HEAD", "PUT ", "OPTI"};
  const std::string_view text = as_text(first).substr(0, 4);
  return std::find(kMethods.begin(), kMethods.end(), text) != kMethods.end();
}

std::int64_t microseconds(std::chrono::seconds duration) {
  return std::chrono::microseconds(duration).count();
}

}  // namespace

Connection::Connection(Shard& shard, std::uint64_t id, net::Accepted accepted, std::int64_t now_us)
    : shard_(shard),
      id_(id),
      socket_(std::move(accepted.socket)),
      peer_(std::move(accepted.peer_address)),
      session_({}, random_u64()),
      now_us_(now_us),
      state_since_us_(now_us),
      last_read_us_(now_us),
      last_ping_us_(now_us) {
  shard_.shared().counters.connections.fetch_add(1, std::memory_order_relaxed);
  shard_.shared().counters.connections_total.fetch_add(1, std::memory_order_relaxed);
}

Connection::~Connection() {
  shard_.shared().counters.connections.fetch_sub(1, std::memory_order_relaxed);
}

void Connection::enter(State state) {
  state_ = state;
  state_since_us_ = now_us_;
  free_from_bytes_ = session_.received_bytes();
  const bool reading = state != State::kAskingPublish;  // an encoder that does not wait is held by TCP
  if (reading == reading_) return;
  reading_ = reading;
  watch();
}

void Connection::watch() {
  if (state_ != State::kGone) shard_.poller().watch(fd(), *this, reading_, watching_writable_);
}

void Connection::watch_writable(bool wanted) {
  if (wanted == watching_writable_) return;
  watching_writable_ = wanted;
  watch();
}

// --- bytes ---

void Connection::on_ready(bool readable, bool writable) {
  if (state_ == State::kGone) return;
  now_us_ = monotonic_us();
  if (readable) read();
  if (state_ == State::kGone) return;
  if (writable && player_) player_->group->on_writable(*player_, now_us_);
  flush();
}

void Connection::read() {
  std::vector<std::uint8_t>& buffer = shard_.receive_buffer();
  for (int i = 0; i < kReadsPerWakeUp && state_ != State::kGone; ++i) {
    const ssize_t count = ::recv(fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (count <= 0)
      return close(media::LogEnd::kDisconnected, count == 0 ? "closed by the peer" : std::strerror(errno));
    shard_.shared().counters.received_bytes.fetch_add(static_cast<std::uint64_t>(count),
                                                      std::memory_order_relaxed);
    last_read_us_ = now_us_;
    if (state_ != State::kClosing && !take({buffer.data(), static_cast<std::size_t>(count)})) return;
    if (static_cast<std::size_t>(count) < buffer.size()) return;
  }
}

// False when the connection is closing or gone.
bool Connection::take(ByteView bytes) {
  const bool http = session_.received_bytes() == 0 && is_http(bytes);
  if (http) {
    if (shard_.may_log(now_us_)) log::info("HTTP request on the RTMP port", {{"peer", peer_}});
    shard_.shared().counters.protocol_errors.fetch_add(1, std::memory_order_relaxed);
    close(media::LogEnd::kProtocolError, "http");
    return false;
  }
  wall_us_ = wall_us();
  std::vector<rtmp::Action>& actions = shard_.actions();
  actions.clear();
  session_.receive(bytes, actions);
  for (rtmp::Action& action : actions) {
    std::visit([this](auto& a) { perform(a); }, action);
    if (state_ == State::kClosing || state_ == State::kGone) return false;
  }
  if (state_ == State::kPublishing) {
    publishing_->stream->counters->received_bytes.store(session_.received_bytes(), std::memory_order_relaxed);
    return true;
  }
  const std::uint64_t limit = state_ == State::kPlaying ? kMaxPlayerBytes : kMaxBytesBeforeAcceptance;
  if (state_ != State::kAskingPublish && session_.received_bytes() - free_from_bytes_ > limit) {
    shard_.shared().counters.protocol_errors.fetch_add(1, std::memory_order_relaxed);
    close(media::LogEnd::kProtocolError, "sends what nobody asked for");
    return false;
  }
  return true;
}

void Connection::send(ByteView bytes) {
  if (state_ == State::kGone || bytes.empty()) return;
  if (!outbox_.append(bytes)) close(media::LogEnd::kDisconnected, "does not read");
}

void Connection::flush() {
  // The rest of a message comes before anything else.
  if (state_ == State::kGone || (player_ && player_->in_message())) return;
  const Sent sent = outbox_.flush(fd());
  if (sent == Sent::kFailed) return close(media::LogEnd::kDisconnected, std::strerror(errno));
  if (!player_ || !player_->blocked) watch_writable(sent == Sent::kBlocked);
  if (sent == Sent::kAll && state_ == State::kClosing) ::shutdown(fd(), SHUT_WR);
}

// Lets the last bytes reach the peer: closing with unread input would reset the connection and lose them.
void Connection::linger() {
  if (state_ == State::kGone || state_ == State::kClosing) return;
  leave_group();
  enter(State::kClosing);
  flush();
}

void Connection::close(media::LogEnd reason, std::string_view why) {
  if (state_ == State::kGone) return;
  const bool expected = state_ == State::kClosing;
  if (publishing_) end_publication(reason);
  leave_group();
  state_ = State::kGone;
  shard_.poller().remove(fd());
  socket_.reset();
  if (!expected) log::debug("connection closed", {{"peer", peer_}, {"connection", id_}, {"why", why}});
  shard_.retire(id_);
}

void Connection::perform(const rtmp::Close& action) {
  shard_.shared().counters.protocol_errors.fetch_add(1, std::memory_order_relaxed);
  if (shard_.may_log(now_us_))
    log::info("protocol error",
              {{"peer", peer_}, {"code", action.error.code}, {"message", action.error.message}});
  if (publishing_) end_publication(media::LogEnd::kProtocolError);
  linger();
}

// --- publishing ---

void Connection::perform(rtmp::PublishRequested& request) {
  if (state_ != State::kOpening) {
    send(session_.reject_publish(request.message_stream_id, rtmp::status::kPublishBadName,
                                 "One stream a connection."));
    return;
  }
  if (!is_valid_id(request.app) || !is_valid_id(request.name)) {
    return refuse_publish(request.message_stream_id,
                          {"ingest.name", "The application or stream name is not valid."});
  }
  ask_to_publish(request);
}

void Connection::ask_to_publish(rtmp::PublishRequested& request) {
  auto ticket = std::make_shared<PublicationTicket>();
  ticket->question = {std::move(request.app), std::move(request.name), std::move(request.query), peer_};
  while (ticket->publication_id == 0) ticket->publication_id = random_u64();
  Shard& shard = shard_;
  const std::uint64_t id = id_;
  const std::uint64_t publication_id = ticket->publication_id;
  ticket->accept = [&shard, id](const LiveStreamPtr& stream) {
    shard.post_to(id, [stream](Connection& connection) { connection.publish_accepted(stream); });
  };
  ticket->reject = [&shard, id, publication_id](const Error& error) {
    shard.post_to(id, [publication_id, error](Connection& connection) {
      connection.publish_refused(publication_id, error);
    });
  };
  ticket->terminate = [&shard, id, publication_id](media::LogEnd reason) {
    shard.post_to(id, [publication_id, reason](Connection& connection) {
      if (connection.owns(publication_id)) connection.terminate_publication(reason);
    });
  };
  publishing_ = std::make_unique<Publishing>();
  publishing_->message_stream_id = request.message_stream_id;
  publishing_->ticket = ticket;
  enter(State::kAskingPublish);
  shard_.shared().start_publication(ticket);
}

void Connection::refuse_publish(std::uint32_t message_stream_id, const Error& error) {
  shard_.shared().counters.publish_refused.fetch_add(1, std::memory_order_relaxed);
  if (shard_.may_log(now_us_))
    log::info("publish refused", {{"peer", peer_}, {"code", error.code}, {"message", error.message}});
  send(session_.reject_publish(message_stream_id, refusal_code(error), error.message));
  linger();
}

// Answers may come late, when the peer has given up and asked anew.
bool Connection::owns(std::uint64_t publication_id) const {
  return publishing_ && publishing_->ticket->publication_id == publication_id;
}

void Connection::publish_refused(std::uint64_t publication_id, const Error& error) {
  if (state_ != State::kAskingPublish || !owns(publication_id)) return;
  now_us_ = monotonic_us();
  const std::uint32_t message_stream_id = publishing_->message_stream_id;
  publishing_.reset();
  refuse_publish(message_stream_id, error);
}

Result<std::unique_ptr<Publication>> Connection::create_publication(const LiveStream& stream) {
  const IngestConfig& config = shard_.shared().config;
  media::LogDescription description;
  description.stream_id = stream.stream_id;
  description.publication_id = stream.publication_id;
  description.epoch = stream.epoch;
  description.started_wall_us = stream.started_wall_us;
  description.segment_target_ms = config.segment_ms;
  description.retention.keep_us = microseconds(config.log_keep);
  description.retention.pinned_limit_us = 2 * description.retention.keep_us;
  description.retention.guaranteed_bytes = config.log_stream_bytes;
  description.retention.max_bytes = std::max(config.log_stream_bytes, config.log_bytes / 2);
  media::TimelineConfig timeline;
  timeline.started_wall_us = stream.started_wall_us;
  timeline.segment_target_ms = config.segment_ms;
  timeline.continuation = shard_.shared().arena.continuation(stream.stream_id);
  auto log = shard_.shared().arena.create_log(description);
  if (!log) return tl::unexpected<Error>(log.error());
  return std::make_unique<Publication>(std::move(*log), timeline, stream.counters);
}

void Connection::publish_accepted(const LiveStreamPtr& stream) {
  if (state_ != State::kAskingPublish || !owns(stream->publication_id)) return;
  now_us_ = monotonic_us();
  publishing_->stream = stream;
  auto publication = create_publication(*stream);
  if (!publication) {
    log::error("no media log for a stream",
               {{"stream", stream->stream_id}, {"message", publication.error().message}});
    publishing_->ticket->tell(PublisherGone{media::LogEnd::kNoSpace});
    return publish_refused(stream->publication_id,
                           {publication.error().code, "The server has no room for another stream."});
  }
  publishing_->publication = std::move(*publication);
  stream->slot = publishing_->publication->slot();
  log::info("publish accepted", {{"stream", stream->stream_id},
                                 {"publication", hex_id(stream->publication_id)},
                                 {"epoch", stream->epoch},
                                 {"peer", peer_}});
  shard_.shared().counters.publishers.fetch_add(1, std::memory_order_relaxed);
  send(session_.accept_publish(publishing_->message_stream_id));
  last_read_us_ = now_us_;
  enter(State::kPublishing);
  shard_.shared().streams.set_live(stream);
  flush();
}

void Connection::perform(const rtmp::MessageBegin& action) {
  if (state_ != State::kPublishing) return;
  if (const Result<void> begun = publishing_->publication->begin(action); !begun)
    fail_publication(begun.error());
}

void Connection::perform(const rtmp::MessageBytes& action) {
  if (state_ == State::kPublishing) publishing_->publication->append(action.chunk_stream_id, action.bytes);
}

void Connection::perform(const rtmp::MessageEnd& action) {
  if (state_ != State::kPublishing) return;
  const Result<void> ended = publishing_->publication->end(action.chunk_stream_id, {now_us_, wall_us_});
  if (!ended) return fail_publication(ended.error());
  if (!std::exchange(publishing_->dirty, true)) shard_.mark_dirty(*this);
}

void Connection::perform(const rtmp::MessageAborted& action) {
  if (state_ == State::kPublishing) publishing_->publication->abort(action.chunk_stream_id);
}

void Connection::perform(const rtmp::PublishEnded&) {
  if (!publishing_) return;
  end_publication(media::LogEnd::kUnpublished);
  enter(State::kOpening);
}

// What is sent can't be taken: the publisher is told why.
void Connection::fail_publication(const Error& error) {
  log::warning(
      "publication refused while live",
      {{"stream", publishing_->stream->stream_id}, {"code", error.code}, {"message", error.message}});
  shard_.shared().counters.publish_refused.fetch_add(1, std::memory_order_relaxed);
  send(session_.end_publish(publishing_->message_stream_id, kPublishFailed, error.message));
  if (state_ == State::kGone) return;
  end_publication(error.code == "media.no_space" ? media::LogEnd::kNoSpace : media::LogEnd::kProtocolError);
  linger();
}

void Connection::terminate_publication(media::LogEnd reason) {
  if (!publishing_) return;
  now_us_ = monotonic_us();
  const StatusText text = text_of(reason);
  const std::uint32_t message_stream_id = publishing_->message_stream_id;
  const bool accepted = state_ == State::kPublishing;
  end_publication(reason);
  send(accepted ? session_.end_publish(message_stream_id, text.code, text.description)
                : session_.reject_publish(message_stream_id, text.code, text.description));
  linger();
}

void Connection::end_publication(media::LogEnd reason) {
  const std::unique_ptr<Publishing> ended = std::move(publishing_);
  if (ended->publication) {
    ended->publication->finish(reason);
    publishing_ = nullptr;
    LiveStream& stream = *ended->stream;
    stream.committed.store(ended->publication->committed(), std::memory_order_release);
    if (ended->publication->take_tracks_changed()) {
      ended->ticket->tell(TracksChanged{ended->publication->tracks(), ended->publication->encoder()});
    }
    if (ended->publication->committed() > ended->announced) {
      shard_.shared().announcer.new_records(
          {{ended->stream, ended->announced, ended->publication->committed(),
            ended->publication->media_sequence(), ended->publication->arrival_us()}});
    }
    shard_.shared().streams.set_ended(ended->stream);
    shard_.shared().counters.publishers.fetch_sub(1, std::memory_order_relaxed);
    log::info("publication ended", {{"stream", stream.stream_id},
                                    {"publication", hex_id(stream.publication_id)},
                                    {"reason", static_cast<int>(reason)},
                                    {"records", ended->publication->committed()}});
  }
  ended->ticket->tell(PublisherGone{reason});
}

bool Connection::announce(std::int64_t now_us, std::int64_t interval_us, std::vector<NewRecords>& out) {
  if (state_ != State::kPublishing) return true;
  Publishing& p = *publishing_;
  p.dirty = false;
  const std::uint64_t committed = p.publication->committed();
  p.stream->committed.store(committed, std::memory_order_release);
  if (p.publication->take_tracks_changed()) {
    p.ticket->tell(TracksChanged{p.publication->tracks(), p.publication->encoder()});
  }
  if (committed > p.woken) {
    p.woken = committed;
    wake_players();
  }
  if (committed == p.announced) return true;
  if (now_us - p.announced_us < interval_us) {
    p.dirty = true;
    return false;
  }
  out.push_back(
      {p.stream, p.announced, committed, p.publication->media_sequence(), p.publication->arrival_us()});
  p.announced = committed;
  p.announced_us = now_us;
  return true;
}

void Connection::wake_players() {
  const LiveStreamPtr& stream = publishing_->stream;
  const std::uint64_t watching = stream->watching_shards.load(std::memory_order_acquire);
  const std::vector<Shard*>& shards = shard_.shared().shards;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::uint64_t bit = std::uint64_t{1} << i;
    if ((watching & bit) == 0) continue;
    if (shards[i] == &shard_) {
      shard_.wake_players(stream);
    } else if ((stream->woken_shards.fetch_or(bit, std::memory_order_acq_rel) & bit) == 0) {
      shards[i]->post([other = shards[i], stream] { other->wake_players(stream); });
    }
  }
}

// --- playing ---

void Connection::perform(rtmp::PlayRequested& request) {
  if (state_ != State::kOpening) {
    send(session_.reject_play(request.message_stream_id, rtmp::status::kPlayFailed,
                              "One stream a connection."));
    return;
  }
  enter(State::kAskingPlay);
  ++play_request_;
  if (!is_valid_id(request.app) || !is_valid_id(request.name)) {
    return play_decided(play_request_, request.message_stream_id, PlayDecision{});
  }
  Shard& shard = shard_;
  const std::uint64_t id = id_;
  const std::uint32_t message_stream_id = request.message_stream_id;
  shard_.shared().authority.may_play(
      {std::move(request.app), std::move(request.name), peer_},
      [&shard, id, request_number = play_request_, message_stream_id](Result<PlayDecision> decision) {
        shard.post_to(
            id, [request_number, message_stream_id, decision = std::move(decision)](Connection& connection) {
              connection.play_decided(request_number, message_stream_id, decision);
            });
      });
}

void Connection::play_decided(std::uint32_t request, std::uint32_t message_stream_id,
                              const Result<PlayDecision>& decision) {
  if (state_ != State::kAskingPlay || request != play_request_) return;
  now_us_ = monotonic_us();
  if (!decision || !decision->allowed || !is_valid_id(decision->stream_id)) {
    shard_.shared().counters.play_refused.fetch_add(1, std::memory_order_relaxed);
    send(decision ? session_.reject_play(message_stream_id, rtmp::status::kPlayStreamNotFound,
                                         "There is no such stream.")
                  : session_.reject_play(message_stream_id, rtmp::status::kPlayFailed,
                                         "Nobody can decide at the moment: try again."));
    return linger();
  }
  (void)::setsockopt(fd(), SOL_SOCKET, SO_SNDBUF, &kPlayerSendBuffer, sizeof kPlayerSendBuffer);
  send(session_.accept_play(message_stream_id));
  enter(State::kPlaying);
  last_ping_us_ = now_us_;
  shard_.shared().counters.players.fetch_add(1, std::memory_order_relaxed);
  log::debug("play accepted", {{"stream", decision->stream_id}, {"peer", peer_}, {"connection", id_}});
  player_ = std::make_unique<Player>(*this, message_stream_id, now_us_);
  flush();
  if (state_ == State::kPlaying) shard_.group(decision->stream_id).add(*player_);
}

void Connection::perform(const rtmp::PlayEnded&) {
  if (state_ == State::kPlaying && player_->in_message())
    return close(media::LogEnd::kDisconnected, "stopped");
  leave_group();
  enter(State::kOpening);
}

void Connection::leave_group() {
  if (!player_) return;
  shard_.shared().counters.players.fetch_sub(1, std::memory_order_relaxed);
  if (player_->group != nullptr) player_->group->remove(*player_);
  player_.reset();
}

void Connection::end_play(std::string_view code, std::string_view description) {
  if (!player_) return;
  if (player_->in_message()) return close(media::LogEnd::kDisconnected, "too slow to be told");
  send(session_.end_play(player_->message_stream_id, code, description));
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
      if (now_us - last_read_us_ <= microseconds(config.read_timeout)) break;
      counters.timeouts.fetch_add(1, std::memory_order_relaxed);
      terminate_publication(media::LogEnd::kTimedOut);
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

void Connection::drain() {
  if (state_ == State::kClosing || state_ == State::kGone) return;
  now_us_ = monotonic_us();
  if (publishing_) return terminate_publication(media::LogEnd::kDrained);
  if (player_) return end_play(rtmp::status::kPlayStop, "The server is stopping.");
  if (session_.connected()) {
    send(session_.status(0, rtmp::StatusLevel::kStatus, kConnectClosed, "The server is stopping."));
  }
  linger();
}

}  // namespace millrace::ingest
