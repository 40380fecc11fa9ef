// auth as a service: configuration, actors, bus, operator's endpoints. Main thread only.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "config.hpp"
#include "runtime/service.hpp"

namespace millrace::bus {
class Node;
}
namespace millrace::http {
class Server;
}

namespace millrace::auth {

class AuthService {
 public:
  AuthService();
  ~AuthService();

  void add_rows(ConfigTable& table) { config_.add_rows(table); }
  // Refuses to start (config.database, config.secret) when starting again could not help.
  [[nodiscard]] Result<void> start(runtime::ServiceContext& context);
  void drain(runtime::Deadline deadline);
  // --issue-token SUBJECT: prints a bearer token.
  std::optional<int> command(std::span<char*> arguments);

 private:
  AuthConfig config_;
  std::unique_ptr<bus::Node> node_;
  std::unique_ptr<http::Server> ops_;
};

}  // namespace millrace::auth
