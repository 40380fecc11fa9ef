#include "metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include "bus/v1/bus.pb.h"

namespace millrace::auth {
namespace {

const char* name_of(const bus::v1::Request& request) {
  switch (request.payload_case()) {
    case bus::v1::Request::kAuthorizePublish:
      return "authorize_publish";
    case bus::v1::Request::kAuthorizePlay:
      return "authorize_play";
    case bus::v1::Request::kEnsureStream:
      return "ensure_stream";
    case bus::v1::Request::kListStreams:
      return "list_streams";
    case bus::v1::Request::kGetStream:
      return "get_stream";
    case bus::v1::Request::kRegenerateKey:
      return "regenerate_key";
    case bus::v1::Request::kSetBanned:
      return "set_banned";
    case bus::v1::Request::kSetPrivate:
      return "set_private";
    case bus::v1::Request::kGetStreams:
      return "get_streams";
    case bus::v1::Request::kUpdateSettings:
      return "update_settings";
    case bus::v1::Request::kSignPlayback:
      return "sign_playback";
    case bus::v1::Request::kCreateViewer:
      return "create_viewer";
    case bus::v1::Request::kListViewers:
      return "list_viewers";
    case bus::v1::Request::kRevokeViewer:
      return "revoke_viewer";
    case bus::v1::Request::kRedeemViewerKey:
      return "redeem_viewer_key";
    case bus::v1::Request::kHoldStream:
      return "hold_stream";
    case bus::v1::Request::kVerifyToken:
      return "verify_token";
    case bus::v1::Request::kSignUp:
      return "sign_up";
    case bus::v1::Request::kLogin:
      return "login";
    case bus::v1::Request::kGetAccount:
      return "get_account";
    case bus::v1::Request::kChangeAccount:
      return "change_account";
    case bus::v1::Request::kChangePassword:
      return "change_password";
    case bus::v1::Request::kDeleteAccount:
      return "delete_account";
    case bus::v1::Request::kListAccounts:
      return "list_accounts";
    case bus::v1::Request::kRecoverPassword:
      return "recover_password";
    case bus::v1::Request::kResetPassword:
      return "reset_password";
    case bus::v1::Request::kMakeAdmin:
      return "make_admin";
    case bus::v1::Request::kRevokeTokens:
      return "revoke_tokens";
    default:
      return "other";
  }
}

const char* outcome_of(const bus::v1::Reply& reply) {
  if (!reply.error_code().empty()) return "error";
  const bool refused = (reply.has_authorize_publish() && !reply.authorize_publish().allowed()) ||
                       (reply.has_authorize_play() && !reply.authorize_play().allowed()) ||
                       (reply.has_account() && reply.account().has_refusal()) ||
                       (reply.has_verify_token() && !reply.verify_token().valid());
  return refused ? "refused" : "allowed";
}

}  // namespace

struct AuthMetrics::Families {
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  prometheus::Family<prometheus::Counter>& requests = prometheus::BuildCounter()
                                                          .Name("millrace_auth_requests_total")
                                                          .Help("Requests answered, by request and outcome")
                                                          .Register(*registry);
  prometheus::Family<prometheus::Counter>& dropped = prometheus::BuildCounter()
                                                         .Name("millrace_auth_requests_dropped_total")
                                                         .Help("Requests that got no decision, by reason")
                                                         .Register(*registry);
  prometheus::Family<prometheus::Counter>& hooks =
      prometheus::BuildCounter()
          .Name("millrace_auth_hook_calls_total")
          .Help("Calls of callbacks and hooks, by hook and outcome")
          .Register(*registry);
  prometheus::Family<prometheus::Counter>& given_up =
      prometheus::BuildCounter()
          .Name("millrace_auth_notices_given_up_total")
          .Help("Ends that a callback or hook never acknowledged")
          .Register(*registry);
  prometheus::Family<prometheus::Counter>& redis = prometheus::BuildCounter()
                                                       .Name("millrace_auth_redis_commands_total")
                                                       .Help("Messages on the Redis channel, by outcome")
                                                       .Register(*registry);
  prometheus::Family<prometheus::Counter>& mails = prometheus::BuildCounter()
                                                       .Name("millrace_auth_mails_total")
                                                       .Help("Mails to account owners, by outcome")
                                                       .Register(*registry);
  prometheus::Family<prometheus::Counter>& key_fetches =
      prometheus::BuildCounter()
          .Name("millrace_auth_key_fetches_total")
          .Help("Questions for the keys of other issuers, by issuer and outcome")
          .Register(*registry);
  prometheus::Family<prometheus::Gauge>& keys = prometheus::BuildGauge()
                                                    .Name("millrace_auth_keys")
                                                    .Help("Keys of other issuers that are in use, by issuer")
                                                    .Register(*registry);
  prometheus::Family<prometheus::Counter>& database =
      prometheus::BuildCounter()
          .Name("millrace_auth_database_failures_total")
          .Help("Questions that the database did not answer, by error")
          .Register(*registry);
  prometheus::Counter& reconnects = prometheus::BuildCounter()
                                        .Name("millrace_auth_database_reconnects_total")
                                        .Help("Connections to the database after the first")
                                        .Register(*registry)
                                        .Add({});
  prometheus::Histogram& seconds =
      prometheus::BuildHistogram()
          .Name("millrace_auth_request_seconds")
          .Help("From a request's arrival to its answer")
          .Register(*registry)
          .Add({}, prometheus::Histogram::BucketBoundaries{0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1,
                                                           0.5, 2});
};

AuthMetrics::AuthMetrics() : families_(std::make_unique<Families>()) {
  // Present from the start, so that a rate over them is right from the first one on.
  for (const char* reason : {"overload", "deadline"}) families_->dropped.Add({{"reason", reason}});
  for (const char* code : {"busy", "unavailable"}) families_->database.Add({{"code", code}});
}

AuthMetrics::~AuthMetrics() = default;

void AuthMetrics::answered(const bus::v1::Request& request, const bus::v1::Reply& reply) {
  families_->requests.Add({{"request", name_of(request)}, {"outcome", outcome_of(reply)}}).Increment();
  database_failed(reply.error_code());
}

void AuthMetrics::database_failed(std::string_view code) {
  constexpr std::string_view kStore = "store.";
  if (!code.starts_with(kStore)) return;
  families_->database.Add({{"code", std::string(code.substr(kStore.size()))}}).Increment();
}

void AuthMetrics::database_reconnected() {
  families_->reconnects.Increment();
}

void AuthMetrics::dropped(const std::string& reason) {
  families_->dropped.Add({{"reason", reason}}).Increment();
}

void AuthMetrics::took(double seconds) {
  families_->seconds.Observe(seconds);
}

void AuthMetrics::hook_asked(HookKind hook, const char* outcome) {
  families_->hooks.Add({{"hook", std::string(to_string(hook))}, {"outcome", outcome}}).Increment();
}

void AuthMetrics::notice_given_up(HookKind hook) {
  families_->given_up.Add({{"hook", std::string(to_string(hook))}}).Increment();
}

void AuthMetrics::redis_command(const char* outcome) {
  families_->redis.Add({{"outcome", outcome}}).Increment();
}

void AuthMetrics::mail(const char* outcome) {
  families_->mails.Add({{"outcome", outcome}}).Increment();
}

void AuthMetrics::keys_fetched(const std::string& issuer, bool ok) {
  families_->key_fetches.Add({{"issuer", issuer}, {"outcome", ok ? "ok" : "failed"}}).Increment();
}

void AuthMetrics::keys_known(const std::string& issuer, std::size_t keys) {
  families_->keys.Add({{"issuer", issuer}}).Set(static_cast<double>(keys));
}

std::shared_ptr<prometheus::Registry> AuthMetrics::registry() const {
  return families_->registry;
}

}  // namespace millrace::auth
