#include "edge.hpp"

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "http/errors.hpp"
#include "http/target.hpp"
#include "routes.hpp"
#include "vod.hpp"
#include "vod_delivery.hpp"

namespace millrace::api {
namespace {

constexpr std::string_view kStart = "/";
constexpr std::string_view kWatch = "/watch/";
constexpr std::string_view kAssets = "/assets/";
constexpr std::string_view kDocs = "/api/docs";
constexpr std::string_view kDescription = "/api/openapi.yaml";
constexpr std::string_view kPlayerConfig = "/assets/config.json";
constexpr std::string_view kSocketIo = "/socket.io";
constexpr std::string_view kStartPolicy =
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";
// Swagger UI sets styles of its own elements.
constexpr std::string_view kDocsPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
constexpr std::string_view kReadMethods = "GET, HEAD, OPTIONS";

bool is_read(const http::Request& request) {
  return request.method == http::Method::kGet || request.method == http::Method::kHead;
}

http::Response method_not_allowed(std::string_view methods) {
  http::Response response = http::Response::problem(405, "method_not_allowed");
  response.headers.add("Allow", methods);
  return response;
}

// Scripts and styles only from here, media only from the HLS server; hls.js demuxes in a worker made from a
// blob.
std::string content_security_policy(const Urls& urls) {
  const std::string media = urls.media_source();
  return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src "
         "'self' " +
         media + "; media-src 'self' blob: " + media +
         "; worker-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";
}

// What the answer of a recording needs of its request, which may come later.
http::Request kept_of(const http::Request& request) {
  http::Request kept;
  kept.path = request.path;
  kept.query = request.query;
  kept.raw_query = request.raw_query;
  kept.headers.add("Origin", request.headers.find("Origin"));
  return kept;
}

// What the application is to know of a request.
EdgeCall call_of(const http::Request& request, RouteMatch match) {
  EdgeCall call;
  call.route = match.route;
  call.peer_address = request.peer_address;
  const std::string_view type = request.headers.find("Content-Type");
  if (type.size() <= kMaxType) call.content_type = type;
  // Longer ones are no tokens of ours: the answer is the same 401 without them.
  const std::string_view authorization = request.headers.find("Authorization");
  if (authorization.size() <= kMaxAuthorization) call.authorization = authorization;
  call.parameters = std::move(match.parameters);
  call.query = request.query;
  return call;
}

// The same for all who ask the same. Parameters have no slash; a query of known length cannot be taken for
// one. Not the same as before a stream was withdrawn or given back.
std::string question_of(const RouteMatch& match, std::string_view raw_query, std::uint64_t changes) {
  std::string question = std::to_string(changes) + ' ' + std::to_string(row_of(*match.route)) + ' ' +
                         std::to_string(raw_query.size()) + ' ';
  question.append(raw_query);
  for (const auto& [name, value] : match.parameters) question.append("/").append(value);
  return question;
}

http::Response failure(const Error& error) {
  if (error.code == http::errors::kDeadline || error.code == http::errors::kUnsent)
    return http::Response::problem(504, "timeout", "The answer took too long.");
  if (error.code == http::errors::kBadAnswer) return http::Response::problem(502, "bad_answer");
  if (error.code == http::errors::kTooLarge) return http::Response::problem(413, "body_too_large");
  http::Response response =
      http::Response::problem(503, "overloaded", "The API cannot answer now. Try again shortly.");
  response.headers.add("Retry-After", "1");
  return response;
}

// Fields of the application that reach the client.
http::Response accept(http::Response from) {
  http::Response response;
  response.status = from.status;
  response.ranges = false;
  for (const std::string_view name :
       {"Content-Type", "Cache-Control", "WWW-Authenticate", "Retry-After", "Allow", "Location",
        "X-Total-Count", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"}) {
    if (from.headers.contains(name)) response.headers.add(name, from.headers.find(name));
  }
  response.body = std::move(from.body);
  return response;
}

}  // namespace

Edge::Edge(EdgeConfig config, const WebFiles& files, http::Upstream& upstream, const VodAccess& vod_access,
           LiveHub* live)
    : config_(std::move(config)),
      cors_(config_.cors_origins),
      files_(files),
      upstream_(upstream),
      vod_access_(vod_access),
      live_(live == nullptr ? std::nullopt : std::optional<LiveEndpoint>(std::in_place, *live, cors_)),
      content_security_policy_(content_security_policy(config_.urls)) {}

void Edge::handle(http::Request&& request, const http::Responder& respond) const {
  if (config_.limits != nullptr) {
    // Socket.IO's polling answers every ping with a POST: it is reading all the same.
    const http::Method method = request.path.starts_with(kSocketIo) ? http::Method::kGet : request.method;
    auto refused = config_.limits->admit_address(method, request.peer_address, monotonic_us());
    if (refused) return respond_with(request, respond, *std::move(refused));
  }
  if (live_ && live_->handle(request, respond)) return;
  if (answer_here(request, respond)) return;
  RouteMatch match = find_route(request.method, request.path);
  if (match.methods.empty()) return respond_with(request, respond, http::Response::problem(404, "not_found"));
  // Before authentication: a preflight carries no token.
  if (request.method == http::Method::kOptions) return respond(cors_.preflight(request, match.methods));
  if (match.route == nullptr) return respond_with(request, respond, method_not_allowed(match.methods));
  pass_on(std::move(request), respond, std::move(match));
}

bool Edge::answer_here(const http::Request& request, const http::Responder& respond) const {
  const std::string_view path = request.path;
  const bool watch = path.starts_with(kWatch);
  const bool asset = path.starts_with(kAssets);
  const std::optional<VodPath> presented = parse_vod_path(path);
  const std::optional<std::string_view> asked = access_question_in(path);
  const std::optional<std::string_view> recorded = presented ? std::optional(presented->file)
                                                   : asked   ? asked
                                                             : recording_in(path);
  const bool documents = path == kStart || path == kDocs || path == kDescription;
  if (!watch && !asset && !recorded && !documents) return false;
  if (request.method == http::Method::kOptions) {
    respond(cors_.preflight(request, kReadMethods));
  } else if (!is_read(request)) {
    respond_with(request, respond, method_not_allowed(kReadMethods));
  } else if (recorded) {
    judge_recording(request, respond, *recorded);
  } else if (watch) {
    const bool valid = is_valid_id(path.substr(kWatch.size()));
    respond_with(
        request, respond,
        valid ? page("watch.html", content_security_policy_) : http::Response::problem(404, "not_found"));
  } else if (path == kStart) {
    respond_with(request, respond, page("index.html", kStartPolicy));
  } else if (path == kDocs) {
    respond_with(request, respond, page("docs.html", kDocsPolicy));
  } else if (path == kDescription) {
    respond_with(request, respond, files_.response("openapi.yaml"));
  } else if (path == kPlayerConfig) {
    http::Response response = http::Response::text(200, "application/json", config_.urls.player_config());
    response.headers.add("Cache-Control", "no-store");
    respond_with(request, respond, std::move(response));
  } else {
    respond_with(request, respond, files_.response(path.substr(kAssets.size())));
  }
  return true;
}

// The same for everybody and every stream: the watch page's script takes the id from the address, so nothing
// of a request is ever written into it.
http::Response Edge::page(std::string_view file, std::string_view policy) const {
  http::Response response = files_.response(file);
  if (response.status != 200)
    return http::Response::problem(503, "web_files_missing", "The web files are not installed.");
  response.headers.add("Content-Security-Policy", policy);
  response.headers.add("Referrer-Policy", "no-referrer");
  return response;
}

void Edge::judge_recording(const http::Request& request, const http::Responder& respond,
                           std::string_view name) const {
  // A route of the API like the others, wherever it is answered.
  if (access_question_in(request.path) && request.path.size() + request.raw_query.size() > kMaxTarget)
    return respond_with(request, respond, http::Response::problem(414, "target_too_long"));
  VodAccess::Decision decision = vod_access_.judge(request, name, wall_now());
  switch (decision.answer) {
    case VodAccess::Answer::kOpen:
      return give_recording(request, respond, std::string(name), {true});
    case VodAccess::Answer::kGranted:
      return give_recording(request, respond, std::string(name),
                            {false, std::string(request.parameter(VodAccess::kParameter))});
    case VodAccess::Answer::kRefused:
      return respond_with(request, respond, std::move(decision.refusal));
    case VodAccess::Answer::kAsk:
      break;
  }
  RouteMatch access = find_route(http::Method::kGet, "/api/vod/access/" + std::string(name));
  if (access.route == nullptr)
    return respond_with(request, respond, http::Response::problem(404, "not_found"));
  EdgeCall question = call_of(request, std::move(access));
  const bool nobody = !request.headers.contains("Authorization");
  ask_application(
      std::move(question), {}, [respond] { return respond.connected(); },
      [this, respond, kept = kept_of(request), name = std::string(name), nobody](http::Response answer) {
        if (answer.status != 200) return respond_with(kept, respond, std::move(answer));
        // What nobody in particular may have is everybody's.
        give_recording(kept, respond, name, {nobody});
      });
}

void Edge::give_recording(const http::Request& request, const http::Responder& respond,
                          const std::string& name, const Grant& grant) const {
  auto file = open_recording(config_.vod_directory, name);
  if (!file) return respond_with(request, respond, std::move(file.error()));
  const auto give = [this, respond, kept = kept_of(request), grant](http::Response response) {
    if (response.status == 200)
      response.headers.add("Cache-Control",
                           grant.to_everybody ? "public, max-age=3600" : "private, no-store");
    respond_with(kept, respond, std::move(response));
  };
  if (access_question_in(request.path)) {
    http::Response response = http::Response::text(200, "application/json", R"({"allowed":true})");
    response.headers.add("Cache-Control", "no-store");
    return respond_with(request, respond, std::move(response));
  }
  if (!parse_vod_path(request.path)) return give(http::file_response(std::move(*file), name));
  vod_->find(name, *file,
             [give, kept = kept_of(request), file = *file, token = grant.token](
                 const VodLibrary::Found& found) { give(vod_answer(found, file, kept, token)); });
}

void Edge::pass_on(http::Request&& request, const http::Responder& respond, RouteMatch match) const {
  if (request.path.size() + request.raw_query.size() > kMaxTarget)
    return respond_with(request, respond, http::Response::problem(414, "target_too_long"));
  http::Request origin;  // what CORS needs of it
  origin.headers.add("Origin", request.headers.find("Origin"));
  const auto answered = [this, respond, origin = std::move(origin)](http::Response response) {
    respond_with(origin, respond, std::move(response));
  };
  if (match.route->sharing == Sharing::kAnonymous && !request.headers.contains("Authorization")) {
    std::string question = question_of(match, request.raw_query, vod_access_.changes());
    return share(std::move(question), call_of(request, std::move(match)), respond, answered);
  }
  EdgeCall call = call_of(request, std::move(match));
  ask_application(
      std::move(call), std::move(request.body), [respond] { return respond.connected(); }, answered);
}

void Edge::share(std::string question, EdgeCall call, const http::Responder& respond,
                 const std::function<void(http::Response)>& answered) const {
  const auto kept = std::make_shared<const EdgeCall>(std::move(call));
  const auto ask_alone = [this, kept, respond, answered] {
    ask_application(
        *kept, {}, [respond] { return respond.connected(); }, answered);
  };
  const AnswerCache::Waiter waiter = [ask_alone, answered](const http::Response* shared) {
    shared == nullptr ? ask_alone() : answered(*shared);
  };
  const auto asking = std::make_shared<SharedQuestion>(answers_, std::move(question));
  switch (answers_->get(asking->text(), AnswerCache::Clock::now(), waiter)) {
    case AnswerCache::Outcome::kAnswered:
    case AnswerCache::Outcome::kWaiting:
      return;
    case AnswerCache::Outcome::kAskAlone:
      return ask_alone();
    case AnswerCache::Outcome::kAsk:
      asking->begin();
  }
  ask_application(*kept, {}, {}, [asking, answered](http::Response response) {
    asking->finish(response, AnswerCache::Clock::now());
    answered(std::move(response));
  });
}

void Edge::ask_application(EdgeCall call, std::string body, std::function<bool()> wanted,
                           std::function<void(http::Response)> answered) const {
  http::UpstreamRequest request = upstream_request(std::move(call), config_.edge_secret, std::move(body));
  request.wanted = std::move(wanted);
  upstream_.send(std::move(request), [answered = std::move(answered)](Result<http::Response> answer) {
    answered(answer ? accept(std::move(*answer)) : failure(answer.error()));
  });
}

void Edge::respond_with(const http::Request& request, const http::Responder& respond,
                        http::Response response) const {
  cors_.apply(request, response);
  if (!response.headers.contains("X-Content-Type-Options"))
    response.headers.add("X-Content-Type-Options", "nosniff");
  respond(std::move(response));
}

}  // namespace millrace::api
