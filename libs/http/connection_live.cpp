// A connection that carries what has no end: after the header of a live answer.
#include <sys/socket.h>

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
  if (!reader_.held().empty()) live_->receive(as_bytes(reader_.held()), monotonic_us());
  // Nothing of the request's is needed any more: there may be thousands of these.
  reader_.release();
  conditions_ = Request{};
  read_live();
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
      return false;
    case LiveStream::Progress::kMore:
      return true;
    case LiveStream::Progress::kBlocked:
      live_blocked_ = true;
      set_deadline(limits_.write_deadline);
      when(asio::socket_base::wait_write, &Connection::on_writable);
      return false;
    case LiveStream::Progress::kEnded:
      linger();
      return false;
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

void Connection::read_live() {
  when(asio::socket_base::wait_read, &Connection::on_live_readable);
}

void Connection::on_live_readable(const SocketError& error) {
  if (phase_ != Phase::kLive) return;
  std::array<std::uint8_t, 4096> bytes;
  const ssize_t count = error ? 0 : ::recv(socket_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  const bool nothing = count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
  if (count <= 0 && !nothing) {
    add(counters_.aborted);
    return close();
  }
  if (count > 0) live_->receive({bytes.data(), static_cast<std::size_t>(count)}, monotonic_us());
  look();
  if (phase_ == Phase::kLive) read_live();
}

}  // namespace millrace::http
