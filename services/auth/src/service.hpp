// auth as a service: configuration, actors, bus, operator's endpoints. Main thread only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "config.hpp"
#include "hooks/hook.hpp"
#include "runtime/service.hpp"
#include "service/shell.hpp"

namespace millrace::bus::v1 {
class Request;
}
namespace millrace::http {
class Client;
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
class LiveView;
class RedisListener;

class AuthService {
 public:
  AuthService();
  ~AuthService();

  void add_rows(ConfigTable& table) { config_.add_rows(table); }
  // Refuses to start (config.database, config.secret) when starting again could not help.
  Result<void> start(runtime::ServiceContext& context);
  void drain(runtime::Deadline deadline);
  // --issue-token SUBJECT [--token-life SECONDS]: prints a bearer token. Others: operator_command.hpp.
  std::optional<int> command(std::span<char*> arguments);

 private:
  int issue_token(std::span<char*> arguments) const;
  Result<void> start_bus(const runtime::ServiceContext& context);
  std::vector<HookPtr> make_hooks(AuthMetrics& metrics);
  void set_up_watching(const std::shared_ptr<AuthShared>& shared);
  void publish_facts(bool complete);
  void send_limits(const LiveView& live, const LimitOrder& order,
                   const std::function<void(Result<bool>)>& done);
  void send_to_owner(const LiveView& live, const std::string& stream_id, const std::string& instance,
                     const bus::v1::Request& request, const std::function<void(Result<bool>)>& done);
  void set_up_access_control(const std::shared_ptr<AuthShared>& shared, const std::shared_ptr<JobGate>& gate);
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
  service::Shell shell_;
  std::unique_ptr<RedisListener> redis_;
};

}  // namespace millrace::auth
