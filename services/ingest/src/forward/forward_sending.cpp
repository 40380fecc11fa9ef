// From the log to the socket, and what happens to a server that is slow.
#include <cerrno>

#include "forward/forward.hpp"
#include "server/shard.hpp"

namespace millrace::ingest {

namespace {

// The publisher said that it ends, or we do: nobody is waited for.
bool is_final(media::LogEnd end) {
  return end == media::LogEnd::kUnpublished || end == media::LogEnd::kDrained ||
         end == media::LogEnd::kRevoked;
}

}  // namespace

void Forward::pump() {
  while (state_ == ForwardState::kSending && pump_once()) {
  }
  if (state_ != ForwardState::kSending || blocked_ || !source_ended_) return;
  if (is_final(feed_->end())) finish();
}

// False: nothing more can be done for now.
bool Forward::pump_once() {
  if (skip_wanted_ && !feed_->in_message()) skip(false);
  if (!feed_->in_message() && !flush_outbox()) return false;
  // Where it is to skip, the rest of the message that was begun and no other.
  const std::size_t most = skip_wanted_ && feed_->in_message() ? 1 : ForwardFeed::kMaxRun;
  switch (feed_->next(stream_->committed.load(std::memory_order_acquire), most)) {
    case ForwardFeed::Next::kNothing:
      return false;
    case ForwardFeed::Next::kOwn:
      if (!outbox_.append(feed_->own())) {
        fail_attempt(ForwardReason::kSlow, "does not read");
        return false;
      }
      feed_->own_taken();
      return true;
    case ForwardFeed::Next::kMessages:
      return send_run();
    case ForwardFeed::Next::kLost:
      if (feed_->in_message()) {
        fail_attempt(ForwardReason::kSlow, "too far behind in mid-message");
        return false;
      }
      skip(true);
      return feed_ != nullptr && !skip_wanted_;
  }
  return false;
}

// False: blocked or failed.
bool Forward::flush_outbox() {
  const Sent sent = outbox_.flush();
  if (sent == Sent::kFailed) {
    fail_attempt(ForwardReason::kClosed, transport_.failure(errno));
    return false;
  }
  set_blocked(sent == Sent::kBlocked);
  return !blocked_;
}

// Without progress since now at the earliest.
void Forward::set_blocked(bool blocked) {
  if (blocked && !blocked_) progress_us_ = now_us_;
  blocked_ = blocked;
  watch(blocked || transport_.unsent());
}

bool Forward::send_run() {
  const ssize_t sent = transport_.send(feed_->parts());
  if (sent < 0 && errno == EINTR) return true;
  if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
    fail_attempt(ForwardReason::kClosed, transport_.failure(errno));
    return false;
  }
  if (sent > 0) {
    progress_us_ = now_us_;
    status_->sent_bytes.fetch_add(static_cast<std::uint64_t>(sent), std::memory_order_relaxed);
    if (!feed_->sent(static_cast<std::size_t>(sent), now_us_)) {
      transport_.abandon();
      fail_attempt(ForwardReason::kSlow, "the log took a frame back while it was sent");
      return false;
    }
  }
  set_blocked(sent < static_cast<ssize_t>(feed_->run_bytes()));
  return !blocked_;
}

// forced: the place in the log is gone.
void Forward::skip(bool forced) {
  const std::uint64_t skipped = feed_->skip(now_us_);
  skip_wanted_ = forced && skipped == 0;  // until there is a key frame
  if (skipped == 0) return;
  status_->frames_skipped.fetch_add(skipped, std::memory_order_relaxed);
}

void Forward::check_slow() {
  if (!blocked_) return;
  if (now_us_ - progress_us_ > kStuckUs) return fail_attempt(ForwardReason::kSlow, "takes nothing any more");
  if (feed_->slow(stream_->committed.load(std::memory_order_acquire), now_us_)) skip_wanted_ = true;
}

void Forward::watch(bool writable) {
  if (!polled_ || writable == watching_writable_) return;
  watching_writable_ = writable;
  shard_.poller().watch(fd(), *this, true, writable);
}

}  // namespace millrace::ingest
