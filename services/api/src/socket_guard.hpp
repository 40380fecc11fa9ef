// What Pistache's sockets need and its interface does not give. The linker routes every accept4 and listen of
// the program through wrappers (-Wl,--wrap=…); only threads with a SocketGuard are affected.
//
// accept4: Pistache queues answers by descriptor number, so that an answer whose client has left goes to the
// next one with that number. Accepted connections get rolling high numbers, which are not reused soon.
// listen: tells the port that was bound. Asking the Endpoint would mean binding twice: serve() binds too, and
// connections to the first socket would never be looked at.
#pragma once

#include <cstdint>
#include <functional>

namespace millrace::api {

// While it lives, on the thread that made it.
class SocketGuard {
 public:
  // listening: called with the port, in host order, of every socket that begins to listen.
  explicit SocketGuard(std::function<void(std::uint16_t)> listening);
  ~SocketGuard();
  SocketGuard(const SocketGuard&) = delete;
  SocketGuard& operator=(const SocketGuard&) = delete;

 private:
  std::function<void(std::uint16_t)> listening_;
  friend void tell_port(const SocketGuard& guard, int descriptor);
};

}  // namespace millrace::api
