// Where clients of the live feed come in, at the edge: plain WebSockets on /, /ws and /api/ws, Socket.IO on
// /socket.io/. Pages of other origins only as CORS allows them; clients that are no browsers send no origin.
#pragma once

#include <optional>

#include "cors.hpp"
#include "http/server.hpp"
#include "live_hub.hpp"

namespace millrace::api {

class LiveEndpoint {
 public:
  // Both outlive it.
  LiveEndpoint(LiveHub& hub, const CorsPolicy& cors) : hub_(hub), cors_(cors) {}

  // False: the request is not for the feed. On a thread of the server; never blocks.
  bool handle(const http::Request& request, const http::Responder& respond) const;

 private:
  void open_plain(const http::Request& request, const http::Responder& respond) const;
  void socket_io(const http::Request& request, const http::Responder& respond) const;
  void open_session(const http::Request& request, const http::Responder& respond, bool websocket) const;
  void respond_with(const http::Request& request, const http::Responder& respond,
                    http::Response response) const;

  LiveHub& hub_;
  const CorsPolicy& cors_;
};

}  // namespace millrace::api
