// How often somebody may guess passwords, make accounts and ask for mails. Every attempt is charged when it
// begins, so that many at once are counted too, and given back when it was right. Memory is bounded; pure;
// one owner; times monotonic, microseconds.
//
// Three counts of logins: by address, by account and address, and by account. The last one is what stops a
// guesser with many addresses, and it never holds up who has logged in from the same address before: an owner
// is not locked out by strangers. From a new address an owner waits seconds while the account is under
// attack, or takes the way by mail.
#pragma once

#include "streams/failure_limiter.hpp"

namespace millrace::auth {

struct AttemptLimits {
  FailureLimits address{.burst = 20, .per_second = 0.2, .max_addresses = 4096};
  FailureLimits account_and_address{.burst = 6, .per_second = 1.0 / 30, .max_addresses = 4096};
  FailureLimits account{.burst = 100, .per_second = 1, .max_addresses = 4096};
  FailureLimits sign_up{.burst = 10, .per_second = 1.0 / 60, .max_addresses = 4096};
  FailureLimits recovery{.burst = 10, .per_second = 1.0 / 30, .max_addresses = 4096};
  FailureLimits mails{.burst = 3, .per_second = 1.0 / 600, .max_addresses = 4096};
  FailureLimits own_password{.burst = 6, .per_second = 1.0 / 30, .max_addresses = 4096};
};

class AccountAttempts {
 public:
  explicit AccountAttempts(const AttemptLimits& limits = {});

  // Whether it may go on: 0, and it is charged; else the seconds to wait.
  std::uint32_t login(const std::string& account, std::string_view peer, std::int64_t now_us);
  void logged_in(const std::string& account, std::string_view peer, std::int64_t now_us);
  // Not an attempt of theirs: the answer did not come from the password.
  void login_undecided(const std::string& account, std::string_view peer, std::int64_t now_us);
  std::uint32_t sign_up(std::string_view peer, std::int64_t now_us);
  // Asking for a mail, and using what stood in one.
  std::uint32_t recovery(std::string_view peer, std::int64_t now_us);
  // Whether this account may get another mail; charged.
  bool mail(const std::string& account, std::int64_t now_us);
  std::uint32_t own_password(const std::string& account, std::int64_t now_us);
  void own_password_right(const std::string& account, std::int64_t now_us);

 private:
  FailureLimiter address_, account_and_address_, account_, sign_up_, recovery_, mails_, own_password_;
  FailureLimiter known_;  // pairs that have logged in: charged once, never given back
};

}  // namespace millrace::auth
