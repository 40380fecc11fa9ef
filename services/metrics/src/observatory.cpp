#include "observatory.hpp"

#include "bus/watching_facts.hpp"
#include "feed.hpp"

namespace millrace::metrics {
namespace {
constexpr std::string_view kFailureKey = "recording-failure/";
}  // namespace

Observatory::Observatory(std::shared_ptr<runtime::Health> health, std::function<std::int64_t()> now_us)
    : health_(std::move(health)), now_us_(std::move(now_us)), began_us_(now_us_()) {}

void Observatory::expect(std::string_view service) {
  const std::lock_guard lock(mutex_);
  expected_.emplace(service);
}

void Observatory::snapshot(const bus::v1::Snapshot& snapshot) {
  const std::pair<std::string, std::string> name{snapshot.service(), snapshot.instance()};
  {
    const std::lock_guard lock(mutex_);
    clocks_.booted(name.first, name.second, snapshot.boot_id());
    // Without a boot it stands for an instance that is gone.
    if (snapshot.boot_id() == 0) {
      instances_.erase(name);
    } else if (instances_.contains(name) || instances_.size() < kMaxInstances) {
      instances_[name] = true;
    }
    if (name.first == "ingest") replace_streams(snapshot);
    if (name.first == "recording") replace_recordings(snapshot);
    if (name.first == "auth") {
      bus::apply(aggregation_.watching(), snapshot);
      for (const bus::v1::Event& fact : snapshot.events()) apply(name.second, fact);
    }
  }
  report_health(name.first);
}

void Observatory::lost(const std::string& service, const std::string& instance) {
  {
    const std::lock_guard lock(mutex_);
    const auto known = instances_.find({service, instance});
    if (known != instances_.end()) known->second = false;
  }
  report_health(service);
}

// Degraded when one of its instances is silent, or when there is none.
void Observatory::report_health(const std::string& service) {
  std::string silent;
  bool any = false;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, up] : instances_) {
      if (name.first != service) continue;
      any = any || up;
      if (!up) silent.append(silent.empty() ? "" : ", ").append(name.second);
    }
  }
  const bool well = any && silent.empty();
  health_->set("bus/" + service, well ? runtime::HealthState::kReady : runtime::HealthState::kDegraded,
               well  ? ""
               : any ? "silent instances: " + silent
                     : "silent");
}

void Observatory::event(const bus::v1::Event& event) {
  const std::lock_guard lock(mutex_);
  bus::apply(aggregation_.watching(), event);
  apply(event.instance(), event);
}

template <class Statistics>
Statistics Observatory::by_our_clock(std::string_view service, const std::string& instance,
                                     Statistics statistics) {
  statistics.set_measured_monotonic_us(
      clocks_.local_us(std::string(service), instance, statistics.measured_monotonic_us(), now_us_()));
  return statistics;
}

void Observatory::apply(const std::string& instance, const bus::v1::Event& event) {
  if (event.retracted() && event.key().starts_with(kFailureKey)) {
    aggregation_.recording_works(instance, event.key().substr(kFailureKey.size()));
    return;
  }
  using Payload = bus::v1::Event::PayloadCase;
  switch (event.payload_case()) {
    case Payload::kStreamPublished:
      return aggregation_.stream_published(instance, event.stream_published());
    case Payload::kStreamEnded:
      return aggregation_.stream_ended(event.stream_ended());
    case Payload::kStreamStatistics:
      return aggregation_.stream_statistics(by_our_clock("ingest", instance, event.stream_statistics()),
                                            WallTime::from_us(event.time_wall_us()));
    case Payload::kViewerStatistics:
      return aggregation_.viewer_statistics(instance,
                                            by_our_clock("packaging", instance, event.viewer_statistics()));
    case Payload::kRecordingStarted:
      return aggregation_.recording_started(instance, event.recording_started().file_name());
    case Payload::kRecordingFinished:
      return aggregation_.recording_finished(instance, event.recording_finished().file_name(),
                                             event.recording_finished().size_bytes());
    case Payload::kRecordingFailed:
      return aggregation_.recording_failed(instance, event.recording_failed().stream_id());
    case Payload::kVisibilityChanged:
      return aggregation_.visibility_changed(event.visibility_changed().stream_id(),
                                             event.visibility_changed().is_private() && !event.retracted());
    case Payload::kPublicationDropped:
    case Payload::kPlayEnded:
    case Payload::kMetricsUpdated:
    case Payload::kAccessChanged:
    case Payload::kPlaybackRevoked:
    case Payload::kStreamBarred:
    case Payload::kWatchingFacts:
    case Payload::kRecordingsUnwanted:
    case Payload::kRenditionsPlanned:
    case Payload::kRenditionsWanted:
    case Payload::kHeartbeat:
    case Payload::PAYLOAD_NOT_SET:
      return;
  }
}

void Observatory::replace_streams(const bus::v1::Snapshot& snapshot) {
  std::vector<stream::v1::StreamPublished> live;
  for (const bus::v1::Event& fact : snapshot.events()) {
    if (fact.has_stream_published()) live.push_back(fact.stream_published());
  }
  aggregation_.replace_streams(snapshot.instance(), live);
}

void Observatory::replace_recordings(const bus::v1::Snapshot& snapshot) {
  aggregation_.clear_recordings(snapshot.instance());
  for (const bus::v1::Event& fact : snapshot.events()) apply(snapshot.instance(), fact);
}

Report Observatory::report() const {
  const std::lock_guard lock(mutex_);
  return aggregation_.report(now_us_());
}

std::vector<bus::v1::Event> Observatory::tick(WallTime wall) {
  auto state = std::make_shared<ModuleState>();
  std::vector<StreamReport> ended;
  sample_host(host_);
  state->host = host_.usage();
  {
    const std::lock_guard lock(mutex_);
    const std::int64_t now_us = now_us_();
    state->uptime_us = now_us - began_us_;
    aggregation_.judge(now_us, wall);
    state->report = aggregation_.report(now_us);
    state->services = services_locked();
    ended = aggregation_.take_ended();
    judge_module(*state);
    state_ = state;
  }
  std::vector<bus::v1::Event> events;
  for (v1::MetricsUpdated& update : feed_events(state->report, ended))
    *events.emplace_back().mutable_metrics_updated() = std::move(update);
  return events;
}

std::shared_ptr<const ModuleState> Observatory::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

std::optional<v1::HealthHistory> Observatory::health_history(const std::string& stream_id) const {
  const std::lock_guard lock(mutex_);
  return aggregation_.health_history(stream_id, now_us_());
}

std::map<std::string, bool> Observatory::services() const {
  const std::lock_guard lock(mutex_);
  return services_locked();
}

std::map<std::string, bool> Observatory::services_locked() const {
  std::map<std::string, bool> services;
  for (const std::string& service : expected_) services.emplace(service, false);
  for (const auto& [name, up] : instances_) services[name.first] = services[name.first] || up;
  return services;
}

}  // namespace millrace::metrics
