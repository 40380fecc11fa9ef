#include "server/connection.hpp"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <new>
#include <utility>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/scarce_memory.hpp"
#include "base/secret.hpp"
#include "base/survive.hpp"
#include "server/protocol_detection.hpp"

namespace millrace::ingest {

namespace {

constexpr int kReadsPerWakeUp = 4;

rtmp::SessionLimits session_limits(const IngestConfig& config) {
  rtmp::SessionLimits limits;
  if (config.chunk_size != 0) limits.send_chunk_size = config.chunk_size;
  return limits;
}

std::uint64_t add(std::atomic<std::uint64_t>& counter, std::uint64_t count = 1) {
  return counter.fetch_add(count, std::memory_order_relaxed);
}

}  // namespace

Connection::Connection(Shard& shard, std::uint64_t id, Transport transport, Peer peer, std::int64_t since_us)
    : shard_(shard),
      id_(id),
      transport_(std::move(transport)),
      peer_(std::move(peer)),
      session_(session_limits(shard.config()), random_u64()),
      now_us_(since_us),
      state_since_us_(since_us),
      last_read_us_(since_us) {
  add(shard_.counters().connections);
  add(shard_.counters().connections_total);
}

Connection::~Connection() {
  if (asked_to_reconnect_) shard_.asked_to_reconnect().fetch_sub(1, std::memory_order_relaxed);
  shard_.counters().connections.fetch_sub(1, std::memory_order_relaxed);
}

// --- state ---

bool Connection::has_role() const {
  const auto* publisher = std::get_if<PublishRole>(&role_);
  const auto* player = std::get_if<PlayRole>(&role_);
  return (publisher != nullptr && !publisher->over()) || (player != nullptr && !player->over());
}

void Connection::enter(State state) {
  state_ = state;
  state_since_us_ = now_us_;
  counted_from_bytes_ = session_.received_bytes();
}

void Connection::end_role(media::LogEnd reason) {
  if (PublishRole* role = publisher()) role->end(reason);
  if (PlayRole* role = player()) role->end();
}

// Lets the last bytes reach the peer: closing with unread input would reset the connection and lose them.
void Connection::linger() {
  if (state_ != State::kOpen) return;
  end_role(media::LogEnd::kDisconnected);
  enter(State::kClosing);
  watch_readable(true);
  flush();
}

void Connection::close(media::LogEnd reason, std::string_view why) {
  if (state_ == State::kGone) return;
  const bool expected = state_ == State::kClosing;
  end_role(reason);
  state_ = State::kGone;
  shard_.poller().remove(fd());
  transport_.close();
  if (!expected) log::debug("connection closed", {{"peer", peer_.text}, {"connection", id_}, {"why", why}});
  shard_.retire(id_);
}

void Connection::on_exception() {
  (void)survives("rtmp connection", [this] { close(media::LogEnd::kDisconnected, "internal error"); });
}

// Half of what the peer asked for may be done: its own session cannot go on, everybody else's can.
void Connection::out_of_memory() {
  shard_.without_memory([this] { close(media::LogEnd::kNoSpace, "out of memory"); });
}

// --- the socket ---

void Connection::watch() {
  if (state_ == State::kGone) return;
  net::Poller& poller = shard_.poller();
  // A publisher that leaves while nothing is read must not be accepted.
  watching_readable_ ? poller.watch(fd(), *this, true, watching_writable_)
                     : poller.watch_end(fd(), *this, watching_writable_);
}

void Connection::watch_readable(bool wanted) {
  if (wanted == watching_readable_ || state_ == State::kGone) return;
  watching_readable_ = wanted;
  watch();
  if (!wanted) return;
  last_read_us_ = now_us_;
  if (transport_.readable()) read_later();
}

void Connection::watch_writable(bool wanted) {
  if (wanted == watching_writable_) return;
  watching_writable_ = wanted;
  watch();
}

bool Connection::send(ByteView bytes) {
  if (state_ == State::kGone) return false;
  if (takes_nothing_) return true;
  if (outbox_.append(bytes)) return true;
  close(media::LogEnd::kDisconnected, "does not read");
  return false;
}

void Connection::flush() {
  const PlayRole* role = player();
  // The rest of a message comes before anything else.
  if (state_ == State::kGone || (role != nullptr && role->in_message())) return;
  const Sent sent = outbox_.flush();
  if (sent == Sent::kFailed) return cannot_send(errno);
  if (role == nullptr || !role->blocked()) watch_writable(sent == Sent::kBlocked || transport_.unsent());
  if (sent == Sent::kAll && state_ == State::kClosing) transport_.shutdown();
}

// A publisher that left without reading its answers resets the connection. What it sent before that is still
// to be read: its media, and that it was done.
void Connection::cannot_send(int error) {
  PublishRole* role = publisher();
  const bool reads_on = state_ == State::kOpen && watching_readable_ && role != nullptr && role->publishing();
  if (!reads_on || transport_.secure()) return close(media::LogEnd::kDisconnected, transport_.failure(error));
  takes_nothing_ = true;
  outbox_.clear();
  watch_writable(false);
}

void Connection::on_ready(bool readable, bool writable) {
  try {
    const CanGiveUp scope;
    serve(readable, writable);
  } catch (const std::bad_alloc&) {
    out_of_memory();
  }
}

void Connection::serve(bool readable, bool writable) {
  if (state_ == State::kGone) return;
  now_us_ = monotonic_us();
  if (readable && !watching_readable_) return close(media::LogEnd::kDisconnected, "left before the answer");
  if (readable) read();
  if (state_ == State::kGone) return;
  if (PlayRole* role = player(); role != nullptr && writable) role->on_writable();
  flush();
}

void Connection::read() {
  std::vector<std::uint8_t>& buffer = shard_.receive_buffer();
  for (int i = 0; i < kReadsPerWakeUp && state_ != State::kGone; ++i) {
    const ssize_t count = transport_.receive(buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (count <= 0)
      return close(media::LogEnd::kDisconnected,
                   count == 0 ? "closed by the peer" : transport_.failure(errno));
    add(shard_.counters().received_bytes, static_cast<std::uint64_t>(count));
    shard_.poller().count_bytes(static_cast<std::size_t>(count));
    last_read_us_ = now_us_;
    if (state_ == State::kOpen && !take({buffer.data(), static_cast<std::size_t>(count)})) return;
    if (!watching_readable_) return;
    if (static_cast<std::size_t>(count) < buffer.size() && !transport_.readable()) return;
  }
  if (state_ != State::kGone && watching_readable_ && transport_.readable()) read_later();
}

// What the transport has taken from the socket already makes nothing ready.
void Connection::read_later() {
  shard_.post_to(id_, [](Connection& connection) {
    if (connection.watching_readable_) connection.on_ready(true, false);
  });
}

// --- what the peer sends ---

// False when the connection is closing or gone.
bool Connection::take(ByteView bytes) {
  if (session_.received_bytes() == 0 && !is_rtmp(bytes)) {
    const std::string_view what = detected_protocol(bytes);
    if (!what.empty()) return refuse_protocol(what);
  }
  if (!parse(bytes)) return false;
  if (PublishRole* role = publisher(); role != nullptr && role->publishing()) {
    if (role->report_due()) shard_.mark_dirty(id_);
    return role->count_received(bytes.size(), now_us_);
  }
  const PlayRole* role = player();
  if ((role == nullptr || !role->playing()) && !charge(bytes.size())) return false;
  return within_allowance() || refuse_excess();
}

// Up to the end, or to a publish that waits for its answer: what came with it is its media, as a rule.
bool Connection::parse(ByteView bytes) {
  const auto asks = [this] { return publisher() != nullptr && publisher()->asking(); };
  if (asks()) return publisher()->hold(bytes);
  wall_ = wall_now();
  std::vector<rtmp::Action>& actions = shard_.actions();
  while (!bytes.empty()) {
    actions.clear();
    const std::size_t taken = session_.receive(bytes, actions);
    bytes = bytes.subspan(taken);
    for (rtmp::Action& action : actions) {
      std::visit([this](auto& a) { perform(a); }, action);
      if (state_ != State::kOpen) return false;
    }
    if (asks()) return publisher()->hold(bytes);
  }
  return true;
}

// To what its address may send without being let in.
bool Connection::charge(std::size_t bytes) {
  if (peer_.place.charge(static_cast<std::int64_t>(bytes), now_us_)) return true;
  add(shard_.counters().address_bytes);
  if (may_log()) log::info("too many bytes before acceptance", {{"peer", peer_.text}});
  close(media::LogEnd::kProtocolError, "its address sends too much");
  return false;
}

// A publisher's is held to other limits.
bool Connection::within_allowance() {
  if (!has_role()) return session_.received_bytes() - counted_from_bytes_ <= kMaxBytesBeforeAcceptance;
  const PlayRole* role = player();
  return role == nullptr || role->within_allowance();
}

bool Connection::refuse_excess() {
  add(shard_.counters().protocol_errors);
  if (may_log())
    log::info("sends what nobody asked for", {{"peer", peer_.text}, {"bytes", session_.received_bytes()}});
  if (session_.connected())
    send(session_.status(0, rtmp::StatusLevel::kError, rtmp::status::kConnectClosed,
                         "More came than anybody asked for: nothing is published here."));
  linger();
  return false;
}

bool Connection::refuse_protocol(std::string_view what) {
  if (may_log()) log::info("no RTMP on the RTMP port", {{"peer", peer_.text}, {"what", what}});
  add(shard_.counters().protocol_errors);
  close(media::LogEnd::kProtocolError, what);
  return false;
}

// --- roles ---

template <class Role>
std::function<void(std::function<void(Role&)>)> Connection::role_post() {
  return [&shard = shard_, id = id_](std::function<void(Role&)> work) {
    shard.post_to(id, [work = std::move(work)](Connection& connection) { connection.run(work); });
  };
}

void Connection::run(const std::function<void(PublishRole&)>& work) {
  PublishRole* role = publisher();
  if (role == nullptr) return;
  now_us_ = monotonic_us();
  work(*role);
  const Bytes held = role->publishing() ? role->release_held() : Bytes();
  if (!held.empty()) (void)take(held);
  flush();
}

void Connection::run(const std::function<void(PlayRole&)>& work) {
  PlayRole* role = player();
  if (role == nullptr) return;
  now_us_ = monotonic_us();
  work(*role);
}

void Connection::perform(rtmp::PublishRequested& request) {
  if (has_role()) {
    send(session_.reject_publish(request.message_stream_id, rtmp::status::kPublishBadName,
                                 "One stream per connection."));
    return;
  }
  role_.emplace<PublishRole>(*this, shard_.publish_context()).ask(request, role_post<PublishRole>());
}

void Connection::perform(rtmp::PlayRequested& request) {
  if (has_role()) {
    send(session_.reject_play(request.message_stream_id, rtmp::status::kPlayFailed,
                              "One stream per connection."));
    return;
  }
  role_.emplace<PlayRole>(*this, shard_.play_context()).ask(request, role_post<PlayRole>());
}

void Connection::perform(const rtmp::PublishEnded&) {
  PublishRole* role = publisher();
  if (role == nullptr || role->over()) return;
  role->end(media::LogEnd::kUnpublished);
  enter(State::kOpen);
}

void Connection::perform(const rtmp::PlayEnded&) {
  if (PlayRole* role = player()) role->stop();
  if (state_ == State::kOpen) enter(State::kOpen);
}

void Connection::perform(const rtmp::MediaDropped& action) {
  if (may_log())
    log::info("media of nothing that is published",
              {{"peer", peer_.text}, {"message_stream", action.message_stream_id}});
  send(session_.status(action.message_stream_id, rtmp::StatusLevel::kWarning,
                       rtmp::status::kPublishMediaDropped,
                       "Sound or picture came on a message stream that publishes nothing: it is dropped."));
}

void Connection::perform(const rtmp::Close& action) {
  add(shard_.counters().protocol_errors);
  if (may_log())
    log::info("protocol error",
              {{"peer", peer_.text}, {"code", action.error.code}, {"message", action.error.message}});
  end_role(media::LogEnd::kProtocolError);
  linger();
}

// --- time ---

void Connection::tick(std::int64_t now_us) {
  now_us_ = now_us;
  const std::int64_t in_state = now_us - state_since_us_;
  if (state_ == State::kClosing && in_state > kLingerUs)
    return close(media::LogEnd::kDisconnected, "lingered");
  if (state_ != State::kOpen) return;
  if (!has_role()) {
    if (in_state <= std::chrono::microseconds(shard_.config().handshake).count()) return;
    add(shard_.counters().timeouts);
    return close(media::LogEnd::kTimedOut, "no publish or play in time");
  }
  if (PlayRole* role = player()) return role->tick(last_read_us_);
  if (PublishRole* role = publisher()) role->tick(last_read_us_);
  if (PublishRole* role = publisher(); role != nullptr && role->report_due()) shard_.mark_dirty(id_);
}

bool Connection::ask_to_reconnect() {
  if (state_ != State::kOpen || asked_to_reconnect_) return false;
  const Bytes request = session_.reconnect_request("", "The server is restarting.");
  if (request.empty()) return false;
  asked_to_reconnect_ = true;
  shard_.asked_to_reconnect().fetch_add(1, std::memory_order_relaxed);
  send(request);
  flush();
  return true;
}

void Connection::drain() {
  if (state_ != State::kOpen) return;
  now_us_ = monotonic_us();
  if (PublishRole* role = publisher(); role != nullptr && !role->over())
    return role->terminate(media::LogEnd::kDrained);
  if (PlayRole* role = player(); role != nullptr && role->playing())
    return role->terminate(rtmp::status::kPlayStop, "The server is stopping.");
  if (session_.connected()) {
    send(session_.status(0, rtmp::StatusLevel::kStatus, rtmp::status::kConnectClosed,
                         "The server is stopping."));
  }
  linger();
}

}  // namespace millrace::ingest
