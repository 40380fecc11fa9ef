#include "config.hpp"

namespace millrace::metrics {

void MetricsConfig::add_rows(ConfigTable& table) {
  table.text("LISTEN_ADDRESS", listen_address, "0.0.0.0", "IP address that public ports are bound to");
  table.integer("METRICS_PORT", port, "9090", {0, 65535},
                "TCP port of /metrics, /healthz and /readyz; 0 takes a free one");
  bus.add_rows(table);
}

}  // namespace millrace::metrics
