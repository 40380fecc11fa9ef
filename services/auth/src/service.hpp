// auth as a service: configuration, actors, bus, operator's endpoints. Main thread only.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "config.hpp"
#include "hook.hpp"
#include "runtime/service.hpp"

namespace millrace::bus {
class Node;
}
namespace millrace::http {
class Client;
class Server;
}  // namespace millrace::http

namespace millrace::mail {
class Mailer;
}

namespace millrace::auth {

class AuthMetrics;
struct AuthShared;
class HashPool;
struct LimitOrder;
class JobGate;
class PasswordHasher;
class KeyFetcher;
class RedisListener;

class AuthService {
 public:
  AuthService();
  ~AuthService();

  void add_rows(ConfigTable& table) { config_.add_rows(table); }
  // Refuses to start (config.database, config.secret) when starting again could not help.
  [[nodiscard]] Result<void> start(runtime::ServiceContext& context);
  void drain(runtime::Deadline deadline);
  // --issue-token SUBJECT [--token-life SECONDS]: prints a bearer token. Others: operator_command.hpp.
  std::optional<int> command(std::span<char*> arguments);

 private:
  int issue_token(std::span<char*> arguments) const;
  std::vector<HookPtr> make_hooks(AuthMetrics& metrics);
  void set_up_watching(const std::shared_ptr<AuthShared>& shared);
  void tell_facts(bool complete);
  void tell_limits(const LimitOrder& order, const std::function<void(Result<bool>)>& done);
  void set_up_desk(const std::shared_ptr<AuthShared>& shared, const std::shared_ptr<JobGate>& gate);
  Result<void> set_up_accounts(const std::shared_ptr<AuthShared>& shared,
                               const std::shared_ptr<JobGate>& gate);
  void start_mailer(const std::shared_ptr<AuthShared>& shared);

  void set_up_identities(const std::shared_ptr<AuthShared>& shared, const std::shared_ptr<JobGate>& gate);
  void start_redis(const std::shared_ptr<AuthShared>& shared, const std::shared_ptr<JobGate>& gate);

  AuthConfig config_;
  std::unique_ptr<PasswordHasher> hasher_;
  std::unique_ptr<HashPool> pool_;
  std::unique_ptr<mail::Mailer> mailer_;
  std::unique_ptr<http::Client> client_;
  std::unique_ptr<KeyFetcher> key_fetcher_;
  std::unique_ptr<bus::Node> node_;
  std::atomic<bus::Node*> bus_{nullptr};  // for the desk's thread, once there is one
  std::unique_ptr<http::Server> ops_;
  std::unique_ptr<RedisListener> redis_;
};

}  // namespace millrace::auth
