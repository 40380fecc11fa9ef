// What accounts reach: the pool that hashes, the mail server, those that learn that tokens changed.
#include <array>

#include "actors.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "mail/mailer.hpp"
#include "service.hpp"

namespace millrace::auth {

Result<void> AuthService::set_up_accounts(const std::shared_ptr<AuthShared>& shared,
                                          const std::shared_ptr<JobGate>& gate) {
  Result<PasswordHasher> hasher = PasswordHasher::create();
  if (!hasher) return tl::unexpected<Error>(hasher.error());
  hasher_ = std::make_unique<PasswordHasher>(std::move(*hasher));
  pool_ = std::make_unique<HashPool>();
  if (!config_.smtp_server.empty()) start_mailer(shared);
  AccountDependencies& accounts = shared->accounts;
  accounts.sign_up = config_.sign_up;
  accounts.token_lifetime = config_.access_token_lifetime;
  accounts.domain = config_.domain;
  accounts.attempts.sign_up.burst = config_.account_attempts;
  accounts.attempts.recovery.burst = config_.account_attempts;
  accounts.attempts.address.burst = 2.0 * config_.account_attempts;
  accounts.hasher = hasher_.get();
  accounts.pool = pool_.get();
  accounts.tokens = &shared->tokens;
  accounts.vault = &shared->vault;
  accounts.access = &shared->access;
  accounts.now = [] { return Now{.monotonic_us = monotonic_us(), .wall = wall_now()}; };
  accounts.post = [weak = std::weak_ptr(gate)](std::function<void(AccountHandler&)> task) {
    if (const auto there = weak.lock()) there->post_account(std::move(task));
  };
  accounts.announce = [this](const std::string& subject) {
    bus::v1::Event event;
    event.mutable_access_changed()->set_subject(subject);
    shell_.node().publish(std::move(event));
  };
  return {};
}

void AuthService::start_mailer(const std::shared_ptr<AuthShared>& shared) {
  mail::MailerSettings settings{.server = config_.smtp_server,
                                .port = config_.smtp_port,
                                .security = config_.smtp_tls == "tls"    ? mail::Security::kTls
                                            : config_.smtp_tls == "none" ? mail::Security::kNone
                                                                         : mail::Security::kStartTls,
                                .ca_file = config_.smtp_ca_file,
                                .user = config_.smtp_user,
                                .password = config_.smtp_password,
                                .from = config_.smtp_from};
  mailer_ = std::make_unique<mail::Mailer>(
      std::move(settings), [shared](mail::Mailer::Outcome outcome, const std::string& reason) {
        static constexpr std::array kNames = {"sent", "retried", "given_up", "dropped"};
        const char* const name = kNames.at(static_cast<std::size_t>(outcome));
        shared->metrics.mail(name);
        if (outcome != mail::Mailer::Outcome::kSent)
          log::warning("mail not sent", {{"outcome", name}, {"reason", reason}});
      });
  shared->accounts.mail = [mailer = mailer_.get()](mail::Message message) {
    mailer->send(std::move(message));
  };
}

}  // namespace millrace::auth
