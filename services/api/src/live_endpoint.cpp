#include "live_endpoint.hpp"

#include <algorithm>

#include "authenticator.hpp"
#include "base/bounded_json.hpp"
#include "call.hpp"

namespace millrace::api {
namespace {

constexpr std::string_view kBearer = "bearer";

bool is_plain_path(std::string_view path) {
  return path == "/" || path == "/ws" || path == "/api/ws";
}

// What a browser can send besides the cookies that there are none of: the subprotocols "bearer" and the
// token.
std::string_view protocol_token(std::string_view offered) {
  const std::size_t comma = offered.find(',');
  if (comma == std::string_view::npos || offered.substr(0, comma) != kBearer) return {};
  offered.remove_prefix(comma + 1);
  while (offered.starts_with(' ')) offered.remove_prefix(1);
  return offered.find(',') == std::string_view::npos ? offered : std::string_view();
}

http::Response full() {
  http::Response response = http::Response::problem(503, "too_many_clients", "The live feed is full.");
  response.headers.add("Retry-After", "5");
  return response;
}

http::Response refusal(const LiveOutcome& outcome) {
  if (outcome.code == "unauthorized") return unauthorized();
  http::Response response = http::Response::problem(503, outcome.code, outcome.message);
  response.headers.add("Retry-After", "1");
  return response;
}

// {"event":…,"data":…}
void receive_plain(LiveClient& client, const http::WebSocketMessage& message) {
  if (!message.text) return client.end(http::WebSocketClose::kPolicy);
  const std::optional<nlohmann::json> document = parse_json(as_text(message.body));
  if (!document || !document->is_object()) return client.handle("", nullptr, std::nullopt);
  const auto event = document->find("event");
  if (event == document->end() || !event->is_string()) return client.handle("", nullptr, std::nullopt);
  const auto data = document->find("data");
  client.handle(event->get_ref<const std::string&>(), data == document->end() ? nlohmann::json() : *data,
                std::nullopt);
}

http::Response accept_plain(const http::Request& request, const std::shared_ptr<LiveClient>& client) {
  http::WebSocketLimits limits;
  limits.message_bytes = EngineSession::kMaxPayload;
  const auto socket = std::make_shared<http::WebSocket>(
      [client](const http::WebSocketMessage& message) { receive_plain(*client, message); }, client, limits);
  client->on_wake([weak = std::weak_ptr(socket)] {
    if (const auto open = weak.lock()) open->notify();
  });
  http::Response response = http::accept_websocket(request, socket);
  if (response.status == 101 && !protocol_token(request.headers.find("Sec-WebSocket-Protocol")).empty())
    response.headers.add("Sec-WebSocket-Protocol", kBearer);
  return response;
}

}  // namespace

bool LiveEndpoint::handle(const http::Request& request, const http::Responder& respond) const {
  const bool is_socket_io = request.path == "/socket.io/" || request.path == "/socket.io";
  const bool is_plain = is_plain_path(request.path) && http::asks_for_websocket(request);
  if (!is_socket_io && !is_plain) return false;
  const std::string_view origin = request.headers.find("Origin");
  if (!origin.empty() && !cors_.allows(origin)) {
    respond_with(request, respond,
                 is_socket_io ? engine_io_error(4)
                              : http::Response::problem(403, "origin", "This origin is not allowed."));
  } else if (is_plain) {
    open_plain(request, respond);
  } else if (request.method == http::Method::kOptions) {
    respond(cors_.preflight(request, "GET, POST, OPTIONS"));
  } else {
    socket_io(request, respond);
  }
  return true;
}

void LiveEndpoint::open_plain(const http::Request& request, const http::Responder& respond) const {
  const std::shared_ptr<LiveClient> client = hub_.make_client();
  if (!client) return respond_with(request, respond, full());
  std::string_view token = bearer_token(request.headers.find("Authorization"));
  if (token.empty()) token = protocol_token(request.headers.find("Sec-WebSocket-Protocol"));
  if (token.empty()) {
    client->join();
    return respond(accept_plain(request, client));
  }
  client->authenticate(Secret(std::string(token)), [client, request, respond](const LiveOutcome& outcome) {
    if (!outcome) return respond(refusal(outcome));
    client->join();
    respond(accept_plain(request, client));
  });
}

void LiveEndpoint::socket_io(const http::Request& request, const http::Responder& respond) const {
  const auto fail = [&](int code) { respond_with(request, respond, engine_io_error(code)); };
  const std::string_view transport = request.parameter("transport");
  const std::string_view sid = request.parameter("sid");
  const bool websocket = transport == "websocket";
  if (!websocket && transport != "polling") return fail(0);
  if (request.parameter("EIO") != "4") return fail(5);
  if (websocket != http::asks_for_websocket(request)) return fail(3);
  if (sid.empty()) {
    if (request.method != http::Method::kGet) return fail(2);
    return open_session(request, respond, websocket);
  }
  const auto session = hub_.find_session(sid);
  if (!session) return fail(1);
  if (!session->is_polling()) return fail(3);
  if (websocket) return respond(http::accept_websocket(request, session->make_websocket()));
  http::Request origin;
  origin.headers.add("Origin", request.headers.find("Origin"));
  if (request.method == http::Method::kGet) {
    return session->poll([this, origin, respond](
                             http::Response response) { respond_with(origin, respond, std::move(response)); },
                         [respond] { return respond.connected(); });
  }
  if (request.method != http::Method::kPost) return fail(3);
  respond_with(request, respond, session->post(request.body));
}

void LiveEndpoint::open_session(const http::Request& request, const http::Responder& respond,
                                bool websocket) const {
  const auto session =
      hub_.make_session(request.peer_address,
                        Secret(std::string(bearer_token(request.headers.find("Authorization")))), websocket);
  if (!session) return respond_with(request, respond, full());
  if (websocket) {
    http::Response response = http::accept_websocket(request, session->make_websocket());
    if (response.status != 101) session->close();
    return respond(std::move(response));
  }
  http::Request origin;
  origin.headers.add("Origin", request.headers.find("Origin"));
  session->poll([this, origin,
                 respond](http::Response response) { respond_with(origin, respond, std::move(response)); },
                [respond] { return respond.connected(); });
}

void LiveEndpoint::respond_with(const http::Request& request, const http::Responder& respond,
                                http::Response response) const {
  cors_.apply(request, response);
  if (!response.headers.contains("X-Content-Type-Options"))
    response.headers.add("X-Content-Type-Options", "nosniff");
  respond(std::move(response));
}

}  // namespace millrace::api
