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
  services_.emplace(service, false);
}

void Observatory::snapshot(std::string_view service, const bus::v1::Snapshot& snapshot) {
  set_service(service, true);
  const std::lock_guard lock(mutex_);
  if (service == "ingest") replace_streams(snapshot);
  if (service == "recording") replace_recordings(snapshot);
  if (service != "auth") return;
  bus::hear(aggregation_.watching(), snapshot);
  for (const bus::v1::Event& fact : snapshot.events()) apply(fact);
}

void Observatory::lost(std::string_view service) {
  set_service(service, false);
}

void Observatory::set_service(std::string_view service, bool up) {
  {
    const std::lock_guard lock(mutex_);
    services_.insert_or_assign(std::string(service), up);
  }
  const runtime::HealthState state = up ? runtime::HealthState::kReady : runtime::HealthState::kDegraded;
  health_->set("bus/" + std::string(service), state, up ? "" : "silent");
}

void Observatory::event(const bus::v1::Event& event) {
  const std::lock_guard lock(mutex_);
  bus::hear(aggregation_.watching(), event);
  apply(event);
}

void Observatory::apply(const bus::v1::Event& event) {
  if (event.retracted() && event.key().starts_with(kFailureKey)) {
    aggregation_.recording_works(event.key().substr(kFailureKey.size()));
    return;
  }
  using Payload = bus::v1::Event::PayloadCase;
  switch (event.payload_case()) {
    case Payload::kStreamPublished:
      return aggregation_.stream_published(event.stream_published());
    case Payload::kStreamEnded:
      return aggregation_.stream_ended(event.stream_ended());
    case Payload::kStreamStatistics:
      return aggregation_.stream_statistics(event.stream_statistics(), event.time_wall_us());
    case Payload::kViewerStatistics:
      return aggregation_.viewer_statistics(event.viewer_statistics());
    case Payload::kRecordingStarted:
      return aggregation_.recording_started(event.recording_started().file_name());
    case Payload::kRecordingFinished:
      return aggregation_.recording_finished(event.recording_finished().file_name(),
                                             event.recording_finished().size_bytes());
    case Payload::kRecordingFailed:
      return aggregation_.recording_failed(event.recording_failed().stream_id());
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
  aggregation_.replace_streams(live);
}

void Observatory::replace_recordings(const bus::v1::Snapshot& snapshot) {
  aggregation_.clear_recordings();
  for (const bus::v1::Event& fact : snapshot.events()) apply(fact);
}

Report Observatory::report() const {
  const std::lock_guard lock(mutex_);
  return aggregation_.report(now_us_());
}

std::vector<bus::v1::Event> Observatory::tick(std::int64_t wall_us) {
  auto state = std::make_shared<ModuleState>();
  std::vector<StreamReport> ended;
  sample_host(host_);
  state->host = host_.usage();
  {
    const std::lock_guard lock(mutex_);
    const std::int64_t now_us = now_us_();
    state->uptime_us = now_us - began_us_;
    aggregation_.judge(now_us, wall_us);
    state->report = aggregation_.report(now_us);
    state->services = services_;
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
  return services_;
}

}  // namespace millrace::metrics
