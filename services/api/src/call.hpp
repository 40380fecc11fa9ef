// One API call as a handler sees it, and what handlers work with. No HTTP server type.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ads.hpp"
#include "http/message.hpp"
#include "token_cache.hpp"
#include "urls.hpp"

namespace millrace::playback {
class Revocations;
}

namespace millrace::api {

class MetricsFeed;
class Peers;
class PublicNames;
class Recordings;
class StreamDirectory;

struct Call {
  // Of the bearer token: a good one is read on every route, a bad one refuses only where a token is
  // needed.
  Identity identity;
  // Of the client, without the port, as the edge knows it.
  std::string peer_address;
  // The ":name" parts of the route's path and the query, decoded.
  std::vector<std::pair<std::string, std::string>> parameters;
  std::vector<std::pair<std::string, std::string>> query;
  std::string body;
  std::string content_type;  // of the body, as sent
  // Everything the handler asks of other services has to be over by then.
  std::chrono::steady_clock::time_point deadline;

  std::string_view parameter(std::string_view name) const;
};

// What the operator decided about streams.
struct StreamRules {
  std::chrono::seconds stop_hold{30};  // how long POST /stream/stop keeps encoders off
};

// Shared by all handlers; outlives them. Thread-safe.
struct Context {
  Peers& peers;
  const Urls& urls;
  Recordings& recordings;
  StreamDirectory& directory;
  PublicNames& names;
  const StreamRules& rules;
  const MetricsFeed& feed;
  const AdsConfig& ads;
  const playback::Revocations& watching;  // what auth broadcasts
};

// JSON text as an answer.
http::Response json_response(int status, std::string text);
// The same for everybody and a second old at most: the edge and caches in front of it may keep it that long.
http::Response shared_response(std::string text);
// 401 with WWW-Authenticate (RFC 6750).
http::Response unauthorized();
// The answer to a question that another service did not answer: 503 with Retry-After.
http::Response unavailable(std::string_view service);

}  // namespace millrace::api
