// A call as the edge passes it to the application: which row of the route table, the decoded parameters, and
// who asks, in one header field. The application parses no path and believes nothing outside that field; it
// is whole and from the edge, or the request is refused. The body follows as it came.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.hpp"
#include "http/server.hpp"
#include "http/upstream.hpp"
#include "routes.hpp"

namespace millrace::api {

// The application's one resource, and the field.
inline constexpr std::string_view kCallTarget = "/call";
inline constexpr const char* kCallField = "X-Millrace-Call";

// What the edge takes from a client's request. A longer path and query together: 414. A longer type or
// Authorization is not passed on: no route knows such a type, and no token of ours is that long.
inline constexpr std::size_t kMaxTarget = 2048;
inline constexpr std::size_t kMaxType = 128;
inline constexpr std::size_t kMaxAuthorization = 8UL * 1024;

// Everything that the edge may send is smaller than what the application takes. What Pistache finds too large
// it answers in mid-request, and then reads the rest as the next request.
inline constexpr std::size_t kMaxSecret = 64;
inline constexpr std::size_t kMaxPeer = 64;
inline constexpr std::size_t kEncoded = 3;  // bytes for one, at most, in the field
inline constexpr std::size_t kMaxCallField =
    kMaxSecret + kEncoded * (kMaxTarget + kMaxType + kMaxAuthorization + kMaxPeer) + 1024;
inline constexpr std::size_t kMaxPassed = 112UL * 1024;   // more: 413 from the edge
inline constexpr std::size_t kMaxRequest = 128UL * 1024;  // of the application
static_assert(http::Limits{}.body_bytes + kMaxCallField + 1024 <= kMaxPassed);
static_assert(kMaxPassed < kMaxRequest);

struct EdgeCall {
  const Route* route = nullptr;
  std::size_t body_bytes = 0;
  std::string peer_address;  // of the client, without the port
  std::string content_type;
  std::string authorization;  // the client's field
  Parameters parameters;      // of the route's path
  Parameters query;
};

// The field's value.
std::string write_call(const EdgeCall& call, const Secret& secret);
// nullopt: not from the edge, or not one call.
std::optional<EdgeCall> read_call(std::string_view field, const Secret& secret);

// As it goes to the application. The body is left out where the method has none.
http::UpstreamRequest upstream_request(EdgeCall call, const Secret& secret, std::string body = {});

http::UpstreamConfig upstream_config(std::size_t connections);

}  // namespace millrace::api
