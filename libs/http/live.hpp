// What a connection carries once its answer's header has gone and no length was given: HTTP-FLV, WebSocket.
// The connection asks for bytes whenever its socket takes some; they are sent from where they lie.
//
// Owner: the connection, and all that keep a pointer. Everything but wake() happens on the connection's
// thread. Calls must not block.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <functional>
#include <span>

#include "base/bytes.hpp"

namespace millrace::http {

// The socket as a LiveStream sees it.
class LiveOutput {
 public:
  virtual ~LiveOutput() = default;
  // As sendmsg on a non-blocking socket: bytes taken, or -1 with errno.
  virtual ssize_t send(std::span<const iovec> parts) = 0;
};

class LiveStream {
 public:
  enum class Progress : std::uint8_t {
    kIdle,     // nothing to send for now
    kMore,     // there is more
    kBlocked,  // the socket is full
    kEnded,    // everything is sent: close
    kFailed,   // close at once: the peer has gone, or is too slow, or talks nonsense
    kTorn,     // close at once: what was sent was overwritten meanwhile
  };
  virtual ~LiveStream() = default;

  // Sends what there is, a bounded share of it. now_us: monotonic.
  virtual Progress pump(LiveOutput& output, std::int64_t now_us) = 0;
  // What the client of a WebSocket sends; pump() is called afterwards. Of any other these are its next
  // requests, and wait.
  virtual void receive(ByteView /*bytes*/, std::int64_t /*now_us*/) {}
  // The server stops: pump() is called once more, then the connection is closed unless it ends soon.
  virtual void drain() {}
  // After drain(): it has an end, and may come to it within the server's grace time.
  virtual bool ends_soon() const { return false; }
  // True: pump() is to be called every few milliseconds. False: after wake() only, and now and then.
  virtual bool is_polled() const { return false; }
  // After kIdle: pump() is called by then at the latest, whatever happens (monotonic). 0: after wake() only,
  // and now and then.
  virtual std::int64_t due_us() const { return 0; }
  // wake may be called from any thread, also when the connection has gone.
  virtual void attach(const std::function<void()>& /*wake*/) {}
};

}  // namespace millrace::http
