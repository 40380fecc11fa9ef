// Ingest's own figures for Prometheus.
#pragma once

#include <functional>
#include <memory>

#include "bus/node.hpp"
#include "server.hpp"

namespace prometheus {
class Collectable;
}

namespace millrace::ingest {

struct MetricSources {
  const Server& server;
  const media::ArenaWriter& arena;
  const LiveStreams& streams;
  const bus::Node& node;
  const net::TlsCertificate* certificate = nullptr;  // null: no RTMPS
};

// The sources outlive it.
std::shared_ptr<prometheus::Collectable> make_metrics(const MetricSources& sources);

}  // namespace millrace::ingest
