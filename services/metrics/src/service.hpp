// The metrics service: listens to the others on the bus, answers Prometheus and GetMetrics. Owns the bus
// node, the HTTP server and what both share; start and drain run on the main thread.
#pragma once

#include <memory>

#include "base/result.hpp"
#include "config.hpp"
#include "runtime/service.hpp"
#include "ticker.hpp"

namespace millrace::bus {
class Node;
}
namespace millrace::http {
class Server;
}

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
  Result<void> start_http(const runtime::ServiceContext& context);
  Result<void> start_grpc();
  void tick();

  MetricsConfig config_;
  std::shared_ptr<Observatory> observatory_;
  std::unique_ptr<bus::Node> node_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<ModuleServer> grpc_;
  std::unique_ptr<Ticker> ticker_;
};

}  // namespace millrace::metrics
