// Sign-up and login.
#include "accounts/account_handler.hpp"

#include "accounts/account_mails.hpp"
#include "accounts/account_rules.hpp"
#include "base/log.hpp"

namespace millrace::auth {
namespace {

using v1::AccountRefusal;

// The first field that breaks a rule; true: answered.
bool refuse_fault(const PendingRequestPtr& pending, std::string_view field,
                  const std::optional<std::string>& fault) {
  if (fault) refuse(pending, AccountRefusal::REASON_INVALID, field, *fault);
  return fault.has_value();
}

}  // namespace

Result<void> AccountHandler::open(Now now) {
  const Result<AccountRepository::Access> stored = accounts_.access(now.wall);
  if (!stored) return tl::unexpected<Error>(stored.error());
  dependencies_.access->load(stored->admins, stored->revocations);
  return announce_unwanted();
}

Result<void> AccountHandler::catch_up(Now now) {
  Result<void> loaded = open(now);
  if (loaded) dependencies_.announce({});
  return loaded;
}

bool AccountHandler::handle(const PendingRequestPtr& pending, Now now) {
  using Request = bus::v1::Request;
  switch (pending->request().payload_case()) {
    case Request::kSignUp:
      return sign_up(pending, now), true;
    case Request::kLogin:
      return login(pending, now), true;
    case Request::kGetAccount:
      return get(pending), true;
    case Request::kChangeAccount:
      return change(pending, now), true;
    case Request::kChangePassword:
      return change_password(pending, now), true;
    case Request::kDeleteAccount:
      return remove(pending, now), true;
    case Request::kListAccounts:
      return list(pending), true;
    case Request::kRecoverPassword:
      return recover(pending, now), true;
    case Request::kResetPassword:
      return reset(pending, now), true;
    case Request::kMakeAdmin:
      return make_admin(pending, now), true;
    case Request::kRevokeTokens:
      return take_back_tokens(pending, now), true;
    default:
      return false;
  }
}

void AccountHandler::sign_up(const PendingRequestPtr& pending, Now now) {
  const v1::SignUp& ask = pending->request().sign_up();
  if (!dependencies_.sign_up) return refuse(pending, AccountRefusal::REASON_CLOSED);
  if (refuse_fault(pending, "email", fault_of_email(ask.email())) ||
      refuse_fault(pending, "password", fault_of_password(ask.password())) ||
      refuse_fault(pending, "dj_name", fault_of_name(ask.dj_name())) ||
      refuse_fault(pending, "timezone", fault_of_timezone(ask.timezone())))
    return;
  if (!ask.profile_picture().empty() &&
      refuse_fault(pending, "profile_picture", fault_of_picture(ask.profile_picture())))
    return;
  if (const std::uint32_t wait = attempts_.sign_up(ask.peer_address(), now.monotonic_us); wait != 0)
    return refuse_wait(pending, wait);
  AccountRecord account{.id = new_account_id(),
                        .email = ask.email(),
                        .dj_name = ask.dj_name(),
                        .timezone = ask.timezone(),
                        .profile_picture = ask.profile_picture(),
                        .password_hash = {},
                        .created_wall = now.wall,
                        .updated_wall = now.wall};
  (void)hashed<std::string>(
      pending,
      [hasher = dependencies_.hasher, password = Secret(ask.password())] { return hasher->hash(password); },
      [pending, account = std::move(account)](AccountHandler& accounts, std::string hash, Now later) {
        AccountRecord complete = account;
        complete.password_hash = std::move(hash);
        accounts.store_account(pending, std::move(complete), later);
      });
}

void AccountHandler::store_account(const PendingRequestPtr& pending, AccountRecord account, Now /*now*/) {
  const Result<TakenField> taken = accounts_.add(account);
  if (!taken) return answer_error(pending, taken.error());
  if (!taken->empty())
    return refuse(pending, AccountRefusal::REASON_TAKEN, *taken, "another account has it already");
  log::info("account made", {{"account", account.id}});
  if (dependencies_.mail) dependencies_.mail(welcome_mail(account.email, dependencies_.domain));
  answer_account(pending, account);
}

void AccountHandler::login(const PendingRequestPtr& pending, Now now) {
  const v1::Login& ask = pending->request().login();
  const std::string name = folded(ask.email().substr(0, mail::kMaxAddress));
  if (const std::uint32_t wait = attempts_.login(name, ask.peer_address(), now.monotonic_us); wait != 0)
    return refuse_wait(pending, wait);
  Result<std::optional<AccountRecord>> found = accounts_.find_by_email(name);
  if (!found) {
    attempts_.login_undecided(name, ask.peer_address(), now.monotonic_us);
    return answer_error(pending, found.error());
  }
  // An unknown address costs the same comparison. What is too long is no password, at the same cost.
  const std::string hash = *found ? (*found)->password_hash : dependencies_.hasher->nobody();
  Secret password(ask.password().substr(0, kMaxPasswordBytes + 1));
  const bool taken = hashed<Compared>(
      pending,
      [hasher = dependencies_.hasher, hash, password = std::move(password)]() -> Result<Compared> {
        Compared compared{hasher->matches(hash, password), {}};
        if (compared.matches && hasher->is_outdated(hash))
          compared.upgraded = hasher->hash(password).value_or("");
        return compared;
      },
      [pending, account = std::move(*found)](AccountHandler& accounts, const Compared& compared, Now later) {
        accounts.finish_login(pending, account, compared, later);
      });
  if (!taken) attempts_.login_undecided(name, ask.peer_address(), now.monotonic_us);
}

void AccountHandler::finish_login(const PendingRequestPtr& pending, const std::optional<AccountRecord>& asked,
                                  const Compared& compared, Now now) {
  const v1::Login& ask = pending->request().login();
  if (!asked || !compared.matches) return refuse(pending, AccountRefusal::REASON_CREDENTIALS);
  // It may have been changed meanwhile: no token for the password of before.
  const Result<std::optional<AccountRecord>> account = accounts_.find(asked->id);
  if (!account) return answer_error(pending, account.error());
  if (!*account || (*account)->password_hash != asked->password_hash)
    return refuse(pending, AccountRefusal::REASON_CREDENTIALS);
  attempts_.logged_in(folded(asked->email), ask.peer_address(), now.monotonic_us);
  if (!(*account)->active) return refuse(pending, AccountRefusal::REASON_INACTIVE);
  if (!compared.upgraded.empty())
    (void)accounts_.upgrade_hash(asked->id, asked->password_hash, compared.upgraded);
  bus::v1::Reply reply;
  v1::AccountReply& answer = *reply.mutable_account();
  const std::int64_t lifetime = std::chrono::seconds(dependencies_.token_lifetime).count();
  fill(**account, *answer.mutable_account());
  answer.set_access_token(dependencies_.tokens->issue_access(asked->id, now.wall, lifetime).reveal());
  answer.set_expires_in_seconds(static_cast<std::uint32_t>(lifetime));
  pending->answer(std::move(reply));
}

void fill(const AccountRecord& account, v1::Account& message) {
  message.set_id(account.id);
  message.set_email(account.email);
  message.set_dj_name(account.dj_name);
  message.set_timezone(account.timezone);
  message.set_profile_picture(account.profile_picture);
  message.set_is_active(account.active);
  message.set_is_admin(account.admin);
  message.set_created_wall_us(account.created_wall.us());
  message.set_updated_wall_us(account.updated_wall.us());
}

void answer_error(const PendingRequestPtr& pending, const Error& error) {
  bus::v1::Reply reply;
  set_error(error, reply);
  pending->answer(std::move(reply));
}

void answer_account(const PendingRequestPtr& pending, const AccountRecord& account) {
  bus::v1::Reply reply;
  fill(account, *reply.mutable_account()->mutable_account());
  pending->answer(std::move(reply));
}

void refuse(const PendingRequestPtr& pending, AccountRefusal::Reason reason, std::string_view field,
            std::string_view message) {
  bus::v1::Reply reply;
  AccountRefusal& refusal = *reply.mutable_account()->mutable_refusal();
  refusal.set_reason(reason);
  refusal.set_field(std::string(field));
  refusal.set_message(std::string(message));
  pending->answer(std::move(reply));
}

void refuse_wait(const PendingRequestPtr& pending, std::uint32_t seconds) {
  bus::v1::Reply reply;
  AccountRefusal& refusal = *reply.mutable_account()->mutable_refusal();
  refusal.set_reason(AccountRefusal::REASON_TOO_MANY);
  refusal.set_retry_after_seconds(seconds);
  pending->answer(std::move(reply));
}

}  // namespace millrace::auth
