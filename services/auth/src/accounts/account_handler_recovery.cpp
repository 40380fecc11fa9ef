// A forgotten password: a link by mail that is good once.
#include "accounts/account_handler.hpp"
#include "accounts/account_mails.hpp"
#include "accounts/account_rules.hpp"
#include "base/base64url.hpp"
#include "base/log.hpp"

namespace millrace::auth {
namespace {

using v1::AccountRefusal;

constexpr std::size_t kTokenBytes = 32;
constexpr std::size_t kMaxToken = 128;

}  // namespace

std::string AccountHandler::reset_lookup(std::string_view token) const {
  return dependencies_.vault->lookup("password reset " + std::string(token.substr(0, kMaxToken)));
}

// Answered before anything is looked up: neither what is said nor how long it takes shows who has an account.
void AccountHandler::recover(const PendingRequestPtr& pending, Now now) {
  const v1::RecoverPassword& ask = pending->request().recover_password();
  if (const std::uint32_t wait = attempts_.recovery(ask.peer_address(), now.monotonic_us); wait != 0)
    return refuse_wait(pending, wait);
  bus::v1::Reply reply;
  reply.mutable_account();
  pending->answer(std::move(reply));
  if (!dependencies_.mail) return log::warning("no mail is sent: SMTP_SERVER is not set");
  const Result<std::optional<AccountRecord>> account = accounts_.find_by_email(ask.email());
  if (!account) return log::warning("recovery mail not sent", {{"reason", account.error().message}});
  if (!*account || !(*account)->active) return;
  const std::int64_t age_us = now.wall - (*account)->email_changed_wall;
  if ((*account)->email_changed_wall.is_set() && age_us < kYoungAddressUs)
    return log::info("recovery mail not sent: the address was changed within a day",
                     {{"account", (*account)->id}});
  if (!attempts_.mail((*account)->id, now.monotonic_us))
    return log::info("recovery mail not sent: too many of late", {{"account", (*account)->id}});
  const std::string token = encode_base64url(random_bytes(kTokenBytes));
  const Result<void> stored = accounts_.put_reset((*account)->id, reset_lookup(token), now.wall + kResetUs);
  if (!stored) return log::warning("recovery mail not sent", {{"reason", stored.error().message}});
  dependencies_.mail(recovery_mail((*account)->email, dependencies_.domain, token));
}

void AccountHandler::reset(const PendingRequestPtr& pending, Now now) {
  const v1::ResetPassword& ask = pending->request().reset_password();
  if (const auto fault = fault_of_password(ask.new_password()))
    return refuse(pending, AccountRefusal::REASON_INVALID, "new_password", *fault);
  if (const std::uint32_t wait = attempts_.recovery(ask.peer_address(), now.monotonic_us); wait != 0)
    return refuse_wait(pending, wait);
  const std::string lookup = reset_lookup(ask.token());
  // First a look: nobody makes us hash with a token that was guessed.
  const auto known = accounts_.find_reset(lookup, now.wall);
  if (!known) return answer_error(pending, known.error());
  if (!*known) return refuse(pending, AccountRefusal::REASON_TOKEN);
  (void)hashed<std::string>(
      pending,
      [hasher = dependencies_.hasher, password = Secret(ask.new_password())] {
        return hasher->hash(password);
      },
      [pending, lookup](AccountHandler& accounts, const std::string& hash, Now later) {
        accounts.use_reset(pending, lookup, hash, later);
      });
}

void AccountHandler::use_reset(const PendingRequestPtr& pending, const std::string& lookup,
                               const std::string& hash, Now now) {
  const auto used = accounts_.use_reset(lookup, hash, now.wall);
  if (!used) return answer_error(pending, used.error());
  if (!*used) return refuse(pending, AccountRefusal::REASON_TOKEN);
  log::info("password reset", {{"account", **used}});
  revoke_tokens(**used, now);
  bus::v1::Reply reply;
  reply.mutable_account();
  pending->answer(std::move(reply));
}

}  // namespace millrace::auth
