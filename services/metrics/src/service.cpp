#include "service.hpp"

#include <algorithm>
#include <chrono>

#include "base/clock.hpp"
#include "base/reply_codes.hpp"
#include "bus/v1/bus.pb.h"
#include "exposition.hpp"
#include "grpc/module_server.hpp"
#include "observatory.hpp"

namespace millrace::metrics {
namespace {

bus::EventHandler handler_for(const std::shared_ptr<Observatory>& observatory) {
  return {.on_snapshot = [observatory](const bus::v1::Snapshot& s) { observatory->snapshot(s); },
          .on_event = [observatory](const bus::v1::Event& event) { observatory->event(event); },
          .on_lost =
              [observatory](const bus::PeerName& name) { observatory->lost(name.service, name.instance); }};
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
  if (!history) return responder.fail({reply_codes::kStreamNotMeasured, "the stream is not live"});
  *reply.mutable_health_history() = *std::move(history);
  responder(std::move(reply));
}

}  // namespace

MetricsService::MetricsService() = default;
MetricsService::~MetricsService() = default;

Result<void> MetricsService::start(runtime::ServiceContext& context) {
  observatory_ = std::make_shared<Observatory>(context.health, monotonic_us);
  if (Result<void> started = start_bus(context); !started) return started;
  if (Result<void> started = start_grpc(); !started) return started;
  ticker_ = std::make_unique<Ticker>(std::chrono::seconds(1), [this] { tick(); });
  return shell_.open_ops(context, config_.ops, {std::make_shared<Exposition>(observatory_)},
                         {{"RTMP_GRPC_PORT", grpc_->port()}});
}

Result<void> MetricsService::start_bus(const runtime::ServiceContext& context) {
  if (Result<void> joined = shell_.join_bus(context, config_.bus); !joined) return joined;
  shell_.node().serve(
      [observatory = observatory_](const bus::v1::Request& request, const bus::Responder& responder) {
        answer(*observatory, request, responder);
      });
  for (const std::string_view service : bus::services()) {
    if (service == context.name) continue;
    observatory_->expect(service);
    shell_.node().subscribe(service, handler_for(observatory_));
  }
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
  std::vector<bus::v1::Event> events = observatory_->tick(wall_now());
  grpc_->update(observatory_->state());
  if (!events.empty()) shell_.node().publish(std::move(events));
}

void MetricsService::drain(runtime::Deadline deadline) {
  const auto left = service::time_left(deadline);
  ticker_.reset();
  if (grpc_) grpc_->drain(std::min<std::int64_t>(left.count() / 2, 1000) * 1000);
  shell_.close(std::min(left, std::chrono::milliseconds(1000)));
}

}  // namespace millrace::metrics
