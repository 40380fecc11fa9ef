#include "service.hpp"

#include <algorithm>
#include <chrono>

#include "base/clock.hpp"
#include "bus/metrics.hpp"
#include "bus/node.hpp"
#include "bus/v1/bus.pb.h"
#include "exposition.hpp"
#include "grpc/module_server.hpp"
#include "http/ops.hpp"
#include "observatory.hpp"

namespace millrace::metrics {
namespace {

constexpr std::string_view kName = "metrics";

bus::EventHandler handler_for(const std::shared_ptr<Observatory>& observatory, std::string_view service) {
  return {.on_snapshot = [observatory,
                          service](const bus::v1::Snapshot& s) { observatory->snapshot(service, s); },
          .on_event = [observatory](const bus::v1::Event& event) { observatory->event(event); },
          .on_lost = [observatory, service] { observatory->lost(service); }};
}

void answer(const Observatory& observatory, const bus::v1::Request& request,
            const bus::Responder& responder) {
  bus::v1::Reply reply;
  if (request.has_get_metrics()) {
    *reply.mutable_metrics() = Aggregation::reply(observatory.report(), request.get_metrics().stream_id());
    return responder(std::move(reply));
  }
  if (!request.has_get_health_history())
    return responder.fail(
        {"metrics.unknown_request", "metrics answers GetMetrics and GetHealthHistory only"});
  auto history = observatory.health_history(request.get_health_history().stream_id());
  if (!history) return responder.fail({"metrics.unknown_stream", "the stream is not live"});
  *reply.mutable_health_history() = *std::move(history);
  responder(std::move(reply));
}

}  // namespace

MetricsService::MetricsService() = default;
MetricsService::~MetricsService() = default;

Result<void> MetricsService::start(runtime::ServiceContext& context) {
  observatory_ = std::make_shared<Observatory>(context.health, monotonic_us);
  if (Result<void> started = start_bus(context); !started) return started;
  if (Result<void> started = start_http(context); !started) return started;
  if (Result<void> started = start_grpc(); !started) return started;
  ticker_ = std::make_unique<Ticker>(std::chrono::seconds(1), [this] { tick(); });
  return context.write_ports({{"METRICS_PORT", server_->port()}, {"RTMP_GRPC_PORT", grpc_->port()}});
}

Result<void> MetricsService::start_bus(const runtime::ServiceContext& context) {
  config_.bus.home = context.home;
  const Result<bus::EndpointTable> endpoints = bus::endpoints(config_.bus);
  if (!endpoints) return tl::unexpected(endpoints.error());
  auto node = bus::Node::start({.instance = std::string(kName), .endpoints = *endpoints, .limits = {}});
  if (!node) return tl::unexpected(node.error());
  node_ = *std::move(node);
  node_->serve(
      [observatory = observatory_](const bus::v1::Request& request, const bus::Responder& responder) {
        answer(*observatory, request, responder);
      });
  for (const std::string_view service : bus::kServices) {
    if (service == kName) continue;
    observatory_->expect(service);
    node_->subscribe(service, handler_for(observatory_, service));
  }
  return {};
}

Result<void> MetricsService::start_http(const runtime::ServiceContext& context) {
  http::OpsSources sources;
  sources.service = kName;
  sources.health = context.health.get();
  sources.metrics = {std::make_shared<Exposition>(observatory_), bus::node_metrics(*node_)};
  auto started = http::start_ops(config_.ops, std::move(sources));
  if (!started) return tl::unexpected(started.error());
  server_ = *std::move(started);
  return {};
}

Result<void> MetricsService::start_grpc() {
  const std::string base = config_.rtmp_base_url.empty()
                               ? "rtmp://localhost:" + std::to_string(config_.rtmp_port)
                               : config_.rtmp_base_url;
  auto started = ModuleServer::start({.address = config_.grpc_address,
                                      .port = config_.grpc_port,
                                      .reflection = config_.grpc_reflection,
                                      .rtmp_base_url = base});
  if (!started) return tl::unexpected(started.error());
  grpc_ = *std::move(started);
  return {};
}

void MetricsService::tick() {
  std::vector<bus::v1::Event> events = observatory_->tick(wall_us());
  grpc_->update(observatory_->state());
  if (!events.empty()) node_->publish(std::move(events));
}

void MetricsService::drain(runtime::Deadline deadline) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  ticker_.reset();
  if (grpc_) grpc_->drain(std::clamp<std::int64_t>(left.count() / 2, 0, 1000) * 1000);
  if (server_)
    server_->drain(std::clamp(left, std::chrono::milliseconds(0), std::chrono::milliseconds(1000)));
  if (node_) node_->stop();
}

}  // namespace millrace::metrics
