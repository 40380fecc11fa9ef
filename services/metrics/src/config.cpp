#include "config.hpp"

namespace millrace::metrics {

void MetricsConfig::add_rows(ConfigTable& table) {
  ops.add_rows(table, "METRICS_ADDRESS", "METRICS_PORT", "9090",
               "TCP port of /metrics, /healthz and /readyz; 0 takes a free one");
  table.text(
      "GRPC_ADDRESS", grpc_address, "127.0.0.1",
      "IP address that RTMP_GRPC_PORT is bound to; it has neither TLS nor tokens, so keep it internal");
  table.integer("RTMP_GRPC_PORT", grpc_port, "50053", {0, 65535},
                "TCP port of gRPC: marchproxy.ModuleService and grpc.health.v1; 0 takes a free one");
  table.boolean("GRPC_REFLECTION", grpc_reflection, "false",
                "gRPC clients may ask for the service's description");
  table.integer("RTMP_PORT", rtmp_port, "1935", {0, 65535}, "TCP port of RTMP, as gRPC's routes name it");
  table.text("RTMP_BASE_URL", rtmp_base_url, "",
             "where publishers connect to, as gRPC's routes name it; default: rtmp://localhost:RTMP_PORT");
  bus.add_rows(table);
}

}  // namespace millrace::metrics
