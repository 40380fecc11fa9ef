#include "forward/forward.hpp"

#include <algorithm>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/secret.hpp"
#include "base/survive.hpp"
#include "forward/forward_set.hpp"
#include "server/shard.hpp"

namespace millrace::ingest {

namespace {

// Between three quarters and five quarters: many forwards of one server don't come back together.
std::int64_t jittered(std::int64_t delay_us) {
  return delay_us * 3 / 4 +
         static_cast<std::int64_t>(random_u64() % static_cast<std::uint64_t>(delay_us / 2 + 1));
}

}  // namespace

Forward::Forward(ForwardSet& set, Shard& shard, std::uint64_t number, ForwardSpecPtr spec,
                 ForwardStatusPtr status)
    : set_(set),
      shard_(shard),
      number_(number),
      spec_(std::move(spec)),
      status_(std::move(status)),
      now_us_(monotonic_us()),
      state_since_us_(now_us_),
      retry_timer_(shard.context()),
      url_(spec_->url) {}

Forward::~Forward() {
  disconnect();
}

void Forward::enter(ForwardState state) {
  state_ = state;
  state_since_us_ = now_us_;
  status_->state.store(state, std::memory_order_relaxed);
  status_->since_wall.store(wall_now(), std::memory_order_relaxed);
  if (state == ForwardState::kSending) status_->reason.store(ForwardReason::kNone, std::memory_order_relaxed);
  if (state == ForwardState::kGone) set_.remove_gone();
}

// --- the stream ---

void Forward::attach(const LiveStreamPtr& stream) {
  if (stream_ == stream || state_ == ForwardState::kGone) return;
  const bool first = stream_ == nullptr;
  now_us_ = monotonic_us();
  stream_ = stream;
  source_ended_ = false;
  if (first) {
    begin_attempt();
  } else if (state_ == ForwardState::kSending) {
    if (feed_->in_message()) {
      return fail_attempt(ForwardReason::kSlow, "still sending when the next publication began", true);
    }
    open_log();
    pump();
  }
}

void Forward::open_log() {
  auto reader = shard_.shared().arena_reader.open_log(stream_->slot, stream_->publication_id, 0);
  if (reader) return feed_->attach(std::move(*reader), now_us_);
  log::warning("a forward can't read its log",
               {{"stream", stream_id()}, {"message", reader.error().message}});
}

void Forward::source_ended() {
  if (source_ended_ || !lives()) return;
  now_us_ = monotonic_us();
  source_ended_ = true;
  source_ended_us_ = now_us_;
  if (state_ == ForwardState::kSending) return pump();
  // A forward that is not connected has nothing to keep open.
  disconnect();
  enter(ForwardState::kGone);
}

void Forward::stop() {
  if (!lives()) return;
  now_us_ = monotonic_us();
  if (state_ == ForwardState::kSending) return finish();
  disconnect();
  enter(ForwardState::kGone);
}

void Forward::close_now() {
  disconnect();
  state_ = ForwardState::kGone;
}

void Forward::wake() {
  if (state_ != ForwardState::kSending || blocked_) return;
  now_us_ = monotonic_us();
  pump();
}

// --- failure and time ---

void Forward::disconnect() {
  retry_timer_.cancel();
  ++attempt_;  // answers to the old one are void
  if (polled_) shard_.poller().remove(fd());
  polled_ = false;
  watching_writable_ = false;
  securing_.reset();
  connecting_.reset();
  transport_.close();
  session_.reset();
  feed_.reset();
  outbox_.clear();
  blocked_ = false;
  skip_wanted_ = false;
}

void Forward::fail_attempt(ForwardReason reason, std::string_view why, bool at_once) {
  if (state_ == ForwardState::kGone) return;
  const bool settled = state_ == ForwardState::kSending && now_us_ - state_since_us_ >= kSettledUs;
  const bool over = state_ == ForwardState::kClosing || source_ended_;
  const std::string reached(name_of(state_));
  const std::string cause(why);  // it may be the connection's own, which goes now
  disconnect();
  if (over) return enter(ForwardState::kGone);
  delay_us_ = settled || delay_us_ == 0 ? kFirstDelayUs : std::min(2 * delay_us_, kMaxDelayUs);
  const std::int64_t delay = at_once && settled ? 0 : jittered(delay_us_);
  status_->reason.store(reason, std::memory_order_relaxed);
  log::info("forward interrupted", {{"forward", spec_->id},
                                    {"stream", stream_id()},
                                    {"target", url_.label()},
                                    {"state", reached},
                                    {"reason", name_of(reason)},
                                    {"why", cause},
                                    {"again_in_ms", delay / 1000}});
  enter(ForwardState::kWaiting);
  retry_timer_.start(delay, [this] {
    now_us_ = monotonic_us();
    url_ = spec_->url;
    authentication_.clear();
    forget_detours();
    begin_attempt();
  });
}

void Forward::tick(std::int64_t now_us) {
  now_us_ = now_us;
  const std::int64_t in_state = now_us - state_since_us_;
  switch (state_) {
    case ForwardState::kResolving:
      if (in_state > kResolveUs)
        fail_attempt(ForwardReason::kUnresolved, "the name was not resolved in time");
      break;
    case ForwardState::kConnecting:
      if (in_state > kConnectUs) connect_next();
      break;
    case ForwardState::kSecuring:
    case ForwardState::kOpening:
      if (in_state > kOpenUs) fail_attempt(ForwardReason::kTimeout, "the server did not accept in time");
      break;
    case ForwardState::kSending:
      check_slow();
      if (state_ == ForwardState::kSending && !blocked_) pump();
      if (state_ == ForwardState::kSending && feed_) feed_->hold();
      if (state_ == ForwardState::kSending && source_ended_ &&
          now_us - source_ended_us_ >
              std::chrono::microseconds(shard_.shared().config.reconnect_grace).count()) {
        finish();
      }
      break;
    case ForwardState::kClosing:
      if (in_state <= kFinishUs) break;
      disconnect();
      enter(ForwardState::kGone);
      break;
    case ForwardState::kWaiting:
    case ForwardState::kGone:
      break;
  }
}

// The stream is over for this server: its last words, then the end.
void Forward::finish() {
  const bool in_message = feed_ && feed_->in_message();
  const Bytes words = session_ ? session_->finish() : Bytes();
  log::info("forward ended", {{"forward", spec_->id}, {"stream", stream_id()}, {"target", url_.label()}});
  enter(ForwardState::kClosing);
  if (in_message || !outbox_.append(words)) {
    disconnect();
    return enter(ForwardState::kGone);
  }
  if (flush_outbox() && !blocked_ && !std::exchange(shut_, true)) transport_.shutdown();
}

void Forward::on_exception() {
  (void)survives("forward", [this] { fail_attempt(ForwardReason::kUnreachable, "internal error"); });
}

void Forward::on_ready(bool readable, bool writable) {
  now_us_ = monotonic_us();
  switch (state_) {
    case ForwardState::kConnecting:
      if (writable) connected();
      return;
    case ForwardState::kSecuring:
      return secure();
    case ForwardState::kOpening:
    case ForwardState::kSending:
    case ForwardState::kClosing:
      break;
    default:
      return;
  }
  const ForwardState before = state_;
  if (readable) read();
  if (state_ != before || !writable) return;
  if (state_ == ForwardState::kSending) {
    blocked_ = false;
    pump();
  } else if (flush_outbox() && state_ == ForwardState::kClosing && !std::exchange(shut_, true)) {
    transport_.shutdown();
  }
}

}  // namespace millrace::ingest
