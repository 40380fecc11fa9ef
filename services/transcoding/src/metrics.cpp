#include "metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

namespace millrace::transcoding {
namespace {

prometheus::Counter& counter(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Gauge& gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

}  // namespace

struct Metrics::Families {
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  prometheus::Counter& starts =
      counter(*registry, "millrace_transcoding_starts_total", "Transcoders that were started.");
  prometheus::Counter& failures = counter(*registry, "millrace_transcoding_failures_total",
                                          "Transcoders that failed or could not be started.");
  prometheus::Gauge& running = gauge(*registry, "millrace_transcoding_children", "Transcoders that run.");
  prometheus::Gauge& waiting = gauge(*registry, "millrace_transcoding_waiting",
                                     "Streams that wait for a transcoder: for its time or for room.");
  prometheus::Gauge& given_up =
      gauge(*registry, "millrace_transcoding_given_up", "Live streams that are not transcoded any more.");
};

Metrics::Metrics() : families_(std::make_unique<Families>()) {}
Metrics::~Metrics() = default;

void Metrics::started() {
  families_->starts.Increment();
}
void Metrics::failed() {
  families_->failures.Increment();
}
void Metrics::counted(const ChildTable::Counts& counts) {
  families_->running.Set(static_cast<double>(counts.running));
  families_->waiting.Set(static_cast<double>(counts.waiting));
  families_->given_up.Set(static_cast<double>(counts.given_up));
}

std::shared_ptr<prometheus::Collectable> Metrics::collectable() const {
  return families_->registry;
}

}  // namespace millrace::transcoding
