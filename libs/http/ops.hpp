// The operator's endpoints of a service: /healthz, /readyz and /metrics, on a server of their own.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "http/ops_config.hpp"
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
  // What /metrics asks for; empty: nothing.
  Secret token{};
};

// GET /healthz: 200 while the process answers. GET /readyz: 200 when every component is ready, 503 otherwise,
// with the reasons as JSON. GET /metrics: Prometheus text format 0.0.4, the exceptions that the process has
// survived among it. Everything else 404. With a token: /metrics without it is 401, /readyz without it says
// its state and nothing else.
Handler ops_handler(OpsSources sources);

// A server with ops_handler and small limits, named "ops" in metrics. Errors: those of OpsConfig::check() and
// Server::start().
Result<std::unique_ptr<Server>> start_ops(const OpsConfig& config, OpsSources sources);

// A server's Statistics as millrace_http_* metrics with the label server=<name>; stays valid after the
// server.
std::shared_ptr<prometheus::Collectable> server_metrics(const std::string& name, const Server& server);

// An upstream pool's statistics as millrace_upstream_* metrics with the label upstream=<name>; stays valid
// after it.
std::shared_ptr<prometheus::Collectable> upstream_metrics(const std::string& name, const Upstream& upstream);

}  // namespace millrace::http
