// What a connection's bytes go through: the plain socket, or TLS on it. A plain transport costs nothing
// beyond the system call; receive and send behave like recv and sendmsg with MSG_DONTWAIT in both.
//
// Owner: one connection; its shard's thread.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <memory>
#include <span>
#include <string>
#include <utility>

#include "net/tls_stream.hpp"
#include "net/unique_fd.hpp"

namespace millrace::ingest {

class Transport {
 public:
  Transport() = default;
  explicit Transport(net::UniqueFd socket, std::unique_ptr<net::TlsStream> tls = nullptr)
      : socket_(std::move(socket)), tls_(std::move(tls)) {}

  int fd() const { return socket_.get(); }
  bool secure() const { return tls_ != nullptr; }

  // A result below the buffer's size means that there is no more for now. 0: the end; -1: errno.
  ssize_t receive(std::span<std::uint8_t> buffer) {
    if (tls_) [[unlikely]]
      return tls_->read(buffer);
    return ::recv(fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  }
  // Bytes taken, perhaps not all. -1: errno, EAGAIN when the socket is full.
  ssize_t send(std::span<const iovec> parts) {
    if (tls_) [[unlikely]]
      return tls_->write(parts);
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(parts.data());
    message.msg_iovlen = parts.size();
    return ::sendmsg(fd(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  // Bytes that count as sent and are not yet: false with errno (EAGAIN: when the socket is writable again).
  bool flush() { return !tls_ || tls_->flush(); }
  // Needs the socket to become writable, whatever the connection has to send.
  bool unsent() const { return tls_ && tls_->unsent(); }
  // More can be received although the socket may not say so.
  bool readable() const { return tls_ && tls_->readable(); }
  // No more will be sent.
  void shutdown() {
    if (tls_) tls_->shutdown();
    ::shutdown(fd(), SHUT_WR);
  }
  // What the kernel still holds is not sent: close() resets the connection.
  void abandon() {
    const linger now{1, 0};
    (void)::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  // Bytes that the kernel takes at once; a wish.
  void set_send_buffer(int bytes) { (void)::setsockopt(fd(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes); }
  void close() {
    tls_.reset();
    socket_.reset();
  }
  // Why the last call failed, for people; error: its errno.
  std::string failure(int error) const;

 private:
  net::UniqueFd socket_;
  std::unique_ptr<net::TlsStream> tls_;
};

}  // namespace millrace::ingest
