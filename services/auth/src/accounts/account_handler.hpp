// Accounts: sign-up, login, changes, recovery. Database steps run here, password hashes on the pool, and in
// between nothing waits:
//
//   login: attempts ─> account or nobody ─> [pool: compare] ─> is it still the same account? ─> token
//   reset: attempts ─> is the link good? ─> [pool: hash] ─> use it up, once ─> tokens of before are refused
//
// Owner: the database actor; its thread only. Calls block for database transactions.
#pragma once

#include <chrono>
#include <functional>

#include "accounts/account_attempts.hpp"
#include "accounts/account_repository.hpp"
#include "accounts/hash_pool.hpp"
#include "accounts/password_hasher.hpp"
#include "base/reply_codes.hpp"
#include "mail/message.hpp"
#include "pending_request.hpp"
#include "streams/key_vault.hpp"
#include "streams/request_handler.hpp"
#include "token.hpp"

namespace millrace::auth {

class AccountHandler;

// What it reaches others by; constant. Functions: any thread.
struct AccountDependencies {
  bool sign_up = true;
  std::chrono::minutes token_lifetime{30};
  std::string domain{};  // of links in mails
  AttemptLimits attempts{};
  const PasswordHasher* hasher = nullptr;
  HashPool* pool = nullptr;
  const TokenVerifier* tokens = nullptr;
  const KeyVault* vault = nullptr;
  AccessView* access = nullptr;
  // Runs on the handler's thread, with the handler that is there then: after a crash another one.
  std::function<void(std::function<void(AccountHandler&)>)> post{};
  // Empty: no mail server.
  std::function<void(mail::Message)> mail{};
  // Tokens of this subject are judged again.
  std::function<void(const std::string& subject)> announce{};
  std::function<Now()> now{};  // for answers that come back
};

// What accounts can do to streams; empty where hooks or a callback decide, as no account owns a stream then.
struct StreamControl {
  // Cuts what is published of a stream, up to an epoch.
  std::function<void(const StreamEpoch& stream, Now now)> revoke{};
  // Whether nobody may watch the stream: published to whoever shows it.
  std::function<void(const std::string& stream_id, bool is_barred)> announce_barred{};
  // Nothing that is recorded of the deleted stream is to stay: published to whoever records.
  std::function<void(const std::string& stream_id)> announce_unwanted{};
};

class AccountHandler {
 public:
  static constexpr std::int64_t kResetUs = 24LL * 3600 * 1'000'000;
  // No password is reset through an address that is younger: its owner learns of the change first.
  static constexpr std::int64_t kYoungAddressUs = 24LL * 3600 * 1'000'000;
  static constexpr std::uint32_t kMaxListed = 100;
  // Deleted streams whose recordings are to go, named at a start; the last deleted first.
  static constexpr std::size_t kMaxUnwanted = 4096;

  // All outlive the handler.
  AccountHandler(AccountRepository& accounts, const AccountDependencies& dependencies, StreamControl streams)
      : accounts_(accounts),
        dependencies_(dependencies),
        streams_(std::move(streams)),
        attempts_(dependencies.attempts) {}

  // What tokens are worth, into the view, and what is not to stay of accounts that are gone, to whoever has
  // it. Errors: those of the store.
  Result<void> open(Now now);
  // The same later, and whoever keeps what tokens are worth forgets it: a change may have been stored
  // although it was answered with an error.
  Result<void> catch_up(Now now);

  // True when it took the request: it answers now or later.
  bool handle(const PendingRequestPtr& pending, Now now);

 private:
  void sign_up(const PendingRequestPtr& pending, Now now);
  void store_account(const PendingRequestPtr& pending, AccountRecord account, Now now);
  void login(const PendingRequestPtr& pending, Now now);
  struct Compared {
    bool matches = false;
    std::string upgraded;  // the hash at today's cost; empty: it is
  };
  void finish_login(const PendingRequestPtr& pending, const std::optional<AccountRecord>& asked,
                    const Compared& compared, Now now);
  void get(const PendingRequestPtr& pending);
  void change(const PendingRequestPtr& pending, Now now);
  void store_changes(const PendingRequestPtr& pending, Now now);
  // Then done when it is the account's password.
  void with_password(const PendingRequestPtr& pending, const AccountRecord& account,
                     const std::string& password, Now now, std::function<void(AccountHandler&, Now)> done);
  void switch_account(const AccountRecord& account, const std::vector<StreamEpoch>& streams, Now now);
  void change_password(const PendingRequestPtr& pending, Now now);
  void store_password(const PendingRequestPtr& pending, const AccountRecord& account, const std::string& hash,
                      Now now);
  void remove(const PendingRequestPtr& pending, Now now);
  void list(const PendingRequestPtr& pending);
  void make_admin(const PendingRequestPtr& pending, Now now);
  void take_back_tokens(const PendingRequestPtr& pending, Now now);
  void recover(const PendingRequestPtr& pending, Now now);
  void reset(const PendingRequestPtr& pending, Now now);
  void use_reset(const PendingRequestPtr& pending, const std::string& lookup, const std::string& hash,
                 Now now);

  // Work on the pool, then done with its value on this thread. False, and answered, when there is no room.
  template <class T>
  bool hashed(const PendingRequestPtr& pending, std::function<Result<T>()> work,
              std::function<void(AccountHandler&, T, Now)> done);
  std::string reset_lookup(std::string_view token) const;
  Result<void> announce_unwanted();
  void shut_streams(const std::vector<StreamEpoch>& streams, Now now);
  void announce_barred(const StreamEpoch& stream, bool is_barred);
  // Also in mails: the tokens of before now are worth nothing.
  void revoke_tokens(const std::string& id, Now now);
  void set_admin(const AccountRecord& account);

  AccountRepository& accounts_;
  const AccountDependencies& dependencies_;
  const StreamControl streams_;
  AccountAttempts attempts_;
};

// Parts of replies.
void answer_error(const PendingRequestPtr& pending, const Error& error);
void answer_account(const PendingRequestPtr& pending, const AccountRecord& account);
void refuse(const PendingRequestPtr& pending, v1::AccountRefusal::Reason reason, std::string_view field = {},
            std::string_view message = {});
void refuse_wait(const PendingRequestPtr& pending, std::uint32_t seconds);
void fill(const AccountRecord& account, v1::Account& message);

template <class T>
bool AccountHandler::hashed(const PendingRequestPtr& pending, std::function<Result<T>()> work,
                            std::function<void(AccountHandler&, T, Now)> done) {
  const bool taken = dependencies_.pool->submit([pending, work = std::move(work), done = std::move(done),
                                                 post = dependencies_.post, now = dependencies_.now] {
    if (now().monotonic_us >= pending->deadline_us()) return pending->expire();
    Result<T> value = work();
    if (!value) return answer_error(pending, value.error());
    post([pending, value = std::move(*value), done, now](AccountHandler& accounts) {
      const Now present = now();
      if (present.monotonic_us >= pending->deadline_us()) return pending->expire();
      done(accounts, value, present);
    });
  });
  if (!taken) answer_error(pending, {reply_codes::kOverloaded, "too many passwords are being hashed"});
  return taken;
}

}  // namespace millrace::auth
