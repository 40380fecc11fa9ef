// marchproxy.ModuleService and grpc.health.v1 on a port of their own. Handlers only copy the newest state, so
// that no call waits for anything. Bounds: README. No TLS and no tokens: for the machine itself or an
// internal network.
//
// Owner: the service's main thread; update() from any one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "module_state.hpp"

namespace millrace::metrics {

struct ModuleServerConfig {
  std::string address;
  std::uint16_t port = 0;  // 0: a free one
  bool reflection = false;
  std::string rtmp_base_url;
};

class ModuleServer {
 public:
  // "runtime.port_in_use", "metrics.grpc_address".
  static Result<std::unique_ptr<ModuleServer>> start(const ModuleServerConfig& config);
  ~ModuleServer();  // drains without patience
  ModuleServer(const ModuleServer&) = delete;
  ModuleServer& operator=(const ModuleServer&) = delete;

  std::uint16_t port() const;
  // What calls are answered with from now on; UNAVAILABLE before the first ready one.
  void update(std::shared_ptr<const ModuleState> state);
  // Takes no more calls; what is open is cut off after so long.
  void drain(std::int64_t patience_us);

 private:
  class Core;
  explicit ModuleServer(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace millrace::metrics
