// Ingest's own figures for Prometheus.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "bus/node.hpp"
#include "server/server.hpp"

namespace prometheus {
class Collectable;
struct MetricFamily;
}  // namespace prometheus

namespace millrace::ingest {

struct MetricSources {
  const Server& server;
  const media::ArenaWriter& arena;
  const LiveStreams& streams;
  const bus::Node& node;
  const net::TlsCertificate* certificate = nullptr;  // null: no RTMPS
};

// Of the counters of all shards; over_limit is in connections_refused_total, with what the listeners refused.
std::vector<prometheus::MetricFamily> families_of(const ServerCounters& counters);
// The sources outlive it.
std::shared_ptr<prometheus::Collectable> make_metrics(const MetricSources& sources);

}  // namespace millrace::ingest
