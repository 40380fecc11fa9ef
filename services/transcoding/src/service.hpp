// transcoding as a service: configuration, actors, bus, operator's endpoints. Main thread only.
#pragma once

#include <memory>

#include "config.hpp"
#include "runtime/actor_slot.hpp"
#include "runtime/service.hpp"
#include "service/shell.hpp"
#include "watcher.hpp"

namespace millrace::transcoding {

class TranscodingService {
 public:
  void add_rows(ConfigTable& table) { config_.add_rows(table); }
  [[nodiscard]] Result<void> start(runtime::ServiceContext& context);
  void drain(runtime::Deadline deadline);

 private:
  void listen_to_packaging();
  WatcherSettings settings(const runtime::ServiceContext& context) const;

  TranscodingConfig config_;
  service::Shell shell_;
  std::shared_ptr<runtime::WakeSlot> slot_ = std::make_shared<runtime::WakeSlot>();  // of the watcher's actor
  std::shared_ptr<Watcher> watcher_;                                                 // null: TRANSCODE=off
};

}  // namespace millrace::transcoding
