// recording as a service: configuration, actors, bus, operator's endpoints. Main thread only.
#pragma once

#include <memory>

#include "config.hpp"
#include "runtime/service.hpp"
#include "service/shell.hpp"

namespace millrace::recording {

struct RecordingShared;

class RecordingService {
 public:
  RecordingService();
  ~RecordingService();

  void add_rows(ConfigTable& table) { config_.add_rows(table); }
  Result<void> start(runtime::ServiceContext& context);
  // Files of publications that end within a moment (ingest stops too) are finished. The part of one that is
  // still live is written up to the last sample and left: the next start continues it from the log, so a
  // restart is not a new file.
  void drain(runtime::Deadline deadline);

 private:
  void hear_auth();
  Result<void> start_bus(const runtime::ServiceContext& context);

  RecordingConfig config_;
  service::Shell shell_;
  std::shared_ptr<RecordingShared> shared_;
};

}  // namespace millrace::recording
