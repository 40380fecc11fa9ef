#include "metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <string>

#include "recording.hpp"

namespace millrace::recording {
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
  prometheus::Counter& fragments =
      counter(*registry, "millrace_recording_fragments_total", "Fragments written to part files.");
  prometheus::Counter& samples = counter(*registry, "millrace_recording_samples_total", "Samples recorded.");
  prometheus::Counter& bytes =
      counter(*registry, "millrace_recording_bytes_total", "Bytes written to part files.");
  prometheus::Counter& lost = counter(*registry, "millrace_recording_lost_samples_total",
                                      "Records that left the media log before they could be written.");
  prometheus::Counter& finished = counter(*registry, "millrace_recording_finished_files_total",
                                          "Files finished, with their index in front.");
  prometheus::Family<prometheus::Counter>& failures =
      prometheus::BuildCounter()
          .Name("millrace_recording_failures_total")
          .Help("Attempts to write or finish a file that failed.")
          .Register(*registry);
  prometheus::Gauge& active =
      gauge(*registry, "millrace_recording_active", "Publications that are being recorded.");
  prometheus::Gauge& waiting =
      gauge(*registry, "millrace_recording_waiting_to_finish", "Part files that wait to be finished.");
};

Metrics::Metrics() : families_(std::make_unique<Families>()) {}
Metrics::~Metrics() = default;

void Metrics::progressed(const Progress& progress) {
  families_->fragments.Increment(static_cast<double>(progress.fragments));
  families_->samples.Increment(static_cast<double>(progress.samples));
  families_->bytes.Increment(static_cast<double>(progress.bytes));
  families_->lost.Increment(static_cast<double>(progress.lost_samples));
}
void Metrics::file_finished() {
  families_->finished.Increment();
}
void Metrics::failed(std::string_view code) {
  families_->failures.Add({{"code", std::string(code)}}).Increment();
}
void Metrics::active(std::size_t recordings) {
  families_->active.Set(static_cast<double>(recordings));
}
void Metrics::waiting_to_finish(std::size_t files) {
  families_->waiting.Set(static_cast<double>(files));
}

std::shared_ptr<prometheus::Collectable> Metrics::collectable() const {
  return families_->registry;
}

}  // namespace millrace::recording
