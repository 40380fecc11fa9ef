// What auth counts. Thread-safe. Names and labels never hold anything that a client sent.
#pragma once

#include <memory>
#include <string>

#include "hooks/hook.hpp"

namespace prometheus {
class Registry;
}
namespace millrace::bus::v1 {
class Reply;
class Request;
}  // namespace millrace::bus::v1

namespace millrace::auth {

class AuthMetrics {
 public:
  AuthMetrics();
  ~AuthMetrics();
  AuthMetrics(const AuthMetrics&) = delete;
  AuthMetrics& operator=(const AuthMetrics&) = delete;

  // millrace_auth_requests_total{request, outcome}: outcome is "allowed", "refused" or "error".
  void answered(const bus::v1::Request& request, const bus::v1::Reply& reply);
  // millrace_auth_requests_dropped_total{reason}: "overload", "deadline".
  void dropped(const std::string& reason);
  // millrace_auth_request_seconds: from the request's arrival to its answer.
  void took(double seconds);

  // millrace_auth_hook_calls_total{hook, outcome}: "accepted" (or acknowledged), "refused", "error",
  // "unavailable" (not asked, as it has not answered lately).
  void hook_asked(HookKind hook, const char* outcome);
  // millrace_auth_notices_given_up_total{hook}: ends that a hook never acknowledged.
  void notice_given_up(HookKind hook);
  // millrace_auth_redis_commands_total{outcome}: "done", "ignored" (malformed or unknown), "dropped" (too
  // many).
  void redis_command(const char* outcome);

  // millrace_auth_mails_total{outcome}: "sent", "retried", "given_up", "dropped" (too many wait).
  void mail(const char* outcome);

  // millrace_auth_key_fetches_total{issuer, outcome}: "ok", "failed". The issuer as it is configured.
  void keys_fetched(const std::string& issuer, bool ok);
  // millrace_auth_keys{issuer}: keys of the set that is in use.
  void keys_known(const std::string& issuer, std::size_t keys);
  // millrace_auth_database_failures_total{code}: "busy", "unavailable" and the other codes of
  // store/database.hpp, without their "store.". Also counted by answered().
  void database_failed(std::string_view code);
  // millrace_auth_database_reconnects_total.
  void database_reconnected();

  std::shared_ptr<prometheus::Registry> registry() const;

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace millrace::auth
