#include "reporter.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "bus/v1/bus.pb.h"
#include "recordings/file_names.hpp"
#include "runtime/health.hpp"

namespace millrace::recording {
namespace {

constexpr std::string_view kComponent = "files";

std::string finished_name(const std::string& stem) {
  return stem + std::string(recordings::kFinishedSuffix);
}
std::string stream_of(const std::string& stem) {
  const auto name = recordings::parse_file_name(finished_name(stem));
  return name ? name->stream_id : std::string();
}
std::string recording_key(const std::string& stem) {
  return "recording/" + finished_name(stem);
}
std::string failure_key(const std::string& stream_id) {
  return "recording-failure/" + stream_id;
}

}  // namespace

Reporter::Reporter(std::shared_ptr<runtime::Health> health, Publish publish)
    : health_(std::move(health)), publish_(std::move(publish)) {
  update_health();
}

void Reporter::progressed(const media::LogInfo& publication, const Progress& progress) {
  if (progress.lost_samples > 0) {
    log::warning("samples lost: the media log could not hold them",
                 {{"stream", publication.stream_id}, {"samples", progress.lost_samples}});
  }
  metrics_.progressed(progress);
}

void Reporter::begun(const media::LogInfo& publication, const std::string& stem) {
  log::info("recording", {{"stream", publication.stream_id}, {"file", finished_name(stem)}});
  bus::v1::Event event;
  event.set_key(recording_key(stem));
  auto& started = *event.mutable_recording_started();
  started.set_stream_id(publication.stream_id);
  started.set_publication_id(number_of(publication.publication_id));
  started.set_file_name(finished_name(stem));
  started.set_started_wall_us(publication.started_wall.us());
  publish_(std::move(event));
}

void Reporter::finished(const std::string& stem, const FinishedFile& file) {
  bus::v1::Event event;
  event.set_key(recording_key(stem));
  event.set_retracted(true);
  if (!file.empty) {
    auto& finished = *event.mutable_recording_finished();
    finished.set_stream_id(stream_of(stem));
    finished.set_publication_id(number_of(file.publication_id));
    finished.set_file_name(finished_name(stem));
    finished.set_size_bytes(file.size);
    finished.set_duration_us(file.duration_us);
  }
  publish_(std::move(event));
  if (file.empty) return;
  log::info("recording finished",
            {{"file", finished_name(stem)}, {"bytes", file.size}, {"duration_us", file.duration_us}});
  metrics_.file_finished();
}

void Reporter::failing(const std::string& source, const std::string& stream_id, const std::string& stem,
                       const Error& error) {
  const std::lock_guard lock(mutex_);
  publish_failure(source, stream_id, stem, error);
  metrics_.failed(error.code);
}

// With the mutex held.
void Reporter::publish_failure(const std::string& source, const std::string& stream_id,
                               const std::string& stem, const Error& error) {
  const auto known = failures_.find(source);
  const bool news = known == failures_.end() || known->second.code != error.code;
  if (!news && known->second.published) return;
  if (news) {
    failures_[source] = {stream_id, std::string(error.code)};
    log::error("recording fails", {{"stream", stream_id}, {"code", error.code}, {"reason", error.message}});
  }
  update_health();
  bus::v1::Event event;
  event.set_key(failure_key(stream_id));
  auto& failed = *event.mutable_recording_failed();
  failed.set_stream_id(stream_id);
  failed.set_file_name(stem.empty() ? std::string() : finished_name(stem));
  failed.set_code(std::string(error.code));
  failed.set_message(error.message);
  publish_(std::move(event));
  failures_[source].published = true;
}

void Reporter::recovered(const std::string& source) {
  const std::lock_guard lock(mutex_);
  const auto known = failures_.find(source);
  if (known == failures_.end()) return;
  const std::string stream_id = known->second.stream_id;
  const auto of_stream = std::count_if(failures_.begin(), failures_.end(), [&](const auto& entry) {
    return entry.second.stream_id == stream_id;
  });
  if (of_stream == 1) {
    bus::v1::Event event;
    event.set_key(failure_key(stream_id));
    event.set_retracted(true);
    publish_(std::move(event));
    log::info("recording works again", {{"stream", stream_id}});
  }
  auto failure = failures_.extract(known);
  try {
    update_health();
  } catch (...) {
    failures_.insert(std::move(failure));
    throw;
  }
}

// With the mutex held.
void Reporter::update_health() {
  if (failures_.empty()) {
    health_->set(kComponent, runtime::HealthState::kReady);
  } else {
    const auto& [source, failure] = *failures_.begin();
    health_->set(kComponent, runtime::HealthState::kDegraded, failure.code + ": " + failure.stream_id);
  }
}

}  // namespace millrace::recording
