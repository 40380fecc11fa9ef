// What comes from the peer: read, parsed, and kept while a publish waits for its answer.
#include <atomic>
#include <cerrno>
#include <new>
#include <utility>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/scarce_memory.hpp"
#include "base/survive.hpp"
#include "connection.hpp"
#include "player_group.hpp"
#include "protocol_detection.hpp"

namespace millrace::ingest {

namespace {

constexpr int kReadsPerWakeUp = 4;

}  // namespace

void Connection::on_ready(bool readable, bool writable) {
  try {
    const CanGiveUp scope;
    serve(readable, writable);
  } catch (const std::bad_alloc&) {
    out_of_memory();
  }
}

void Connection::on_exception() {
  (void)survives("rtmp connection", [this] { close(media::LogEnd::kDisconnected, "internal error"); });
}

// Half of what the peer asked for may be done: its own session cannot go on, everybody else's can.
void Connection::out_of_memory() {
  shard_.without_memory([this] { close(media::LogEnd::kNoSpace, "out of memory"); });
}

void Connection::serve(bool readable, bool writable) {
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
    const ssize_t count = transport_.receive(buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (count <= 0)
      return close(media::LogEnd::kDisconnected,
                   count == 0 ? "closed by the peer" : transport_.failure(errno));
    shard_.shared().counters.received_bytes.fetch_add(static_cast<std::uint64_t>(count),
                                                      std::memory_order_relaxed);
    last_read_us_ = now_us_;
    if (state_ != State::kClosing && !take({buffer.data(), static_cast<std::size_t>(count)})) return;
    if (!reading_) return;
    if (static_cast<std::size_t>(count) < buffer.size() && !transport_.readable()) return;
  }
  if (state_ != State::kGone && reading_ && transport_.readable()) read_later();
}

// What the transport has taken from the socket already makes nothing ready.
void Connection::read_later() {
  shard_.post_to(id_, [](Connection& connection) {
    if (connection.reading_) connection.on_ready(true, false);
  });
}

// False when the connection is closing or gone.
bool Connection::take(ByteView bytes) {
  if (session_.received_bytes() == 0 && !is_rtmp(bytes)) {
    const std::string_view what = detected_protocol(bytes);
    if (!what.empty()) return refuse_stranger(what);
  }
  if (!parse(bytes)) return false;
  if (state_ == State::kPublishing) {
    publishing_->stream->counters->received_bytes.store(session_.received_bytes(), std::memory_order_relaxed);
    return within_bitrate(bytes.size());
  }
  if (state_ != State::kPlaying && !charge(bytes.size())) return false;
  const std::uint64_t limit = state_ == State::kPlaying ? kMaxPlayerBytes : kMaxBytesBeforeAcceptance;
  if (state_ != State::kAskingPublish && session_.received_bytes() - free_from_bytes_ > limit) {
    shard_.shared().counters.protocol_errors.fetch_add(1, std::memory_order_relaxed);
    if (shard_.may_log(now_us_))
      log::info("sends what nobody asked for", {{"peer", peer_.text}, {"bytes", session_.received_bytes()}});
    if (session_.connected())
      send(session_.status(0, rtmp::StatusLevel::kError, rtmp::status::kConnectClosed,
                           "More came than anybody asked for: nothing is published here."));
    linger();
    return false;
  }
  return true;
}

// Up to the end, or to a publish that waits for its answer: what came with it is its media, as a rule.
bool Connection::parse(ByteView bytes) {
  if (state_ == State::kAskingPublish) return hold(bytes);
  wall_us_ = wall_us();
  std::vector<rtmp::Action>& actions = shard_.actions();
  while (!bytes.empty()) {
    actions.clear();
    const std::size_t taken = session_.receive(bytes, actions);
    bytes = bytes.subspan(taken);
    for (rtmp::Action& action : actions) {
      std::visit([this](auto& a) { perform(a); }, action);
      if (state_ == State::kClosing || state_ == State::kGone) return false;
    }
    if (state_ == State::kAskingPublish) return hold(bytes);
  }
  return true;
}

bool Connection::hold(ByteView bytes) {
  if (held_.size() + bytes.size() > kMaxBytesBeforeAcceptance) {
    close(media::LogEnd::kProtocolError, "sends too much before it is accepted");
    return false;
  }
  held_.insert(held_.end(), bytes.begin(), bytes.end());
  std::atomic<std::uint64_t>& all = shard_.shared().counters.held_bytes;
  if (all.fetch_add(bytes.size(), std::memory_order_relaxed) + bytes.size() <= kMaxHeldBytes) return true;
  const std::uint32_t message_stream_id = publishing_->message_stream_id;
  end_publication(media::LogEnd::kNoSpace);
  refuse_publish(message_stream_id,
                 {"ingest.held_bytes", "Too many publishers wait for an answer at the moment: try again."});
  return false;
}

Bytes Connection::release_held() {
  shard_.shared().counters.held_bytes.fetch_sub(held_.size(), std::memory_order_relaxed);
  return std::exchange(held_, {});
}

// Accepted: what came with the publish is taken as if it came now.
void Connection::take_held() {
  const Bytes held = release_held();
  if (!held.empty()) (void)take(held);
}

bool Connection::refuse_stranger(std::string_view what) {
  if (shard_.may_log(now_us_)) log::info("no RTMP on the RTMP port", {{"peer", peer_.text}, {"what", what}});
  shard_.shared().counters.protocol_errors.fetch_add(1, std::memory_order_relaxed);
  close(media::LogEnd::kProtocolError, what);
  return false;
}

// To what its address may send without being let in.
bool Connection::charge(std::size_t bytes) {
  if (peer_.place.charge(static_cast<std::int64_t>(bytes), now_us_)) return true;
  shard_.shared().counters.address_bytes.fetch_add(1, std::memory_order_relaxed);
  if (shard_.may_log(now_us_)) log::info("too many bytes before acceptance", {{"peer", peer_.text}});
  close(media::LogEnd::kProtocolError, "its address sends too much");
  return false;
}

void Connection::perform(const rtmp::MediaDropped& action) {
  if (shard_.may_log(now_us_))
    log::info("media of nothing that is published",
              {{"peer", peer_.text}, {"message_stream", action.message_stream_id}});
  send(session_.status(action.message_stream_id, rtmp::StatusLevel::kWarning,
                       rtmp::status::kPublishMediaDropped,
                       "Sound or picture came on a message stream that publishes nothing: it is dropped."));
}

}  // namespace millrace::ingest
