#include "metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <map>
#include <string>

namespace millrace::transcoding {
namespace {

prometheus::Counter& counter(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Gauge& gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

using Counters = prometheus::Family<prometheus::Counter>;
using Gauges = prometheus::Family<prometheus::Gauge>;

Counters& counters(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

Gauges& gauges(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

// How much more there is of it; all of it where its child is another one.
template <class Count>
double growth(Count before, Count now) {
  return static_cast<double>(now >= before ? now - before : now);
}

}  // namespace

// Of one stream's child; bounded by TRANSCODE_CHILDREN.
struct Metrics::Stream {
  struct Rendition {
    prometheus::Counter* frames = nullptr;
    prometheus::Counter* bytes = nullptr;
  };
  prometheus::Counter* frames_in = nullptr;
  prometheus::Gauge* speed = nullptr;
  prometheus::Gauge* queue = nullptr;
  prometheus::Gauge* behind = nullptr;
  std::map<std::string, Rendition> renditions{};
};

struct Metrics::Families {
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  prometheus::Counter& starts =
      counter(*registry, "millrace_transcoding_starts_total", "Transcoders that were started.");
  prometheus::Counter& failures = counter(*registry, "millrace_transcoding_failures_total",
                                          "Transcoders that failed or could not be started.");
  prometheus::Gauge& running = gauge(*registry, "millrace_transcoding_children", "Transcoders that run.");
  prometheus::Gauge& waiting = gauge(*registry, "millrace_transcoding_waiting",
                                     "Streams that wait for a transcoder: for its time or for room.");
  prometheus::Gauge& wanted = gauge(*registry, "millrace_transcoding_wanted",
                                    "Renditions that somebody watches, or has lately (TRANSCODE=ondemand).");
  prometheus::Gauge& given_up =
      gauge(*registry, "millrace_transcoding_given_up", "Live streams that are not transcoded any more.");
  Counters& frames_in = counters(*registry, "millrace_transcoding_frames_in_total",
                                 "Pictures of a stream that its transcoder has read.");
  Gauges& speed = gauges(*registry, "millrace_transcoding_speed",
                         "Media time over the time that the slowest stage "
                         "works for it; below 1 it is too slow.");
  Gauges& queue =
      gauges(*registry, "millrace_transcoding_queue", "Pictures in a transcoder's fullest queue.");
  Gauges& behind = gauges(*registry, "millrace_transcoding_behind_seconds",
                          "How long ago the newest record that a transcoder "
                          "has read came to the server.");
  Counters& frames_out = counters(*registry, "millrace_transcoding_frames_out_total",
                                  "Pictures of a rendition that are written.");
  Counters& bytes_out =
      counters(*registry, "millrace_transcoding_bytes_out_total", "Bytes of a rendition's pictures.");
  std::map<std::string, Stream> streams;
};

Metrics::Metrics() : families_(std::make_unique<Families>()) {}
Metrics::~Metrics() = default;

void Metrics::started() {
  families_->starts.Increment();
}
void Metrics::failed() {
  families_->failures.Increment();
}
void Metrics::counted(const ChildTable::Counts& counts, std::size_t wanted) {
  families_->wanted.Set(static_cast<double>(wanted));
  families_->running.Set(static_cast<double>(counts.running));
  families_->waiting.Set(static_cast<double>(counts.waiting));
  families_->given_up.Set(static_cast<double>(counts.given_up));
}

void Metrics::said(const std::string& stream_id, const ChildStatus& before, const ChildStatus& now) {
  Families& families = *families_;
  const prometheus::Labels labels = {{"stream", stream_id}};
  const auto [place, is_new] = families.streams.try_emplace(stream_id);
  Stream& stream = place->second;
  if (is_new) {
    stream.frames_in = &families.frames_in.Add(labels);
    stream.speed = &families.speed.Add(labels);
    stream.queue = &families.queue.Add(labels);
    stream.behind = &families.behind.Add(labels);
  }
  stream.frames_in->Increment(growth(before.frames_in, now.frames_in));
  stream.speed->Set(now.speed);
  stream.queue->Set(static_cast<double>(now.queue));
  stream.behind->Set(now.behind_seconds);
  for (const auto& [name, made] : now.renditions) {
    Stream::Rendition& rendition = stream.renditions[name];
    if (rendition.frames == nullptr) {
      rendition.frames = &families.frames_out.Add({{"stream", stream_id}, {"rendition", name}});
      rendition.bytes = &families.bytes_out.Add({{"stream", stream_id}, {"rendition", name}});
    }
    const auto known = before.renditions.find(name);
    const ChildStatus::Rendition last =
        known == before.renditions.end() ? ChildStatus::Rendition{} : known->second;
    rendition.frames->Increment(growth(last.frames, made.frames));
    rendition.bytes->Increment(growth(last.bytes, made.bytes));
  }
}

void Metrics::forget(const std::string& stream_id) {
  Families& families = *families_;
  const auto found = families.streams.find(stream_id);
  if (found == families.streams.end()) return;
  const Stream& stream = found->second;
  families.frames_in.Remove(stream.frames_in);
  families.speed.Remove(stream.speed);
  families.queue.Remove(stream.queue);
  families.behind.Remove(stream.behind);
  for (const auto& [name, rendition] : stream.renditions) {
    families.frames_out.Remove(rendition.frames);
    families.bytes_out.Remove(rendition.bytes);
  }
  families.streams.erase(found);
}

std::shared_ptr<prometheus::Collectable> Metrics::collectable() const {
  return families_->registry;
}

}  // namespace millrace::transcoding
