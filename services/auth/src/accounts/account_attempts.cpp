#include "accounts/account_attempts.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

namespace millrace::auth {
namespace {

struct Charge {
  FailureLimiter* limiter;
  std::string name;
};

std::uint32_t try_all(std::span<const Charge> charges, std::int64_t now_us) {
  std::uint32_t wait = 0;
  for (const Charge& charge : charges)
    wait = std::max(wait, charge.limiter->wait_seconds(charge.name, now_us));
  if (wait != 0) return wait;
  for (const Charge& charge : charges) charge.limiter->failed(charge.name, now_us);
  return 0;
}

std::string pair_name(const std::string& account, const std::string& address) {
  return address + " " + account;
}

}  // namespace

AccountAttempts::AccountAttempts(const AttemptLimits& limits)
    : address_(limits.address),
      account_and_address_(limits.account_and_address),
      account_(limits.account),
      sign_up_(limits.sign_up),
      recovery_(limits.recovery),
      mails_(limits.mails),
      own_password_(limits.own_password),
      known_({.burst = 1, .per_second = 0, .max_addresses = limits.account_and_address.max_addresses}) {}

std::uint32_t AccountAttempts::login(const std::string& account, std::string_view peer, std::int64_t now_us) {
  const std::string address = limiter_name(peer);
  const std::string pair = pair_name(account, address);
  std::vector<Charge> charges = {{&address_, address}, {&account_and_address_, pair}};
  const bool known = !known_.may_try(pair, now_us);
  if (!known) charges.push_back({&account_, account});
  return try_all(charges, now_us);
}

void AccountAttempts::logged_in(const std::string& account, std::string_view peer, std::int64_t now_us) {
  login_undecided(account, peer, now_us);
  known_.failed(pair_name(account, limiter_name(peer)), now_us);
}

void AccountAttempts::login_undecided(const std::string& account, std::string_view peer,
                                      std::int64_t now_us) {
  const std::string address = limiter_name(peer);
  const std::string pair = pair_name(account, address);
  address_.forgive(address, now_us);
  account_and_address_.forgive(pair, now_us);
  if (known_.may_try(pair, now_us)) account_.forgive(account, now_us);
}

std::uint32_t AccountAttempts::sign_up(std::string_view peer, std::int64_t now_us) {
  return try_all(std::array{Charge{&sign_up_, limiter_name(peer)}}, now_us);
}

std::uint32_t AccountAttempts::recovery(std::string_view peer, std::int64_t now_us) {
  return try_all(std::array{Charge{&recovery_, limiter_name(peer)}}, now_us);
}

bool AccountAttempts::mail(const std::string& account, std::int64_t now_us) {
  return try_all(std::array{Charge{&mails_, account}}, now_us) == 0;
}

std::uint32_t AccountAttempts::own_password(const std::string& account, std::int64_t now_us) {
  return try_all(std::array{Charge{&own_password_, account}}, now_us);
}

void AccountAttempts::own_password_right(const std::string& account, std::int64_t now_us) {
  own_password_.forgive(account, now_us);
}

}  // namespace millrace::auth
