#include "runtime/service.hpp"
#include "service.hpp"

int main(int argc, char** argv) {
  using namespace millrace;
  metrics::MetricsService service;
  return runtime::run_service(
      argc, argv,
      {.name = "metrics",
       .summary = "reports the state of the streams to Prometheus and gRPC clients",
       .configure = [&](ConfigTable& table) { service.add_rows(table); },
       .start = [&](runtime::ServiceContext& context) { return service.start(context); },
       .drain = [&](runtime::Deadline deadline) { service.drain(deadline); }});
}
