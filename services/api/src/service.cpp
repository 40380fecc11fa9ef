#include "service.hpp"

#include "actors.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "bus/watching_facts.hpp"
#include "edge.hpp"
#include "http/ops.hpp"
#include "http/server.hpp"
#include "live_hub.hpp"
#include "live_metrics.hpp"
#include "metrics_feed.hpp"
#include "public_names.hpp"
#include "rate_limit_metrics.hpp"
#include "recordings.hpp"
#include "service/shell.hpp"
#include "stream_directory.hpp"

namespace millrace::api {
namespace {

constexpr std::size_t kEdgeSecretBytes = 32;
// What a client of the live feed waits for at most.
constexpr std::chrono::milliseconds kAuthPatience{2000};
// Of the drain: what is left after the edge's clients have been served.
constexpr std::chrono::milliseconds kLastWords{500};

}  // namespace

// In the order of construction; destroyed the other way round.
struct ApiService::Parts {
  Urls urls;
  std::string vod_directory;
  std::unique_ptr<WebFiles> files;
  MetricsFeed feed;
  playback::Revocations watching;  // filled by the bus thread
  std::shared_ptr<LiveShared> live;
  std::unique_ptr<LiveHub> hub;
  service::Shell shell;
  std::unique_ptr<Peers> peers;
  std::unique_ptr<StreamDirectory> directory;
  std::unique_ptr<PublicNames> names;
  std::unique_ptr<Recordings> recordings;
  std::unique_ptr<RateLimits> limits;
  std::unique_ptr<VodAccess> vod_access;
  std::unique_ptr<http::Upstream> upstream;
  std::unique_ptr<Edge> edge;
  std::unique_ptr<http::Server> server;
};

ApiService::ApiService() : parts_(std::make_unique<Parts>()) {}
ApiService::~ApiService() {
  // Its clients ask over the bus.
  if (parts_->hub) parts_->hub->drain();
}

Result<void> ApiService::start(runtime::ServiceContext& context) {
  Parts& parts = *parts_;
  parts.urls = config_.urls();
  if (!config_.ffmpeg_path.empty())
    log::info("FFMPEG_PATH is not used: packaging, recording and metrics need no ffmpeg");
  parts.vod_directory = config_.vod_directory(context.home);
  parts.recordings = std::make_unique<Recordings>(parts.vod_directory);
  parts.files = std::make_unique<WebFiles>(config_.web_root);
  start_live();
  if (Result<void> started = start_bus(context); !started) return started;
  parts.limits = std::make_unique<RateLimits>(config_.rates);
  const Secret edge_secret(random_hex(kEdgeSecretBytes));
  parts.upstream = std::make_unique<http::Upstream>(upstream_config(config_.application_threads));
  if (Result<void> started = start_edge(edge_secret); !started) return started;
  start_actors(context, edge_secret);
  return parts.shell.open_ops(
      context, config_.ops,
      {http::server_metrics("api", *parts.server), http::upstream_metrics("application", *parts.upstream),
       live_metrics(*parts.hub), rate_limit_metrics(*parts.limits)},
      {{"PORT", parts.server->port()}});
}

// Before the bus, which feeds it, and the edge, which brings its clients.
void ApiService::start_live() {
  Parts& parts = *parts_;
  parts.live = std::make_shared<LiveShared>(parts.watching);
  parts.live->monotonic_us = monotonic_us;
  parts.live->wall_now = wall_now;
  parts.live->ask_auth = [&parts](bus::v1::Request request, bus::Node::ReplyHandler handler) {
    parts.shell.node().request("auth", std::move(request), kAuthPatience, std::move(handler));
  };
  parts.hub = std::make_unique<LiveHub>(LiveLimits{config_.live_clients, config_.connections_per_address},
                                        parts.live);
  parts.feed.listen(
      [hub = parts.hub.get()](const std::vector<MetricsFeed::Numbers>& streams) { hub->update(streams); });
}

Result<void> ApiService::start_bus(const runtime::ServiceContext& context) {
  if (Result<void> joined = parts_->shell.join_bus(context, config_.bus); !joined) return joined;
  parts_->peers = std::make_unique<Peers>(
      parts_->shell.node(),
      [&feed = parts_->feed, &watching = parts_->watching](std::string_view, const bus::v1::Event& event) {
        if (event.has_metrics_updated()) feed.update(event.metrics_updated(), monotonic_us());
        bus::apply(watching, event);
      });
  parts_->directory = std::make_unique<StreamDirectory>(*parts_->peers, parts_->watching);
  parts_->names = std::make_unique<PublicNames>(*parts_->peers, parts_->urls);
  parts_->hub->name_by(parts_->names.get());
  Result<playback::TokenKeys> keys =
      playback::TokenKeys::create(config_.playback_secret, config_.playback_secret_previous);
  if (!keys) return fail("config.secret", keys.error().message);
  parts_->vod_access = std::make_unique<VodAccess>(parts_->vod_directory, std::move(*keys), parts_->watching,
                                                   *parts_->directory);
  return {};
}

Result<void> ApiService::start_edge(const Secret& edge_secret) {
  Parts& parts = *parts_;
  parts.edge = std::make_unique<Edge>(
      EdgeConfig{edge_secret, parts.urls, parts.vod_directory, config_.cors_origins, parts.limits.get()},
      *parts.files, *parts.upstream, *parts.vod_access, parts.hub.get());
  http::ServerConfig config;
  config.name = "api";
  config.address = config_.listen_address;
  config.port = config_.port;
  config.port_variable = "PORT";
  config.threads = config_.edge_threads;
  config.limits.connections = config_.connections;
  config.limits.connections_per_address = config_.connections_per_address;
  config.proxies = config_.proxies.proxies();
  auto server = http::Server::start(
      config, [edge = parts.edge.get()](http::Request&& request, const http::Responder& respond) {
        edge->handle(std::move(request), respond);
      });
  if (!server) return tl::unexpected(server.error());
  parts.server = std::move(*server);
  // The application, which reports it, starts later.
  if (parts.urls.api_base.empty())
    parts.urls.api_base = "http://localhost:" + std::to_string(parts.server->port());
  return {};
}

void ApiService::start_actors(const runtime::ServiceContext& context, const Secret& edge_secret) {
  Parts& parts = *parts_;
  const ApplicationConfig application{edge_secret, config_.application_threads, parts.limits.get()};
  const auto start_application = [&parts, application, &rules = config_.stream_rules, &ads = config_.ads] {
    return Application::start(application, {*parts.peers, parts.urls, *parts.recordings, *parts.directory,
                                            *parts.names, rules, parts.feed, ads, parts.watching});
  };
  const std::shared_ptr<ActorParts> shared(new ActorParts{start_application, edge_secret, *parts.upstream,
                                                          *parts.peers, *parts.files, context.health});
  context.health->set("application", runtime::HealthState::kStarting, "starting");
  runtime::add_child(context.root, application_child(shared));
  runtime::add_child(context.root, presence_child(shared));
}

// The application is the actors' and ends with them, after this.
void ApiService::drain(runtime::Deadline deadline) {
  parts_->hub->drain();
  parts_->server->drain(service::time_left(deadline, kLastWords));
  parts_->upstream->stop();
  parts_->shell.close();
}

}  // namespace millrace::api
