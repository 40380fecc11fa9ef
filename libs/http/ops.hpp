// The operator's endpoints of a service: /healthz, /readyz and /metrics, on a server of their own.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "http/server.hpp"

namespace prometheus {
class Collectable;
}
namespace millrace::runtime {
class Health;
}

namespace millrace::http {

class Upstream;

struct OpsSources {
  std::string service;
  const runtime::Health* health = nullptr;  // outlives the server
  // Registries (prometheus::Registry is a Collectable) and server_metrics().
  std::vector<std::shared_ptr<prometheus::Collectable>> metrics;
};

// GET /healthz: 200 while the process answers. GET /readyz: 200 when every component is ready, 503 with the
// reasons as JSON otherwise. GET /metrics: Prometheus text format 0.0.4. Everything else 404.
Handler ops_handler(OpsSources sources);

// A server with ops_handler and small limits. config.name is set to "ops".
Result<std::unique_ptr<Server>> start_ops(ServerConfig config, OpsSources sources);

// A server's Statistics as millrace_http_* metrics with the label server=<name>; stays valid after the
// server.
std::shared_ptr<prometheus::Collectable> server_metrics(const std::string& name, const Server& server);

// An upstream pool's statistics as millrace_upstream_* metrics with the label upstream=<name>; stays valid
// after it.
std::shared_ptr<prometheus::Collectable> upstream_metrics(const std::string& name, const Upstream& upstream);

}  // namespace millrace::http
