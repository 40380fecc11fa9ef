// What Pistache's sockets need and its interface does not give. The linker routes every accept4 and listen of
// the program through wrappers (-Wl,--wrap=…); only threads with a SocketGuard are affected.
//
// accept4: Pistache queues answers by descriptor number, so that an answer whose client has left goes to the
// next one with that number. Accepted connections get rolling high numbers, which are not reused soon.
// listen: reports the port that was bound. Asking the Endpoint would mean binding twice: serve() binds too,
// and connections to the first socket would never be accepted.
#pragma once

#include <cstdint>
#include <functional>

namespace millrace::api {

// While it lives, on the thread that made it.
class SocketGuard {
 public:
  struct Observer {
    // A socket has begun to listen; its port in host order.
    std::function<void(std::uint16_t)> listening;
    // A connection was accepted, or should have been.
    std::function<void()> accepting;
  };
  explicit SocketGuard(Observer observer);
  ~SocketGuard();
  SocketGuard(const SocketGuard&) = delete;
  SocketGuard& operator=(const SocketGuard&) = delete;

  const Observer& observer() const { return observer_; }

 private:
  const Observer observer_;
};

}  // namespace millrace::api
