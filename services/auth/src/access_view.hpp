// What a token of an account is worth, in memory, so that VerifyToken asks no database: who is an
// administrator, and whose tokens of before which moment are worth nothing (password changed, switched off,
// deleted). Only moments within the longest life of a token are kept: older tokens have expired. Thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace millrace::auth {

struct Revocation {
  std::string subject;
  std::int64_t at_us = 0;  // wall clock: tokens issued until then are refused
};

class AccessView {
 public:
  // A day: longer than ACCESS_TOKEN_MINUTES can be.
  static constexpr std::int64_t kMemoryUs = 25LL * 3600 * 1'000'000;
  // When more happens in a day, the oldest is forgotten and, to be safe, all tokens issued until then are
  // refused: everybody who logged in before logs in again.
  static constexpr std::size_t kMaxRevocations = 100'000;

  enum class Standing : std::uint8_t {
    kUnknown,  // not loaded yet: nobody can say
    kRefused,
    kUser,
    kAdmin,
  };

  explicit AccessView(std::size_t max_revocations = kMaxRevocations) : max_revocations_(max_revocations) {}

  // All of it, as the database has it.
  void load(const std::vector<std::string>& admins, const std::vector<Revocation>& revocations);
  void revoke(const Revocation& revocation);
  void set_admin(const std::string& subject, bool admin);

  // issued_us: of the token.
  Standing standing(std::string_view subject, std::int64_t issued_us) const;

 private:
  void add(const Revocation& revocation);

  const std::size_t max_revocations_;
  mutable std::mutex mutex_;
  std::unordered_set<std::string> admins_;
  std::unordered_map<std::string, std::int64_t> revoked_;
  std::deque<std::pair<std::int64_t, std::string>> in_order_;
  std::int64_t floor_us_ = 0;
  bool loaded_ = false;
};

}  // namespace millrace::auth
