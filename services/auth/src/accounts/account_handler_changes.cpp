// What is shown and changed of accounts.
#include <algorithm>

#include "accounts/account_handler.hpp"
#include "accounts/account_mails.hpp"
#include "accounts/account_rules.hpp"
#include "base/log.hpp"

namespace millrace::auth {
namespace {

using v1::AccountRefusal;

struct FieldFault {
  std::string_view field;
  std::string message;
};

std::optional<FieldFault> fault_of(const v1::ChangeAccount& ask) {
  std::optional<FieldFault> first;
  const auto check = [&](std::string_view field, const std::optional<std::string>& fault) {
    if (fault && !first) first = FieldFault{field, *fault};
  };
  if (ask.has_email()) check("email", fault_of_email(ask.email()));
  if (ask.has_dj_name()) check("dj_name", fault_of_name(ask.dj_name()));
  if (ask.has_timezone()) check("timezone", fault_of_timezone(ask.timezone()));
  if (ask.has_profile_picture() && !ask.profile_picture().empty())
    check("profile_picture", fault_of_picture(ask.profile_picture()));
  return first;
}

AccountChange change_of(const v1::ChangeAccount& ask) {
  AccountChange change;
  if (ask.has_email()) change.email = ask.email();
  if (ask.has_dj_name()) change.dj_name = ask.dj_name();
  if (ask.has_timezone()) change.timezone = ask.timezone();
  if (ask.has_profile_picture()) change.profile_picture = ask.profile_picture();
  if (ask.has_is_active()) change.active = ask.is_active();
  if (ask.has_is_admin()) change.admin = ask.is_admin();
  return change;
}

}  // namespace

void AccountHandler::get(const PendingRequestPtr& pending) {
  const Result<std::optional<AccountRecord>> account = accounts_.find(pending->request().get_account().id());
  if (!account) return answer_error(pending, account.error());
  if (!*account) return refuse(pending, AccountRefusal::REASON_UNKNOWN);
  answer_account(pending, **account);
}

void AccountHandler::change(const PendingRequestPtr& pending, Now now) {
  const v1::ChangeAccount& ask = pending->request().change_account();
  if (const std::optional<FieldFault> fault = fault_of(ask))
    return refuse(pending, AccountRefusal::REASON_INVALID, fault->field, fault->message);
  const bool by_another = !ask.asker_id().empty() && ask.asker_id() != ask.id();
  if (!ask.has_email() || by_another) return store_changes(pending, now);
  // The owner of the address gets a new password by mail: a token alone must not lead there.
  const Result<std::optional<AccountRecord>> account = accounts_.find(ask.id());
  if (!account) return answer_error(pending, account.error());
  if (!*account) return refuse(pending, AccountRefusal::REASON_UNKNOWN);
  if ((*account)->email == ask.email()) return store_changes(pending, now);
  if (ask.current_password().empty())
    return refuse(pending, AccountRefusal::REASON_INVALID, "current_password",
                  "is needed to change the e-mail address");
  with_password(pending, **account, ask.current_password(), now,
                [pending](AccountHandler& accounts, Now later) { accounts.store_changes(pending, later); });
}

void AccountHandler::with_password(const PendingRequestPtr& pending, const AccountRecord& account,
                                   const std::string& password, Now now,
                                   std::function<void(AccountHandler&, Now)> done) {
  if (const std::uint32_t wait = attempts_.own_password(account.id, now.monotonic_us); wait != 0)
    return refuse_wait(pending, wait);
  const Secret given(password.substr(0, kMaxPasswordBytes + 1));
  const bool taken = hashed<bool>(
      pending,
      [hasher = dependencies_.hasher, hash = account.password_hash, given]() -> Result<bool> {
        return hasher->matches(hash, given);
      },
      [pending, account, done = std::move(done)](AccountHandler& accounts, bool matches, Now later) {
        if (!matches) return refuse(pending, AccountRefusal::REASON_CREDENTIALS);
        // It may have been changed meanwhile.
        const auto present = accounts.accounts_.find(account.id);
        if (!present) return answer_error(pending, present.error());
        if (!*present || (*present)->password_hash != account.password_hash)
          return refuse(pending, AccountRefusal::REASON_CREDENTIALS);
        accounts.attempts_.own_password_right(account.id, later.monotonic_us);
        done(accounts, later);
      });
  if (!taken) attempts_.own_password_right(account.id, now.monotonic_us);
}

void AccountHandler::store_changes(const PendingRequestPtr& pending, Now now) {
  const v1::ChangeAccount& ask = pending->request().change_account();
  const auto changed = accounts_.change(ask.id(), change_of(ask), now.wall);
  if (!changed) return answer_error(pending, changed.error());
  if (!changed->taken.empty())
    return refuse(pending, AccountRefusal::REASON_TAKEN, changed->taken, "another account has it already");
  if (!changed->account) return refuse(pending, AccountRefusal::REASON_UNKNOWN);
  const AccountRecord& account = *changed->account;
  if (!changed->old_email.empty()) {
    log::info("account has another e-mail address", {{"account", account.id}});
    if (dependencies_.mail) dependencies_.mail(address_changed_mail(changed->old_email));
  }
  if (ask.has_is_admin()) set_admin(account);
  if (ask.has_is_active()) switch_account(account, changed->streams, now);
  answer_account(pending, account);
}

void AccountHandler::switch_account(const AccountRecord& account, const std::vector<StreamEpoch>& streams,
                                    Now now) {
  if (account.active) {
    for (const StreamEpoch& stream : streams) announce_barred(stream, stream.banned);
    return;
  }
  log::info("account switched off", {{"account", account.id}});
  revoke_tokens(account.id, now);
  shut_streams(streams, now);
}

void AccountHandler::change_password(const PendingRequestPtr& pending, Now now) {
  const v1::ChangePassword& ask = pending->request().change_password();
  if (const auto fault = fault_of_password(ask.new_password()))
    return refuse(pending, AccountRefusal::REASON_INVALID, "new_password", *fault);
  if (ask.new_password() == ask.current_password())
    return refuse(pending, AccountRefusal::REASON_INVALID, "new_password", "must not be the current one");
  const Result<std::optional<AccountRecord>> account = accounts_.find(ask.id());
  if (!account) return answer_error(pending, account.error());
  if (!*account) return refuse(pending, AccountRefusal::REASON_UNKNOWN);
  const AccountRecord& known = **account;
  if (const std::uint32_t wait = attempts_.own_password(ask.id(), now.monotonic_us); wait != 0)
    return refuse_wait(pending, wait);
  const Secret current(ask.current_password().substr(0, kMaxPasswordBytes + 1));
  // Both at once on the pool; an empty hash: the current one was wrong.
  const bool taken = hashed<std::string>(
      pending,
      [hasher = dependencies_.hasher, hash = known.password_hash, current,
       wanted = Secret(ask.new_password())]() -> Result<std::string> {
        return hasher->matches(hash, current) ? hasher->hash(wanted) : Result<std::string>(std::string());
      },
      [pending, account = known](AccountHandler& accounts, const std::string& hash, Now later) {
        accounts.store_password(pending, account, hash, later);
      });
  if (!taken) attempts_.own_password_right(ask.id(), now.monotonic_us);
}

void AccountHandler::store_password(const PendingRequestPtr& pending, const AccountRecord& account,
                                    const std::string& hash, Now now) {
  if (hash.empty()) return refuse(pending, AccountRefusal::REASON_CREDENTIALS);
  const Result<bool> stored = accounts_.set_password(account.id, account.password_hash, hash, now.wall);
  if (!stored) return answer_error(pending, stored.error());
  if (!*stored) return refuse(pending, AccountRefusal::REASON_CREDENTIALS);
  attempts_.own_password_right(account.id, now.monotonic_us);
  log::info("password changed", {{"account", account.id}});
  revoke_tokens(account.id, now);
  answer_account(pending, account);
}

void AccountHandler::remove(const PendingRequestPtr& pending, Now now) {
  const v1::DeleteAccount& ask = pending->request().delete_account();
  const std::string& id = ask.id();
  using Recordings = AccountRepository::Recordings;
  const Recordings recordings = ask.delete_recordings() ? Recordings::kDelete : Recordings::kKeep;
  const auto streams = accounts_.remove(id, recordings, now.wall);
  if (!streams) return answer_error(pending, streams.error());
  if (!*streams) return refuse(pending, AccountRefusal::REASON_UNKNOWN);
  log::info("account deleted", {{"account", id}, {"streams", (*streams)->size()}});
  dependencies_.access->set_admin(id, false);
  revoke_tokens(id, now);
  shut_streams(**streams, now);
  if (ask.delete_recordings() && streams_.announce_unwanted) {
    for (const StreamEpoch& stream : **streams)
      if (stream.epoch != kNoEpoch) streams_.announce_unwanted(stream.stream_id);
  }
  bus::v1::Reply reply;
  reply.mutable_account();
  pending->answer(std::move(reply));
}

// Whoever records may have been away, or have found something to delete only now.
Result<void> AccountHandler::announce_unwanted() {
  if (!streams_.announce_unwanted) return {};
  const Result<std::vector<std::string>> ids = accounts_.list_unwanted(kMaxUnwanted + 1);
  if (!ids) return tl::unexpected<Error>(ids.error());
  if (ids->size() > kMaxUnwanted)
    log::warning("more streams' recordings are to be deleted than are named at the start",
                 {{"limit", kMaxUnwanted}});
  for (std::size_t i = 0; i < std::min(kMaxUnwanted, ids->size()); ++i) streams_.announce_unwanted((*ids)[i]);
  return {};
}

void AccountHandler::list(const PendingRequestPtr& pending) {
  const v1::ListAccounts& ask = pending->request().list_accounts();
  const Result<AccountPage> page = accounts_.list(ask.skip(), std::min(ask.limit(), kMaxListed));
  if (!page) return answer_error(pending, page.error());
  bus::v1::Reply reply;
  v1::AccountList& list = *reply.mutable_account_list();
  list.set_count(page->count);
  for (const AccountRecord& account : page->accounts) fill(account, *list.add_accounts());
  pending->answer(std::move(reply));
}

void AccountHandler::make_admin(const PendingRequestPtr& pending, Now now) {
  const Result<std::optional<AccountRecord>> found =
      accounts_.find_by_email(pending->request().make_admin().email());
  if (!found) return answer_error(pending, found.error());
  if (!*found)
    return answer_error(pending,
                        {"auth.unknown_account", "no account has this e-mail address: sign up first"});
  AccountChange change;
  change.admin = true;
  const auto changed = accounts_.change((*found)->id, change, now.wall);
  if (!changed) return answer_error(pending, changed.error());
  if (!changed->account) return answer_error(pending, {"auth.unknown_account", "it has just been deleted"});
  set_admin(*changed->account);
  answer_account(pending, *changed->account);
}

void AccountHandler::take_back_tokens(const PendingRequestPtr& pending, Now now) {
  const std::string& subject = pending->request().revoke_tokens().subject();
  if (!is_valid_subject(subject))
    return answer_error(pending, {"auth.subject", "a subject has 1 to 512 bytes without control characters"});
  const Result<void> stored = accounts_.revoke_tokens(subject, now.wall);
  if (!stored) return answer_error(pending, stored.error());
  log::info("tokens taken back", {{"subject", subject}});
  revoke_tokens(subject, now);
  bus::v1::Reply reply;
  reply.mutable_account();
  pending->answer(std::move(reply));
}

void AccountHandler::set_admin(const AccountRecord& account) {
  log::info(account.admin ? "account is an administrator" : "account is no administrator",
            {{"account", account.id}});
  dependencies_.access->set_admin(account.id, account.admin);
  dependencies_.announce(account.id);
}

void AccountHandler::revoke_tokens(const std::string& id, Now now) {
  dependencies_.access->revoke({id, now.wall});
  dependencies_.announce(id);
}

// Whoever shows them first: what is cut would be watched on until then.
void AccountHandler::shut_streams(const std::vector<StreamEpoch>& streams, Now now) {
  for (const StreamEpoch& stream : streams) {
    announce_barred(stream, true);
    if (streams_.revoke) streams_.revoke(stream, now);
  }
}

void AccountHandler::announce_barred(const StreamEpoch& stream, bool is_barred) {
  if (streams_.announce_barred && stream.epoch != kNoEpoch)
    streams_.announce_barred(stream.stream_id, is_barred);
}

}  // namespace millrace::auth
