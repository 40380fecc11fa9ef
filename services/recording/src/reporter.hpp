// Tells the world how recording goes: events on the bus, health, metrics, log lines. Thread-safe.
//
// A source is whatever can fail and get well again: a publication's recording, the finishing of a file. A
// failure is published once and kept (RecordingFailed, health degraded) until the source has recovered.
//
// What publish throws is thrown on; the same call again publishes again, and only a call that returned has
// counted. Health is degraded from the failure
// on, published or not, and ready only once the recovery is published.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "finish_file.hpp"
#include "metrics.hpp"
#include "recording.hpp"

namespace millrace::bus::v1 {
class Event;
}
namespace millrace::runtime {
class Health;
}

namespace millrace::recording {

class Reporter {
 public:
  using Publish = std::function<void(bus::v1::Event)>;

  // publish may be called from any thread, one at a time for failures; it must not call the reporter.
  Reporter(std::shared_ptr<runtime::Health> health, Publish publish);

  Metrics& metrics() { return metrics_; }

  void begun(const media::LogInfo& publication, const std::string& stem);
  // Counts; what was begun and completed is reported by begun() and finished().
  void progressed(const media::LogInfo& publication, const Progress& progress);
  void finished(const std::string& stem, const FinishedFile& file);
  void failing(const std::string& source, const std::string& stream_id, const std::string& stem,
               const Error& error);
  void recovered(const std::string& source);

 private:
  struct Failure {
    std::string stream_id;
    std::string code;
    bool published = false;
  };

  void publish_failure(const std::string& source, const std::string& stream_id, const std::string& stem,
                       const Error& error);
  void update_health();

  std::shared_ptr<runtime::Health> health_;
  Publish publish_;
  Metrics metrics_;
  std::mutex mutex_;
  std::map<std::string, Failure> failures_;  // by source
};

}  // namespace millrace::recording
