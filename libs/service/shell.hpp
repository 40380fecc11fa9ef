// What every service has around its own work: a node on the bus, the operator's endpoints (health, readiness,
// metrics), the file that says what ports it has, and the end of all that.
//
//   shell_.join_bus(context, config_.bus)           first: the parts talk over it
//   shell_.node().subscribe("ingest", …)
//   …
//   shell_.open_ops(context, config_.ops, {metrics}, {{"HLS_PORT", hls_->port()}})    last, when all listens
//   …
//   shell_.close()                                  in drain(), after what still publishes
//
// Main thread only, except node(): any thread, once the bus is joined.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "base/result.hpp"
#include "bus/endpoints.hpp"
#include "bus/node.hpp"
#include "http/ops_config.hpp"
#include "runtime/service.hpp"

namespace millrace::http {
class Server;
}
namespace prometheus {
class Collectable;
}

namespace millrace::service {

class Shell {
 public:
  Shell();
  ~Shell();  // close()
  Shell(const Shell&) = delete;
  Shell& operator=(const Shell&) = delete;

  // As an instance of context.name. Errors: those of bus::endpoints() and bus::Node::start().
  Result<void> join_bus(const runtime::ServiceContext& context, bus::EndpointsConfig config);
  // After join_bus(), as long as this. A stopped one takes no more events.
  bus::Node& node() const { return *node_; }

  // After join_bus(), whose metrics are added. Then writes the ports file: `ports` and the one that it
  // opened. Errors: those of http::start_ops().
  Result<void> open_ops(const runtime::ServiceContext& context, const http::OpsConfig& config,
                        std::vector<std::shared_ptr<prometheus::Collectable>> metrics,
                        runtime::Ports ports = {});

  // Sends what is queued; no callback runs after it. Nothing to do twice, or before join_bus().
  void leave_bus();
  // Closes the operator's endpoints, whose requests may take so long to end, and leaves the bus. The same.
  void close(std::chrono::milliseconds grace = {});

 private:
  std::unique_ptr<bus::Node> node_;
  std::shared_ptr<runtime::Health> health_;  // which ops_ reads
  std::unique_ptr<http::Server> ops_;
};

// How long a step of drain() may take: until so long before the deadline, never negative.
std::chrono::milliseconds time_left(runtime::Deadline deadline, std::chrono::milliseconds reserve = {});

}  // namespace millrace::service
