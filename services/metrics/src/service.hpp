// The metrics service: listens to the others on the bus, answers Prometheus and GetMetrics. Owns what
// both share; start and drain run on the main thread.
#pragma once

#include <memory>

#include "base/result.hpp"
#include "config.hpp"
#include "runtime/service.hpp"
#include "service/shell.hpp"
#include "ticker.hpp"

namespace millrace::metrics {

class ModuleServer;
class Observatory;

class MetricsService {
 public:
  MetricsService();
  ~MetricsService();
  MetricsService(const MetricsService&) = delete;
  MetricsService& operator=(const MetricsService&) = delete;

  void add_rows(ConfigTable& table) { config_.add_rows(table); }
  Result<void> start(runtime::ServiceContext& context);
  void drain(runtime::Deadline deadline);

 private:
  Result<void> start_bus(const runtime::ServiceContext& context);
  Result<void> start_grpc();
  void tick();

  MetricsConfig config_;
  std::shared_ptr<Observatory> observatory_;
  service::Shell shell_;
  std::unique_ptr<ModuleServer> grpc_;
  std::unique_ptr<Ticker> ticker_;
};

}  // namespace millrace::metrics
