// Blocking TCP sockets for test programs: errors end the program with a message.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.hpp"

namespace millrace::tools {

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket();
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&&) = delete;

  static Socket connect(const std::string& host, std::uint16_t port);
  // On the loopback interface; port 0 takes a free one.
  static Socket listen(std::uint16_t port);
  Socket accept() const;
  std::uint16_t local_port() const;

  // 0 at the end of the stream or after a reset by the peer; -1 when nothing came within timeout_ms (-1: no
  // timeout).
  std::ptrdiff_t receive(Bytes& buffer, int timeout_ms) const;
  // False when the peer is gone.
  bool send(ByteView bytes) const;
  void set_receive_buffer(int bytes) const;
  int fd() const { return fd_; }

 private:
  int fd_;
};

[[noreturn]] void die(const std::string& message);

}  // namespace millrace::tools
