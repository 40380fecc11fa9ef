// The public side: every request from outside is answered here, or checked here and passed to the
// application.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "answer_cache.hpp"
#include "base/secret.hpp"
#include "cors.hpp"
#include "edge_call.hpp"
#include "http/server.hpp"
#include "http/upstream.hpp"
#include "live_endpoint.hpp"
#include "rate_limits.hpp"
#include "urls.hpp"
#include "vod_access.hpp"
#include "vod_library.hpp"
#include "web_files.hpp"

namespace millrace::api {

struct EdgeConfig {
  Secret edge_secret;  // the application takes requests with it only
  Urls urls;
  std::string vod_directory;
  std::string cors_origins;
  RateLimits* limits = nullptr;  // outlives the Edge; nullptr: none
};

// Thread-safe. Outlives the server that calls it; the others outlive the Edge.
class Edge {
 public:
  // live: null when there is no feed of metrics.
  Edge(EdgeConfig config, const WebFiles& files, http::Upstream& upstream, const VodAccess& vod_access,
       LiveHub* live = nullptr);

  // For http::Server::start.
  void handle(http::Request&& request, const http::Responder& respond) const;

 private:
  // Answers that need no application; false when the path is none of them.
  bool answer_here(const http::Request& request, const http::Responder& respond) const;
  // 503 where it is not installed.
  http::Response page(std::string_view file, std::string_view policy) const;
  // Who is given a recording, and how: to everybody, or to this request alone; playlists hand on a token
  // that it was granted by.
  struct Grant {
    bool to_everybody = false;
    std::string token{};
  };
  // The file or an object of its presentation, as the path says.
  void give_recording(const http::Request& request, const http::Responder& respond, const std::string& name,
                      const Grant& grant) const;
  // The same, once it is known who may have it.
  void judge_recording(const http::Request& request, const http::Responder& respond,
                       std::string_view name) const;
  void pass_on(http::Request&& request, const http::Responder& respond, RouteMatch match) const;
  // Of a route whose answers may be shared: one question for all who ask the same.
  void share(std::string question, EdgeCall call, const http::Responder& respond,
             const std::function<void(http::Response)>& answered) const;
  // wanted may be empty.
  void ask_application(EdgeCall call, std::string body, std::function<bool()> wanted,
                       std::function<void(http::Response)> answered) const;
  void respond_with(const http::Request& request, const http::Responder& respond,
                    http::Response response) const;

  const EdgeConfig config_;
  const CorsPolicy cors_;
  const WebFiles& files_;
  http::Upstream& upstream_;
  const VodAccess& vod_access_;
  const std::optional<LiveEndpoint> live_;
  const std::string content_security_policy_;
  const std::shared_ptr<AnswerCache> answers_ = std::make_shared<AnswerCache>();
  const std::unique_ptr<VodLibrary> vod_ = std::make_unique<VodLibrary>();  // its thread ends first
};

}  // namespace millrace::api
