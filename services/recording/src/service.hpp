// recording as a service: configuration, actors, bus, operator's endpoints. Main thread only.
#pragma once

#include <memory>

#include "config.hpp"
#include "runtime/service.hpp"

namespace millrace::bus {
class Node;
}
namespace millrace::http {
class Server;
}

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
  Result<void> start_bus(const runtime::ServiceContext& context);
  Result<void> start_ops(const runtime::ServiceContext& context);

  RecordingConfig config_;
  std::unique_ptr<bus::Node> node_;
  std::shared_ptr<RecordingShared> shared_;
  std::unique_ptr<http::Server> ops_;
};

}  // namespace millrace::recording
