#include "service.hpp"

#include <algorithm>
#include <thread>

#include "actors.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/reply_codes.hpp"
#include "bus/v1/bus.pb.h"
#include "bus/watching_facts.hpp"
#include "delivery.hpp"
#include "dvr_archive.hpp"
#include "dvr_delivery.hpp"
#include "flv_delivery.hpp"
#include "http/ops.hpp"
#include "http/server.hpp"
#include "key_redirect.hpp"
#include "patient_delivery.hpp"
#include "rendition_facts.hpp"

namespace millrace::packaging {
namespace {

// A restarted packaging answers its first request with what the last one knew: the views are made, and auth
// is heard, before it answers; who comes meanwhile waits. Without auth it answers all the same: 503. dash.js
// does not load the MPD ever again once it has been refused for 0.8 s, so the port is opened first of all.
constexpr std::chrono::seconds kFirstViewsPatience{3};
constexpr std::chrono::milliseconds kFirstViewsPoll{2};
constexpr std::string_view kComponent = "auth";  // of health: whether it is known who may watch
constexpr std::string_view kRecordings = "recordings";
constexpr std::chrono::milliseconds kDrainReserve{500};
constexpr std::chrono::seconds kKeyPatience{2};

std::shared_ptr<PackagingShared> make_shared_state(const PackagingConfig& config,
                                                   const runtime::ServiceContext& context) {
  auto shared = std::make_shared<PackagingShared>();
  shared->media_log_directory = config.media_log.directory(context.home);
  shared->policy.segments = config.window_segments;
  shared->policy.reconnect_grace_us =
      std::chrono::duration_cast<std::chrono::microseconds>(config.reconnect_grace).count();
  shared->health = context.health;
  shared->waiting = std::make_unique<http::WaitingRoom>(
      http::WaitingRoom::Limits{.total = config.waiting, .per_address = config.waiting_per_address});
  return shared;
}

bus::v1::Event viewer_event(const StreamViewers& stream, std::int64_t now_us) {
  bus::v1::Event event;
  stream::v1::ViewerStatistics& statistics = *event.mutable_viewer_statistics();
  statistics.set_stream_id(stream.stream_id);
  statistics.set_viewers(stream.viewers);
  statistics.set_sent_bytes(stream.sent_bytes);
  statistics.set_began(stream.began);
  statistics.set_segment_latency_us(
      static_cast<std::uint64_t>(std::max<std::int64_t>(stream.segment_latency_us, 0)));
  statistics.set_measured_monotonic_us(now_us);
  return event;
}

}  // namespace

PackagingService::PackagingService() = default;
PackagingService::~PackagingService() = default;

Result<void> PackagingService::start(runtime::ServiceContext& context) {
  if (auto listening = listen(); !listening) return listening;
  shared_ = make_shared_state(config_, context);
  Result<playback::TokenKeys> keys =
      playback::TokenKeys::create(config_.playback_secret, config_.playback_secret_previous);
  if (!keys) return fail("config.secret", keys.error().message);
  gate_ = std::make_unique<PlaybackGate>(std::move(*keys));
  if (config_.vod_directory_name.find('/') != std::string::npos || config_.vod_directory_name == "..")
    return fail("config.invalid", "VOD_DIRECTORY_NAME: must be a name, not a path");
  if (auto checked = config_.check_recordings(context.home); !checked) return checked;
  make_delivery(context.home);
  if (auto started = start_bus(context); !started) return started;
  for (runtime::ChildSpec& child : packaging_children(shared_))
    runtime::add_child(context.root, std::move(child));
  wait_until_all_is_known();
  serve();
  return shell_.open_ops(context, config_.ops,
                         {shared_->metrics.collectable(), http::server_metrics("hls", *hls_)},
                         {{"HLS_PORT", hls_->port()}});
}

void PackagingService::make_delivery(const std::string& home) {
  const Protocols protocols{.hls = config_.hls_enabled, .dash = config_.dash_enabled};
  delivery_ = std::make_unique<Delivery>(shared_->views, *gate_, shared_->viewers, shared_->metrics,
                                         protocols, &shared_->demand);
  if (config_.dvr_window.count() > 0) {
    const auto report = [health = shared_->health](const std::string& problem) {
      if (!problem.empty()) log::warning("there are no recordings to go back in", {{"reason", problem}});
      health->set(kRecordings,
                  problem.empty() ? runtime::HealthState::kReady : runtime::HealthState::kDegraded, problem);
    };
    archive_ = std::make_unique<DvrArchive>(
        config_.recordings_directory(home),
        std::chrono::duration_cast<std::chrono::microseconds>(config_.dvr_window).count(), report);
    archive_->look();
    dvr_ = std::make_unique<DvrDelivery>(shared_->views, *gate_, shared_->viewers, shared_->metrics,
                                         protocols, *archive_);
  }
  patient_ = std::make_unique<PatientDelivery>(*delivery_, *shared_->waiting, shared_->metrics, dvr_.get());
  FlvDependencies dependencies{.logs =
                                   [shared = shared_.get()](std::string_view stream_id) {
                                     const auto entry = shared->streams.find(std::string(stream_id));
                                     return entry ? entry->logs() : nullptr;
                                   },
                               .viewers = shared_->viewers,
                               .metrics = shared_->metrics,
                               .wait_us = shared_->policy.reconnect_grace_us};
  flv_ = std::make_unique<FlvDelivery>(std::move(dependencies), *gate_);
}

Result<void> PackagingService::start_bus(const runtime::ServiceContext& context) {
  if (auto joined = shell_.join_bus(context, config_.bus); !joined) return joined;
  // The node lives until the process ends; a stopped one takes no more events.
  shared_->report_viewers = [&node = shell_.node()](const std::vector<StreamViewers>& streams) {
    const std::int64_t now_us = monotonic_us();
    for (const StreamViewers& stream : streams) node.publish(viewer_event(stream, now_us));
  };
  shared_->report_wanted = [&node = shell_.node()](const RenditionDemand::Watched& watched) {
    node.publish(wanted_event(watched));
  };
  shared_->demand.set_teller(shared_->report_wanted);
  listen_to_auth();
  listen_to_transcoding();
  shell_.node().subscribe_pointers("ingest", [shared = shared_](const bus::v1::PointerBatch& batch) {
    shared->metrics.pointer_received(static_cast<double>(monotonic_us() - batch.arrival_monotonic_us()) /
                                     1e6);
    pointer_received(*shared, batch);
  });
  return {};
}

// Not ready before it is known who may watch. Nothing is forgotten because auth has gone, so that this
// happens once.
void PackagingService::listen_to_auth() {
  shared_->health->set(kComponent, runtime::HealthState::kStarting, "who may watch is not known yet");
  const auto heard = [gate = gate_.get(), shared = shared_](const auto& told) {
    const bool knew = gate->revocations.is_complete();
    bus::apply(gate->revocations, told);
    if (!knew && gate->revocations.is_complete())
      shared->health->set(kComponent, runtime::HealthState::kReady);
    // Who waits, or is being sent something, is judged again.
    shared->waiting->wake_all();
    shared->views.watchers().notify_all();
  };
  shell_.node().subscribe("auth",
                          {.on_snapshot = [heard](const bus::v1::Snapshot& snapshot) { heard(snapshot); },
                           .on_event = [heard](const bus::v1::Event& event) { heard(event); }});
}

void PackagingService::listen_to_transcoding() {
  const auto heard = [shared = shared_](const bus::v1::Event& event) {
    if (!event.has_renditions_planned()) return;
    const transcoding::v1::RenditionsPlanned& said = event.renditions_planned();
    if (event.retracted())
      shared->plans.end(said.stream_id(), PublicationId{said.publication_id()});
    else
      shared->plans.set(said.stream_id(), event.instance(), plan_of(said));
    if (const auto entry = shared->streams.find(said.stream_id())) entry->slot.wake();
  };
  const auto all_heard = [shared = shared_, heard](const bus::v1::Snapshot& snapshot) {
    shared->plans.begin_again(snapshot.instance(), monotonic_us());
    for (const bus::v1::Event& event : snapshot.events()) heard(event);
  };
  shell_.node().subscribe("transcoding", {.on_snapshot = all_heard, .on_event = heard});
}

bool PackagingService::knows_all() const {
  const auto entries = shared_->streams.all();
  return shared_->scanned && gate_->revocations.is_complete() &&
         std::all_of(entries.begin(), entries.end(), [](const auto& entry) { return entry->settled.load(); });
}

void PackagingService::wait_until_all_is_known() const {
  const auto deadline = std::chrono::steady_clock::now() + kFirstViewsPatience;
  while (!knows_all() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(kFirstViewsPoll);
}

Result<void> PackagingService::listen() {
  http::ServerConfig server{.name = "hls",
                            .address = config_.listen_address,
                            .port = config_.hls_port,
                            .port_variable = "HLS_PORT",
                            .threads = config_.hls_threads,
                            .limits = {}};
  server.limits.body_bytes = 0;
  server.limits.connections = config_.connections;
  server.limits.connections_per_address = config_.connections_per_address;
  server.proxies = config_.proxies.proxies();
  auto listening = http::Server::listen(std::move(server));
  if (!listening) return tl::unexpected(listening.error());
  hls_ = std::move(*listening);
  return {};
}

void PackagingService::serve() {
  hls_->serve([this, delivery = patient_.get(), flv = flv_.get()](http::Request&& request,
                                                                  const http::Responder& responder) {
    const auto key = config_.public_stream_keys ? key_in(request.path) : std::nullopt;
    if (key && request.method == http::Method::kGet) {
      std::string name(*key);
      return redirect_to_stream(std::move(request), std::move(name), responder);
    }
    const std::int64_t now_us = monotonic_us();
    const WallTime wall = wall_now();
    if (std::optional<http::Response> live = flv->answer(request, now_us, wall))
      return responder(std::move(*live));
    delivery->serve(std::move(request), responder, now_us, wall);
  });
}

void PackagingService::redirect_to_stream(http::Request request, std::string key,
                                          const http::Responder& responder) const {
  bus::v1::Request question;
  question.mutable_get_stream()->set_name(key);
  shell_.node().request(
      "auth", std::move(question), kKeyPatience,
      [request = std::move(request), key = std::move(key), responder](Result<bus::v1::Reply> reply) {
        const bool unknown = !reply && reply.error().code == reply_codes::kUnknownStream;
        http::Response response =
            reply     ? redirect_to(request, key, reply->stream().stream_id())
            : unknown ? http::Response::problem(404, "packaging.not_found", "there is no such thing")
                      : http::Response::problem(503, "packaging.auth", "try again shortly");
        if (response.status == 503) response.headers.set("Retry-After", "1");
        allow_every_origin(response);
        responder(std::move(response));
      });
}

void PackagingService::drain(runtime::Deadline deadline) {
  if (shared_) shared_->waiting->drain();
  if (hls_) hls_->drain(service::time_left(deadline, kDrainReserve));
  shell_.close();
}

}  // namespace millrace::packaging
