// A connection that carries what has no end: after the header of a live answer.
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <cerrno>

#include "base/clock.hpp"
#include "http/connection.hpp"

namespace millrace::http {

namespace asio = boost::asio;
using SocketError = boost::system::error_code;

namespace {

// The socket, counted.
class SocketOutput final : public LiveOutput {
 public:
  explicit SocketOutput(int socket) : socket_(socket) {}
  ssize_t send(std::span<const iovec> parts) override {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(parts.data());
    message.msg_iovlen = parts.size();
    const ssize_t count = ::sendmsg(socket_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) sent_ += static_cast<std::uint64_t>(count);
    return count;
  }
  std::uint64_t sent() const { return sent_; }

 private:
  int socket_;
  std::uint64_t sent_ = 0;
};

}  // namespace

void Connection::begin_live() {
  phase_ = Phase::kLive;
  set_deadline(limits_.write_deadline);
  const std::weak_ptr<Connection> weak = weak_from_this();
  live_->attach([weak] {
    const std::shared_ptr<Connection> self = weak.lock();
    if (!self) return;
    asio::post(self->worker_.context, [weak] {
      if (const std::shared_ptr<Connection> alive = weak.lock()) alive->poll();
    });
  });
  if (live_->is_polled()) worker_.poll(shared_from_this());
  if (is_websocket_) {
    if (!reader_.held().empty()) live_->receive(as_bytes(reader_.held()), monotonic_us());
    reader_.release();
  }
  // Nothing of the request's is needed any more: there may be thousands of these.
  if (reader_.held().empty()) reader_.release();
  conditions_ = Request{};
  read_live();
}

// What was sent in chunks has an end, and the connection goes on behind it. A proxy's is nobody's again.
void Connection::end_live() {
  worker_.polled.erase(shared_from_this());
  live_.reset();
  chunks_.reset();
  live_ended_ = false;
  place_.becomes_shared();
  finish_answer();
}

void Connection::look() {
  if (phase_ == Phase::kLive && !live_blocked_) drive();
}

bool Connection::live_step() {
  SocketOutput output(socket_.native_handle());
  LiveStream::Progress progress = LiveStream::Progress::kEnded;
  if (chunks_) chunks_->bind(output);
  if (!live_ended_)
    progress = live_->pump(chunks_ ? static_cast<LiveOutput&>(*chunks_) : output, monotonic_us());
  live_ended_ = progress == LiveStream::Progress::kEnded;
  if (live_ended_ && chunks_) progress = chunks_->finish();
  add(counters_.sent_bytes, output.sent());
  if (output.sent() > 0) set_deadline(limits_.write_deadline);
  switch (progress) {
    case LiveStream::Progress::kIdle:
      if (const std::int64_t due_us = live_->due_us(); due_us > 0) await(due_us);
      return false;
    case LiveStream::Progress::kMore:
      return true;
    case LiveStream::Progress::kBlocked:
      live_blocked_ = true;
      set_deadline(limits_.write_deadline);
      when(asio::socket_base::wait_write, &Connection::on_writable);
      return false;
    case LiveStream::Progress::kEnded:
      end_live();
      return phase_ == Phase::kReading;
    case LiveStream::Progress::kFailed:
      add(counters_.aborted);
      abandon();
      return false;
    case LiveStream::Progress::kTorn:
      add(counters_.torn);
      abandon();
      return false;
  }
  return false;
}

void Connection::await(std::int64_t due_us) {
  const std::int64_t rest_ms = std::max<std::int64_t>(due_us - monotonic_us(), 0) / 1000 + 1;
  set_deadline(std::min<Duration>(limits_.write_deadline, Duration(rest_ms)));
}

// Of a client that has sent many requests behind this one no more is read: its socket keeps the rest.
void Connection::read_live() {
  if (!is_websocket_ && reader_.held().size() >= RequestReader::kReadBytes) return;
  socket_.async_wait(asio::socket_base::wait_read,
                     [self = shared_from_this(), number = number_](const SocketError& error) {
                       if (error || self->phase_ != Phase::kLive || self->number_ != number) return;
                       self->guarded([&] { self->on_live_readable(); });
                     });
}

void Connection::on_live_readable() {
  if (!(is_websocket_ ? receive_live() : receive().has_value())) {
    // What it asked for may still come to its end, as with every other answer.
    if (!is_websocket_ && half_closed_) return watch_for_reset();
    return on_reset();
  }
  if (is_websocket_) look();
  if (phase_ == Phase::kLive) read_live();
}

bool Connection::receive_live() {
  std::array<std::uint8_t, 4096> bytes;
  const ssize_t count = ::recv(socket_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (count < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  if (count > 0) live_->receive({bytes.data(), static_cast<std::size_t>(count)}, monotonic_us());
  return count > 0;
}

}  // namespace millrace::http
