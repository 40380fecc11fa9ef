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

#include "account_attempts.hpp"
#include "account_repository.hpp"
#include "hash_pool.hpp"
#include "inquiry.hpp"
#include "key_vault.hpp"
#include "mail/message.hpp"
#include "password_hasher.hpp"
#include "request_handler.hpp"
#include "token.hpp"

namespace millrace::auth {

class AccountDesk;

// What it reaches others by; constant. Functions: any thread.
struct AccountOutside {
  bool sign_up = true;
  std::chrono::minutes token_lifetime{30};
  std::string domain{};  // of links in mails
  AttemptLimits attempts{};
  const PasswordHasher* hasher = nullptr;
  HashPool* pool = nullptr;
  const TokenVerifier* tokens = nullptr;
  const KeyVault* vault = nullptr;
  AccessView* access = nullptr;
  // Runs on the desk's thread, with the desk that is there then: after a crash another one.
  std::function<void(std::function<void(AccountDesk&)>)> post{};
  // Empty: no mail server.
  std::function<void(mail::Message)> mail{};
  // Tokens of this subject are judged again.
  std::function<void(const std::string& subject)> announce{};
  // Whether nobody may watch the stream: published to whoever shows it.
  std::function<void(const std::string& stream_id, bool is_barred)> bar{};
  std::function<Now()> now{};  // for answers that come back
};

class AccountDesk {
 public:
  static constexpr std::int64_t kResetUs = 24LL * 3600 * 1'000'000;
  // No password is reset through an address that is younger: its owner learns of the change first.
  static constexpr std::int64_t kYoungAddressUs = 24LL * 3600 * 1'000'000;
  static constexpr std::uint32_t kMaxListed = 100;

  // Cuts what is published of a stream, up to an epoch.
  using Revoke = std::function<void(const StreamEpoch& stream, Now now)>;

  // All outlive the desk.
  AccountDesk(AccountRepository& accounts, const AccountOutside& outside, Revoke revoke)
      : accounts_(accounts), outside_(outside), revoke_(std::move(revoke)), attempts_(outside.attempts) {}

  // What tokens are worth, into the view. Errors: those of the store.
  [[nodiscard]] Result<void> open(Now now);

  // True when it took the inquiry: it answers now or later.
  bool handle(const InquiryPtr& inquiry, Now now);

 private:
  void sign_up(const InquiryPtr& inquiry, Now now);
  void store_account(const InquiryPtr& inquiry, AccountRecord account, Now now);
  void login(const InquiryPtr& inquiry, Now now);
  struct Compared {
    bool matches = false;
    std::string upgraded;  // the hash at today's cost; empty: it is
  };
  void finish_login(const InquiryPtr& inquiry, const std::optional<AccountRecord>& asked,
                    const Compared& compared, Now now);
  void get(const InquiryPtr& inquiry);
  void change(const InquiryPtr& inquiry, Now now);
  void store_changes(const InquiryPtr& inquiry, Now now);
  // Then done when it is the account's password.
  void with_password(const InquiryPtr& inquiry, const AccountRecord& account, const std::string& password,
                     Now now, std::function<void(AccountDesk&, Now)> done);
  void switch_account(const AccountRecord& account, Now now);
  void change_password(const InquiryPtr& inquiry, Now now);
  void store_password(const InquiryPtr& inquiry, const AccountRecord& account, const std::string& hash,
                      Now now);
  void remove(const InquiryPtr& inquiry, Now now);
  void list(const InquiryPtr& inquiry);
  void make_admin(const InquiryPtr& inquiry, Now now);
  void take_back_tokens(const InquiryPtr& inquiry, Now now);
  void recover(const InquiryPtr& inquiry, Now now);
  void reset(const InquiryPtr& inquiry, Now now);
  void use_reset(const InquiryPtr& inquiry, const std::string& lookup, const std::string& hash, Now now);

  // Work on the pool, then done with its value on this thread. False, and answered, when there is no room.
  template <class T>
  bool hashed(const InquiryPtr& inquiry, std::function<Result<T>()> work,
              std::function<void(AccountDesk&, T, Now)> done);
  std::string reset_lookup(std::string_view token) const;
  void shut_streams(const std::vector<StreamEpoch>& streams, Now now);
  void bar(const StreamEpoch& stream, bool is_barred);
  // Also in mails: the tokens of before now are worth nothing.
  void revoke_tokens(const std::string& id, Now now);
  void set_admin(const AccountRecord& account);

  AccountRepository& accounts_;
  const AccountOutside& outside_;
  const Revoke revoke_;
  AccountAttempts attempts_;
};

// Parts of replies.
void answer_error(const InquiryPtr& inquiry, const Error& error);
void answer_account(const InquiryPtr& inquiry, const AccountRecord& account);
void refuse(const InquiryPtr& inquiry, v1::AccountRefusal::Reason reason, std::string_view field = {},
            std::string_view message = {});
void refuse_wait(const InquiryPtr& inquiry, std::uint32_t seconds);
void fill(const AccountRecord& account, v1::Account& message);

template <class T>
bool AccountDesk::hashed(const InquiryPtr& inquiry, std::function<Result<T>()> work,
                         std::function<void(AccountDesk&, T, Now)> done) {
  const bool taken = outside_.pool->submit(
      [inquiry, work = std::move(work), done = std::move(done), post = outside_.post, now = outside_.now] {
        if (now().monotonic_us >= inquiry->deadline_us()) return inquiry->expire();
        Result<T> value = work();
        if (!value) return answer_error(inquiry, value.error());
        post([inquiry, value = std::move(*value), done, now](AccountDesk& desk) {
          const Now present = now();
          if (present.monotonic_us >= inquiry->deadline_us()) return inquiry->expire();
          done(desk, value, present);
        });
      });
  if (!taken) answer_error(inquiry, {"auth.overloaded", "too many passwords are being hashed"});
  return taken;
}

}  // namespace millrace::auth
