// Sign-up and login.
#include "account_desk.hpp"

#include "account_mails.hpp"
#include "account_rules.hpp"
#include "base/log.hpp"

namespace millrace::auth {
namespace {

using v1::AccountRefusal;

// The first field that breaks a rule; true: answered.
bool refuse_fault(const InquiryPtr& inquiry, std::string_view field,
                  const std::optional<std::string>& fault) {
  if (fault) refuse(inquiry, AccountRefusal::REASON_INVALID, field, *fault);
  return fault.has_value();
}

}  // namespace

Result<void> AccountDesk::open(Now now) {
  const Result<AccountRepository::Access> stored = accounts_.access(now.wall_us);
  if (!stored) return tl::unexpected<Error>(stored.error());
  outside_.access->load(stored->admins, stored->revocations);
  return {};
}

bool AccountDesk::handle(const InquiryPtr& inquiry, Now now) {
  using Request = bus::v1::Request;
  switch (inquiry->request().payload_case()) {
    case Request::kSignUp:
      return sign_up(inquiry, now), true;
    case Request::kLogin:
      return login(inquiry, now), true;
    case Request::kGetAccount:
      return get(inquiry), true;
    case Request::kChangeAccount:
      return change(inquiry, now), true;
    case Request::kChangePassword:
      return change_password(inquiry, now), true;
    case Request::kDeleteAccount:
      return remove(inquiry, now), true;
    case Request::kListAccounts:
      return list(inquiry), true;
    case Request::kRecoverPassword:
      return recover(inquiry, now), true;
    case Request::kResetPassword:
      return reset(inquiry, now), true;
    case Request::kMakeAdmin:
      return make_admin(inquiry, now), true;
    case Request::kRevokeTokens:
      return take_back_tokens(inquiry, now), true;
    default:
      return false;
  }
}

void AccountDesk::sign_up(const InquiryPtr& inquiry, Now now) {
  const v1::SignUp& ask = inquiry->request().sign_up();
  if (!outside_.sign_up) return refuse(inquiry, AccountRefusal::REASON_CLOSED);
  if (refuse_fault(inquiry, "email", fault_of_email(ask.email())) ||
      refuse_fault(inquiry, "password", fault_of_password(ask.password())) ||
      refuse_fault(inquiry, "dj_name", fault_of_name(ask.dj_name())) ||
      refuse_fault(inquiry, "timezone", fault_of_timezone(ask.timezone())))
    return;
  if (!ask.profile_picture().empty() &&
      refuse_fault(inquiry, "profile_picture", fault_of_picture(ask.profile_picture())))
    return;
  if (const std::uint32_t wait = attempts_.sign_up(ask.peer_address(), now.monotonic_us); wait != 0)
    return refuse_wait(inquiry, wait);
  AccountRecord account{.id = new_account_id(),
                        .email = ask.email(),
                        .dj_name = ask.dj_name(),
                        .timezone = ask.timezone(),
                        .profile_picture = ask.profile_picture(),
                        .password_hash = {},
                        .created_wall_us = now.wall_us,
                        .updated_wall_us = now.wall_us};
  (void)hashed<std::string>(
      inquiry,
      [hasher = outside_.hasher, password = Secret(ask.password())] { return hasher->hash(password); },
      [inquiry, account = std::move(account)](AccountDesk& desk, std::string hash, Now later) {
        AccountRecord complete = account;
        complete.password_hash = std::move(hash);
        desk.store_account(inquiry, std::move(complete), later);
      });
}

void AccountDesk::store_account(const InquiryPtr& inquiry, AccountRecord account, Now /*now*/) {
  const Result<TakenField> taken = accounts_.add(account);
  if (!taken) return answer_error(inquiry, taken.error());
  if (!taken->empty())
    return refuse(inquiry, AccountRefusal::REASON_TAKEN, *taken, "another account has it already");
  log::info("account made", {{"account", account.id}});
  if (outside_.mail) outside_.mail(welcome_mail(account.email, outside_.domain));
  answer_account(inquiry, account);
}

void AccountDesk::login(const InquiryPtr& inquiry, Now now) {
  const v1::Login& ask = inquiry->request().login();
  const std::string name = folded(ask.email().substr(0, mail::kMaxAddress));
  if (const std::uint32_t wait = attempts_.login(name, ask.peer_address(), now.monotonic_us); wait != 0)
    return refuse_wait(inquiry, wait);
  Result<std::optional<AccountRecord>> found = accounts_.find_by_email(name);
  if (!found) {
    attempts_.login_undecided(name, ask.peer_address(), now.monotonic_us);
    return answer_error(inquiry, found.error());
  }
  // An unknown address costs the same comparison. What is too long is no password, at the same cost.
  const std::string hash = *found ? (*found)->password_hash : outside_.hasher->nobody();
  Secret password(ask.password().substr(0, kMaxPasswordBytes + 1));
  const bool taken = hashed<Compared>(
      inquiry,
      [hasher = outside_.hasher, hash, password = std::move(password)]() -> Result<Compared> {
        Compared compared{hasher->matches(hash, password), {}};
        if (compared.matches && hasher->is_outdated(hash))
          compared.upgraded = hasher->hash(password).value_or("");
        return compared;
      },
      [inquiry, account = std::move(*found)](AccountDesk& desk, const Compared& compared, Now later) {
        desk.finish_login(inquiry, account, compared, later);
      });
  if (!taken) attempts_.login_undecided(name, ask.peer_address(), now.monotonic_us);
}

void AccountDesk::finish_login(const InquiryPtr& inquiry, const std::optional<AccountRecord>& asked,
                               const Compared& compared, Now now) {
  const v1::Login& ask = inquiry->request().login();
  if (!asked || !compared.matches) return refuse(inquiry, AccountRefusal::REASON_CREDENTIALS);
  // It may have been changed meanwhile: no token for the password of before.
  const Result<std::optional<AccountRecord>> account = accounts_.find(asked->id);
  if (!account) return answer_error(inquiry, account.error());
  if (!*account || (*account)->password_hash != asked->password_hash)
    return refuse(inquiry, AccountRefusal::REASON_CREDENTIALS);
  attempts_.logged_in(folded(asked->email), ask.peer_address(), now.monotonic_us);
  if (!(*account)->active) return refuse(inquiry, AccountRefusal::REASON_INACTIVE);
  if (!compared.upgraded.empty())
    (void)accounts_.upgrade_hash(asked->id, asked->password_hash, compared.upgraded);
  bus::v1::Reply reply;
  v1::AccountReply& answer = *reply.mutable_account();
  const std::int64_t lifetime = std::chrono::seconds(outside_.token_lifetime).count();
  fill(**account, *answer.mutable_account());
  answer.set_access_token(outside_.tokens->issue_access(asked->id, now.wall_us, lifetime).reveal());
  answer.set_expires_in_seconds(static_cast<std::uint32_t>(lifetime));
  inquiry->answer(std::move(reply));
}

void fill(const AccountRecord& account, v1::Account& message) {
  message.set_id(account.id);
  message.set_email(account.email);
  message.set_dj_name(account.dj_name);
  message.set_timezone(account.timezone);
  message.set_profile_picture(account.profile_picture);
  message.set_is_active(account.active);
  message.set_is_admin(account.admin);
  message.set_created_wall_us(account.created_wall_us);
  message.set_updated_wall_us(account.updated_wall_us);
}

void answer_error(const InquiryPtr& inquiry, const Error& error) {
  bus::v1::Reply reply;
  set_error(error, reply);
  inquiry->answer(std::move(reply));
}

void answer_account(const InquiryPtr& inquiry, const AccountRecord& account) {
  bus::v1::Reply reply;
  fill(account, *reply.mutable_account()->mutable_account());
  inquiry->answer(std::move(reply));
}

void refuse(const InquiryPtr& inquiry, AccountRefusal::Reason reason, std::string_view field,
            std::string_view message) {
  bus::v1::Reply reply;
  AccountRefusal& refusal = *reply.mutable_account()->mutable_refusal();
  refusal.set_reason(reason);
  refusal.set_field(std::string(field));
  refusal.set_message(std::string(message));
  inquiry->answer(std::move(reply));
}

void refuse_wait(const InquiryPtr& inquiry, std::uint32_t seconds) {
  bus::v1::Reply reply;
  AccountRefusal& refusal = *reply.mutable_account()->mutable_refusal();
  refusal.set_reason(AccountRefusal::REASON_TOO_MANY);
  refusal.set_retry_after_seconds(seconds);
  inquiry->answer(std::move(reply));
}

}  // namespace millrace::auth
