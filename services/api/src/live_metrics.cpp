#include "live_metrics.hpp"

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>

namespace millrace::api {
namespace {

prometheus::MetricFamily family_of(const char* name, const char* help, prometheus::MetricType type) {
  prometheus::MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  return family;
}

void add(prometheus::MetricFamily& family, double value, const char* kind = nullptr) {
  prometheus::ClientMetric metric;
  if (kind != nullptr) metric.label.push_back({"kind", kind});
  (family.type == prometheus::MetricType::Gauge ? metric.gauge.value : metric.counter.value) = value;
  family.metric.push_back(std::move(metric));
}

class LiveMetrics final : public prometheus::Collectable {
 public:
  explicit LiveMetrics(const LiveHub& hub) : hub_(hub) {}
  std::vector<prometheus::MetricFamily> Collect() const override {
    const LiveStatistics now = hub_.statistics();
    using prometheus::MetricType;
    auto clients = family_of("millrace_live_clients", "Clients of the live metrics.", MetricType::Gauge);
    add(clients, static_cast<double>(now.websockets), "websocket");
    add(clients, static_cast<double>(now.sessions), "socketio");
    auto refused =
        family_of("millrace_live_refused_total", "Clients that found no place.", MetricType::Counter);
    add(refused, static_cast<double>(now.refused));
    auto dropped = family_of("millrace_live_updates_dropped_total",
                             "Updates that came faster than they could be shown.", MetricType::Counter);
    add(dropped, static_cast<double>(now.updates_dropped));
    return {clients, refused, dropped};
  }

 private:
  const LiveHub& hub_;
};

}  // namespace

std::shared_ptr<prometheus::Collectable> live_metrics(const LiveHub& hub) {
  return std::make_shared<LiveMetrics>(hub);
}

}  // namespace millrace::api
