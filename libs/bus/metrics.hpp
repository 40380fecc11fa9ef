// The bus node's counters for Prometheus, the same names in every service: millrace_bus_*.
#pragma once

#include <memory>

namespace prometheus {
class Collectable;
}

namespace millrace::bus {

class Node;

// Valid after the node has gone: it then shows the last counts.
std::shared_ptr<prometheus::Collectable> node_metrics(const Node& node);

}  // namespace millrace::bus
