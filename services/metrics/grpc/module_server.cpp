#include "module_server.hpp"

#include <grpc/support/log.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/impl/server_builder_plugin.h>
#include <grpcpp/resource_quota.h>
#include <malloc.h>

#include <chrono>
#include <mutex>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "marchproxy/module.grpc.pb.h"
#include "module_answers.hpp"
#include "runtime/service.hpp"

namespace millrace::metrics {
namespace {

constexpr int kMaxMessageBytes = 64 << 10;  // received; every request is empty
constexpr int kMaxMetadataBytes = 16 << 10;
constexpr int kMaxCallsAConnection = 100;
constexpr std::size_t kMaxMemoryBytes = 16U << 20;  // of all connections
constexpr std::size_t kKeptFreeBytes = 4U << 20;
constexpr int kMaxThreads = 8;
constexpr int kIdleMs = 5 * 60'000;   // a connection without a call is closed
constexpr int kAgeMs = 60 * 60'000;   // and one of this age, with
constexpr int kAgeGraceMs = 30'000;   // this long for its calls
constexpr int kKeepaliveMs = 60'000;  // pings to silent clients
constexpr int kKeepaliveTimeoutMs = 20'000;
constexpr int kPingIntervalMs = 10'000;  // clients that ping faster
constexpr int kPingStrikes = 5;          // so often are sent away

constexpr const char* kServiceName = "marchproxy.ModuleService";

// gRPC's own lines quote peers: for whoever looks for something.
void quiet(gpr_log_func_args* line) {
  log::debug("grpc", {{"message", line->message}});
}

class ModuleService final : public marchproxy::ModuleService::CallbackService {
 public:
  explicit ModuleService(std::string rtmp_base_url) : rtmp_base_url_(std::move(rtmp_base_url)) {}

  void update(std::shared_ptr<const ModuleState> state) {
    const std::lock_guard lock(mutex_);
    state_ = std::move(state);
  }

 private:
  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;
  using Empty = marchproxy::Empty;

  Reactor* GetStatus(Context* context, const Empty*, marchproxy::StatusResponse* response) override {
    return answer(context, [&](const ModuleState& state) { *response = status_response(state); });
  }
  Reactor* GetRoutes(Context* context, const Empty*, marchproxy::RoutesResponse* response) override {
    return answer(context,
                  [&](const ModuleState& state) { *response = routes_response(state, rtmp_base_url_); });
  }
  Reactor* GetMetrics(Context* context, const Empty*, marchproxy::MetricsResponse* response) override {
    return answer(context, [&](const ModuleState& state) { *response = metrics_response(state); });
  }
  Reactor* HealthCheck(Context* context, const Empty*, marchproxy::HealthCheckResponse* response) override {
    const std::int64_t began_us = monotonic_us();
    return answer(context, [&](const ModuleState& state) {
      *response = health_response(state, monotonic_us() - began_us);
    });
  }

  template <class Fill>
  Reactor* answer(Context* context, Fill&& fill) {
    Reactor* reactor = context->DefaultReactor();
    std::shared_ptr<const ModuleState> state;
    {
      const std::lock_guard lock(mutex_);
      state = state_;
    }
    if (!state || !state->ready) {
      reactor->Finish({grpc::StatusCode::UNAVAILABLE, "the module has just been started"});
    } else if (context->IsCancelled()) {
      reactor->Finish(grpc::Status::CANCELLED);
    } else {
      fill(*state);
      reactor->Finish(grpc::Status::OK);
    }
    return reactor;
  }

  const std::string rtmp_base_url_;
  std::mutex mutex_;
  std::shared_ptr<const ModuleState> state_;
};

void set_limits(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  grpc::ResourceQuota quota("module");
  quota.Resize(kMaxMemoryBytes).SetMaxThreads(kMaxThreads);
  builder.SetResourceQuota(quota);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxCallsAConnection);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kIdleMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, kAgeMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, kAgeGraceMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kPingIntervalMs);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, kPingStrikes);
  // Two servers on one port would take calls in turn.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
}

// The library adds reflection to every server of a program that it is linked into.
class WithoutReflection final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    std::erase_if(*plugins, [](const auto& plugin) { return plugin->name() == "proto_server_reflection"; });
  }
};

std::string join(const std::string& address, std::uint16_t port) {
  const bool v6 = address.find(':') != std::string::npos && !address.starts_with('[');
  return (v6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

}  // namespace

class ModuleServer::Core {
 public:
  explicit Core(const ModuleServerConfig& config) : service_(config.rtmp_base_url) {}

  Result<void> start(const ModuleServerConfig& config) {
    gpr_set_log_function(quiet);
    grpc::EnableDefaultHealthCheckService(true);
    if (config.reflection) grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::ServerBuilder builder;
    if (!config.reflection) builder.SetOption(std::make_unique<WithoutReflection>());
    set_limits(builder);
    int bound = 0;
    builder.AddListeningPort(join(config.address, config.port), grpc::InsecureServerCredentials(), &bound);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    if (!server_ || bound <= 0) {
      server_.reset();
      return tl::unexpected(runtime::port_in_use(config.port, "RTMP_GRPC_PORT"));
    }
    port_ = static_cast<std::uint16_t>(bound);
    set_serving(false);
    return {};
  }

  std::uint16_t port() const { return port_; }

  void update(std::shared_ptr<const ModuleState> state) {
    const bool serving = state->ready && state->health != ModuleHealth::kUnhealthy;
    service_.update(std::move(state));
    // A burst of streams that are reset leaves free memory that glibc would keep.
    (void)::malloc_trim(kKeptFreeBytes);
    if (serving != serving_) set_serving(serving);
  }

  void drain(std::int64_t patience_us) {
    if (!server_) return;
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::microseconds(patience_us));
    server_->Wait();
    server_.reset();
  }

 private:
  void set_serving(bool serving) {
    serving_ = serving;
    auto* health = server_->GetHealthCheckService();
    health->SetServingStatus("", serving);
    health->SetServingStatus(kServiceName, serving);
  }

  ModuleService service_;
  std::unique_ptr<grpc::Server> server_;
  std::uint16_t port_ = 0;
  bool serving_ = false;
};

ModuleServer::ModuleServer(std::unique_ptr<Core> core) : core_(std::move(core)) {}
ModuleServer::~ModuleServer() {
  drain(0);
}

Result<std::unique_ptr<ModuleServer>> ModuleServer::start(const ModuleServerConfig& config) {
  auto core = std::make_unique<Core>(config);
  if (Result<void> started = core->start(config); !started) return tl::unexpected(started.error());
  return std::unique_ptr<ModuleServer>(new ModuleServer(std::move(core)));
}

std::uint16_t ModuleServer::port() const {
  return core_->port();
}

void ModuleServer::update(std::shared_ptr<const ModuleState> state) {
  core_->update(std::move(state));
}

void ModuleServer::drain(std::int64_t patience_us) {
  core_->drain(patience_us);
}

}  // namespace millrace::metrics
