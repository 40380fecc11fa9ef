#include "bus/metrics.hpp"

#include <prometheus/client_metric.h>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <functional>

#include "bus/node.hpp"

namespace millrace::bus {
namespace {

prometheus::MetricFamily counter(const char* name, const char* help, std::uint64_t value) {
  prometheus::ClientMetric metric;
  metric.counter.value = static_cast<double>(value);
  return {name, help, prometheus::MetricType::Counter, {std::move(metric)}};
}

class NodeMetrics final : public prometheus::Collectable {
 public:
  explicit NodeMetrics(std::function<Statistics()> source) : source_(std::move(source)) {}

  std::vector<prometheus::MetricFamily> Collect() const override {
    const Statistics now = source_();
    return {
        counter("millrace_bus_sent_messages_total", "Messages handed to a socket.", now.sent),
        counter("millrace_bus_received_messages_total", "Well-formed messages received.", now.received),
        counter("millrace_bus_gaps_total", "Losses of events noticed, each healed by a snapshot.", now.gaps),
        counter("millrace_bus_snapshots_total", "Snapshots applied.", now.snapshots),
        counter("millrace_bus_dropped_messages_total", "Messages dropped at a bound or for a gone peer.",
                now.dropped),
        counter("millrace_bus_malformed_messages_total", "Frames that are no message of ours.",
                now.malformed),
        counter("millrace_bus_missed_deadlines_total", "Requests that ran out of time.", now.deadlines),
        counter("millrace_bus_refused_requests_total", "Requests refused at a bound.", now.overloaded),
        counter("millrace_bus_repeated_commands_total", "Commands answered from memory.", now.repeated),
        counter("millrace_bus_unknown_keys_total", "Peers refused, as their key is not listed.",
                now.unknown_keys),
        counter("millrace_bus_forbidden_requests_total",
                "Requests and events that their sender may not make.", now.forbidden),
        counter("millrace_bus_duplicate_instances_total",
                "Processes passed over, as another has their service and instance.", now.twins),
    };
  }

 private:
  std::function<Statistics()> source_;
};

}  // namespace

std::shared_ptr<prometheus::Collectable> node_metrics(const Node& node) {
  return std::make_shared<NodeMetrics>(node.statistics_source());
}

}  // namespace millrace::bus
